"""The tutorial model: a small CNN over time. Copy it, edit it, break it; nothing else depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.models.base_models import BaseModel
from src.models.checks import at_least, odd, probability

ACTIVATIONS = {"relu": nn.ReLU, "elu": nn.ELU}


class Model(BaseModel):
    """Four convolutions that halve the time axis and widen the channels, their mean and maximum, a linear head."""

    @dataclass(frozen=True)
    class Config:
        width: int = 16  # channels after the first convolution; doubled twice on the way
        kernel: int = 9  # samples that a convolution sees (odd)
        dropout: float = 0.1  # share of the features left out before the head
        spatial: int = 0  # linear mixes of the channels that the convolutions see instead of them; 0 = the channels
        segments: int = 1  # equal parts of the window with a mean and a maximum each, where it matters when
        activation: Literal["relu", "elu"] = "relu"  # elu keeps the sign of slow potentials

        def __post_init__(self) -> None:
            at_least("spatial", self.spatial, 0)
            at_least("segments", self.segments)
            at_least("width", self.width)
            odd("kernel", self.kernel)
            probability("dropout", self.dropout)

    def __init__(self, channels: int, outputs: int, config: Config | None = None):
        super().__init__()
        config = config or self.Config()
        widths = [config.spatial or channels, config.width, 2 * config.width, 4 * config.width, 4 * config.width]
        self.channels, self.segments = channels, config.segments
        self.spatial = nn.Conv1d(channels, config.spatial, 1, bias=False) if config.spatial else None
        self.features = nn.Sequential(*[
            conv_block(before, after, config.kernel, config.activation) for before, after in pairwise(widths)
        ])
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(2 * widths[-1] * config.segments, outputs)

    @classmethod
    def from_spec(cls, config: Config, spec: SignalSpec, target: TargetSpec) -> Model:
        """One input channel per channel of the data, one output per name of the target."""
        return cls(len(spec.channels), target.outputs, config)

    @property
    def dim(self) -> int:
        return self.head.in_features

    def forward(self, signal: Tensor) -> Tensor:
        """(batch, channels, samples) -> (batch, outputs) logits; any number of samples."""
        self.check_input(signal, self.channels)
        x = signal if self.spatial is None else self.spatial(signal)   # (B, C, T)
        x = self.features(x)                                           # (B, 4 * width, T / 16)
        x = torch.cat(self.pooled(x), dim=1)                           # (B, D)
        return self.head(self.dropout(x))                              # (B, K)

    def pooled(self, x: Tensor) -> list[Tensor]:
        """(batch, width, steps) -> mean and maximum, (batch, width) each, of every segment in turn."""
        if x.shape[-1] < self.segments:
            raise UserError(f"segments={self.segments}: the convolutions leave {x.shape[-1]} steps of this window",
                            f"use at most segments={x.shape[-1]}, or a longer window")
        parts = x.tensor_split(self.segments, dim=-1)
        return [summary for part in parts for summary in (part.mean(dim=-1), part.amax(dim=-1))]


def conv_block(before: int, after: int, kernel: int, activation: str = "relu") -> nn.Sequential:
    """Convolution with stride 2, batch norm, activation: (B, before, T) -> (B, after, T / 2)."""
    convolution = nn.Conv1d(before, after, kernel, stride=2, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm1d(after), ACTIVATIONS[activation]())
