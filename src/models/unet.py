"""A symmetric 1-D U-Net (Ronneberger et al. 2015): an encoder, a decoder of the same shape, skips between them.

- One body, two heads: a label per sample from what the decoder gives (target kind `samples`), or a label per record
  from the mean and the maximum over time of the deepest level and of the decoder's output. The deepest level is pooled
  too because the decoder's few channels alone learn records slowly.
- Any length: the signal is padded with zeros to the next multiple of 2 ** depth and the output is cropped back.
- Deviations: 'same' padding in place of valid convolutions, batch norm, nearest-neighbour upsampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from src.data.signal import SignalSpec, TargetSpec
from src.models.base_models import BaseModel
from src.models.checks import at_least, odd, probability
from src.models.resnet.init import init_convolutions


class UNet(BaseModel):
    """(batch, channels, samples) -> (batch, outputs) logits, or (batch, outputs, samples) when `per_sample`."""

    @dataclass(frozen=True)
    class Config:
        width: int = 16  # channels at the signal's own rate; doubled by each level
        depth: int = 4  # how often the rate is halved
        kernel: int = 7  # samples that a convolution sees (odd)
        dropout: float = 0.1  # between the convolutions of a block

        def __post_init__(self) -> None:
            at_least("width", self.width)
            at_least("depth", self.depth)
            odd("kernel", self.kernel)
            probability("dropout", self.dropout)

    def __init__(self, channels: int, outputs: int, config: Config | None = None, per_sample: bool = False):
        super().__init__()
        config = config or self.Config()
        widths = [config.width * 2**level for level in range(config.depth + 1)]
        self.channels, self.depth, self.per_sample = channels, config.depth, per_sample
        self.encoder = nn.ModuleList(
            double_conv(before, after, config) for before, after in zip([channels, *widths], widths)
        )
        self.decoder = nn.ModuleList(
            double_conv(low + high, high, config) for low, high in zip(widths[:0:-1], widths[-2::-1])
        )
        pooled = 2 * (widths[0] + widths[-1])
        self.head = nn.Conv1d(widths[0], outputs, 1) if per_sample else nn.Linear(pooled, outputs)

    @classmethod
    def from_spec(cls, config: Config, spec: SignalSpec, target: TargetSpec) -> UNet:
        """One input channel per channel of the data; the target's kind decides between the heads."""
        return cls(len(spec.channels), target.outputs, config, per_sample=target.kind == "samples")

    @property
    def dim(self) -> int:
        return self.head.weight.shape[1]

    def forward(self, signal: Tensor) -> Tensor:
        """(batch, channels, samples) -> (batch, outputs), or (batch, outputs, samples) when `per_sample`."""
        self.check_input(signal, self.channels)
        deepest, decoded = self.features(signal)
        if self.per_sample:
            return self.head(decoded)                                               # (B, K, T)
        pooled = [summary for x in (deepest, decoded) for summary in (x.mean(dim=-1), x.amax(dim=-1))]
        return self.head(torch.cat(pooled, dim=1))                                  # (B, K)

    def features(self, signal: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, channels, samples) -> the deepest level (batch, width * 2 ** depth, samples / 2 ** depth, rounded up)
        and what the decoder makes of it (batch, width, samples)."""
        samples = signal.shape[-1]
        x = F.pad(signal, (0, -samples % 2**self.depth))
        skips = []
        for block in self.encoder[:-1]:
            skips.append(block(x))
            x = F.max_pool1d(skips[-1], 2)
        deepest = x = self.encoder[-1](x)
        for block in self.decoder:
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0), skips.pop()], dim=1))
        return deepest, x[..., :samples]

    def init_weights(self) -> None:
        init_convolutions(nn.ModuleList([self.encoder, self.decoder]))

    def layer_depths(self) -> dict[str, int]:
        """Blocks in the order in which the signal meets them; the head last."""
        depths = {f"encoder.{level}": level for level in range(self.depth + 1)}
        depths |= {f"decoder.{level}": self.depth + 1 + level for level in range(self.depth)}
        last = 2 * self.depth + 1
        return {name: depths.get(".".join(name.split(".")[:2]), last) for name, _ in self.named_parameters()}


def double_conv(before: int, after: int, config: UNet.Config) -> nn.Sequential:
    """Convolution, batch norm, ReLU, twice, with dropout between: (B, before, T) -> (B, after, T)."""
    return nn.Sequential(
        nn.Conv1d(before, after, config.kernel, padding=config.kernel // 2, bias=False),
        nn.BatchNorm1d(after),
        nn.ReLU(inplace=True),
        nn.Dropout(config.dropout),
        nn.Conv1d(after, after, config.kernel, padding=config.kernel // 2, bias=False),
        nn.BatchNorm1d(after),
        nn.ReLU(inplace=True),
    )
