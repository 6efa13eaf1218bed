"""The tutorial model: a small CNN over time. Copy it, edit it, break it; nothing else depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from src.data.signal import SignalSpec, TargetSpec
from src.models.base_models import BaseModel
from src.models.checks import at_least, odd, probability


class Model(BaseModel):
    """Four convolutions that halve the time axis and widen the channels, their mean and maximum, a linear head."""

    @dataclass(frozen=True)
    class Config:
        width: int = 16  # channels after the first convolution; doubled twice on the way
        kernel: int = 9  # samples that a convolution sees (odd)
        dropout: float = 0.1  # share of the features left out before the head

        def __post_init__(self) -> None:
            at_least("width", self.width)
            odd("kernel", self.kernel)
            probability("dropout", self.dropout)

    def __init__(self, channels: int, outputs: int, config: Config | None = None):
        super().__init__()
        config = config or self.Config()
        widths = [channels, config.width, 2 * config.width, 4 * config.width, 4 * config.width]
        self.channels = channels
        self.features = nn.Sequential(*[
            conv_block(before, after, config.kernel) for before, after in pairwise(widths)
        ])
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(2 * widths[-1], outputs)

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
        x = self.features(signal)                                      # (B, 4 * width, T / 16)
        x = torch.cat([x.mean(dim=-1), x.amax(dim=-1)], dim=1)         # (B, D)
        return self.head(self.dropout(x))                              # (B, K)


def conv_block(before: int, after: int, kernel: int) -> nn.Sequential:
    """Convolution with stride 2, batch norm, ReLU: (B, before, T) -> (B, after, T / 2)."""
    convolution = nn.Conv1d(before, after, kernel, stride=2, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm1d(after), nn.ReLU())
