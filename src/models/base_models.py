"""`BaseModel`: what the trainer, the report and the exports ask of every network.

Write your own in `model.py` beside this file: `forward`, `dim`, and (if you like) `init_weights`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError


class BaseModel(nn.Module, ABC):
    """A network from signals (batch, channels, samples) to whatever its target asks.

    - `Config`: a frozen dataclass with every hyperparameter, its default and meaning (`--model_args key=value`).
    - `inputs`: the fields of a Batch that `forward` takes, signal first.
    - `head`: the last module, replaced or trained alone in probing; `backbone()` is the rest.
    """

    @dataclass(frozen=True)
    class Config:
        pass

    inputs: tuple[str, ...] = ("signal",)
    weights_loaded = False  # set by whoever loaded weights: `init_weights` is then left out
    no_gradient: dict[str, str] = {}  # noqa: RUF012  parameter name pattern -> why it gets no gradient

    @classmethod
    def from_spec(cls, config, spec: SignalSpec, target: TargetSpec) -> BaseModel:
        """Build the network for signals of `spec` and targets of `target`."""
        raise UserError(f"{cls.__name__} does not say how to build itself from data",
                        "give it a classmethod from_spec(config, spec, target); see docs/add_your_own_model.md")

    @abstractmethod
    def forward(self, *args, **kwargs):
        """The network's output; its shape is stated by each model."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Width of the features that leave the backbone."""

    def exported(self) -> Callable[..., torch.Tensor | dict[str, torch.Tensor]]:
        """What `export.py` writes: a function whose parameters are `inputs` by name, those with a default optional. It
        gives one tensor or several by name. What is pretrained gives its encoder."""
        return self.forward  # pyright: ignore[reportReturnType]  its shape is stated by each model

    def init_weights(self) -> None:
        """Called once by the trainer before the first step; the default keeps what the layers drew."""

    def backbone(self) -> list[nn.Module]:
        """What `--freeze backbone` freezes: every child but the head."""
        head = getattr(self, "head", None)
        return [child for child in self.children() if child is not head]

    def subject_parts(self) -> list[nn.Module]:
        """What each subject has for itself (`--freeze all_but_subject` trains it alone)."""
        return []

    def layer_depths(self) -> dict[str, int]:
        """Parameter name -> depth for layer-wise decay: 0 the stem .. L the head; by default the order of children."""
        depths = {name: depth for depth, (name, _) in enumerate(self.named_children())}
        return {name: depths.get(name.split(".")[0], 0) for name, _ in self.named_parameters()}

    def check_input(self, signal: torch.Tensor, channels: int, samples: int | None = None) -> None:
        """Raise UserError unless `signal` is (batch, channels, samples); samples None = any length."""
        wanted = f"(batch, {channels}, {samples if samples is not None else 'samples'})"
        wrong = signal.dim() != 3 or signal.shape[1] != channels or (samples is not None and signal.shape[2] != samples)
        if wrong:
            raise UserError(f"{type(self).__name__} expects a signal of shape {wanted}, found {tuple(signal.shape)}",
                            "check the channels, the sampling rate and the window of the data")
