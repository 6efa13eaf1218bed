"""What a signal is: the specs that travel from preparation to report, one recording, one sample, one batch.

Masks are True where there is signal. What is absent is NaN in a `Recording` and 0 in a `Sample` or `Batch`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from src.errors import UserError

if TYPE_CHECKING:  # evaluation needs the specs alone: compare.py starts without torch
    import torch

TargetKind = Literal["classes", "multilabel", "value", "tokens", "samples", "signal", "embedding", "none"]


@dataclass(frozen=True)
class SignalSpec:
    """What goes into a model: `channels` by name, `rate_hz`, `unit` (mV, uV), `samples` per channel and, in order,
    every step of preparation and normalisation in words; `resampling` is the method used where a rate was changed and
    `preparation` holds the options of `prepare.py` that made the data (empty: none), replayed on new recordings."""

    channels: tuple[str, ...]
    rate_hz: float
    unit: str
    samples: int
    steps: tuple[str, ...] = ()
    resampling: str = "polyphase"
    preparation: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return self.samples / self.rate_hz

    def with_steps(self, *steps: str) -> SignalSpec:
        return replace(self, steps=(*self.steps, *steps))

    def __str__(self) -> str:
        return f"{len(self.channels)} channels, {self.samples} samples at {self.rate_hz:g} Hz in {self.unit}"

    def to_dict(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> SignalSpec:
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


# kind -> (default loss, default monitored metric, "max" or "min")
TARGET_DEFAULTS: dict[str, tuple[str, str, str]] = {
    "classes": ("ce", "accuracy", "max"),
    "multilabel": ("bce", "auroc", "max"),
    "value": ("mse", "mae", "min"),
    "tokens": ("ce", "accuracy", "max"),
    "samples": ("ce", "f1_macro", "max"),
    "signal": ("mse", "loss", "min"),
    "embedding": ("none", "loss", "min"),
    "none": ("none", "loss", "min"),
}


@dataclass(frozen=True)
class TargetSpec:
    """What comes out: its kind and the name of each output neuron, in order.

    The kind gives the default loss, the monitored metric and its direction, and the report's sections.
    """

    kind: TargetKind
    names: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        return len(self.names)

    @property
    def loss(self) -> str:
        return TARGET_DEFAULTS[self.kind][0]

    @property
    def monitor(self) -> str:
        return TARGET_DEFAULTS[self.kind][1]

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "names": list(self.names)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TargetSpec:
        return cls(values["kind"], tuple(values["names"]))


@dataclass
class Annotations:
    """What was marked in a recording, in order of time; all columns have one row per mark.

    `sample` counts at the recording's sampling rate; `symbol` is the kind of the mark (N, V, + of WFDB; empty where
    the format has none) and `note` its text. `length` is 0 for a point in time.
    """

    sample: np.ndarray  # (n,) int64
    symbol: np.ndarray  # (n,) str
    note: np.ndarray  # (n,) str
    length: np.ndarray  # (n,) int64 samples

    def __len__(self) -> int:
        return len(self.sample)

    @classmethod
    def none(cls) -> Annotations:
        empty, text = np.zeros(0, np.int64), np.zeros(0, str)
        return cls(empty, text, text, empty)


@dataclass
class Recording:
    """One recording as read: `signal` (channels, samples) float32 in `unit`, NaN where nothing was recorded.

    `unit` is that of every channel; where a file mixes units it is that of the first and `metadata["units"]` has all.
    """

    name: str
    signal: np.ndarray
    sampling_rate_hz: float
    channel_names: tuple[str, ...]
    unit: str
    metadata: dict[str, Any] = field(default_factory=dict)
    annotations: Annotations = field(default_factory=Annotations.none)


@dataclass
class Sample:
    """What `BaseDataset.read` gives: `signal` (channels, samples) float32 and its label (int, vector, or array)."""

    signal: np.ndarray
    label: Any = 0
    channel_mask: np.ndarray | None = None  # (channels,) bool; None = all present
    time_mask: np.ndarray | None = None  # (samples,) bool; None = all present
    extra: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass
class Batch:
    """`signal` (batch, channels, samples) float32 and what belongs to it; see the module's head for the masks."""

    signal: torch.Tensor
    label: torch.Tensor  # (batch,) int64 classes, (batch, K) float32 multilabel (NaN: not known) or value
    channel_mask: torch.Tensor  # (batch, channels) bool
    time_mask: torch.Tensor  # (batch, samples) bool
    subject: torch.Tensor  # (batch,) int64, index into the data set's subjects
    index: torch.Tensor  # (batch,) int64, row of `records`
    group: torch.Tensor  # (batch,) int64, views of one record share it
    extra: dict[str, torch.Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.signal)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on `device`; pinned memory is copied without waiting."""
        move = {name: getattr(self, name).to(device, non_blocking=True) for name in BATCH_FIELDS}
        return Batch(**move, extra={name: value.to(device, non_blocking=True) for name, value in self.extra.items()})

    def pin_memory(self) -> Batch:
        pinned = {name: getattr(self, name).pin_memory() for name in BATCH_FIELDS}
        return Batch(**pinned, extra={name: value.pin_memory() for name, value in self.extra.items()})

    def field(self, name: str) -> torch.Tensor:
        """A field or an extra by name, as `BaseModel.inputs` names them."""
        if name in BATCH_FIELDS:
            return getattr(self, name)
        if name not in self.extra:
            raise UserError(f"the model wants the input {name!r}, which these data do not have",
                            f"they have: {', '.join([*BATCH_FIELDS, *self.extra])}")
        return self.extra[name]


BATCH_FIELDS = ("signal", "label", "channel_mask", "time_mask", "subject", "index", "group")
