"""The 1-D ResNet of the ECG tensor pipeline: a wide stem, four stages of two GELU blocks, average pool, linear.

- Width 40 gives the 1.5 M parameters that the pipeline promises (1,505,805 for one lead and five classes);
  its published default is 64 (3,846,981), the preset `base` here.
- Weights start as `init_weights` says: Kaiming normal (fan out), batch norm 1 and 0, head N(0, 0.01) and 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from src.data.signal import SignalSpec, TargetSpec
from src.models.base_models import BaseModel
from src.models.checks import at_least, probability
from src.models.resnet.init import init_convolutions

STEM_KERNEL = 15  # samples
STAGES = 4
BLOCKS_PER_STAGE = 2


class ResNet1d(BaseModel):
    """(batch, channels, samples) of any length -> (batch, outputs) logits."""

    @dataclass(frozen=True)
    class Config:
        width: int = 40  # channels of the stem and of stage 1; doubled by each further stage
        dropout: float = 0.2  # between the two convolutions of a block, and before the head

        def __post_init__(self) -> None:
            at_least("width", self.width)
            probability("dropout", self.dropout)

    def __init__(self, channels: int, outputs: int, config: Config | None = None):
        super().__init__()
        config = config or self.Config()
        widths = [config.width * 2**stage for stage in range(STAGES)]
        self.channels = channels
        self.stem = nn.Sequential(
            nn.Conv1d(channels, config.width, STEM_KERNEL, stride=2, padding=STEM_KERNEL // 2, bias=False),
            nn.BatchNorm1d(config.width),
            nn.GELU(),
            nn.MaxPool1d(3, stride=2, padding=1),
        )
        self.stages = nn.ModuleList(
            make_stage(before, after, config.dropout, stride=1 if stage == 0 else 2)
            for stage, (before, after) in enumerate(zip([config.width, *widths], widths))
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(widths[-1], outputs)

    @classmethod
    def from_spec(cls, config: Config, spec: SignalSpec, target: TargetSpec) -> ResNet1d:
        """One input channel per lead, one logit per name of the target."""
        return cls(len(spec.channels), target.outputs, config)

    @property
    def dim(self) -> int:
        return self.head.in_features

    def forward(self, signal: Tensor) -> Tensor:
        """(batch, channels, samples) -> (batch, outputs) logits."""
        self.check_input(signal, self.channels)
        x = self.stem(signal)                      # (B, width, T / 4)
        for stage in self.stages:
            x = stage(x)                           # (B, 8 * width, T / 32) after the last
        return self.head(self.dropout(x.mean(dim=-1)))

    def init_weights(self) -> None:
        init_convolutions(self)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def layer_depths(self) -> dict[str, int]:
        """Stem 0, stages 1 to 4, head 5."""
        return {name: stage_depth(name) for name, _ in self.named_parameters()}


def stage_depth(name: str) -> int:
    """Depth of one parameter by its name: 'stages.2.0.conv1.weight' -> 3."""
    top, index = name.split(".")[:2]
    return {"stem": 0, "head": STAGES + 1}[top] if top != "stages" else int(index) + 1


class ResidualBlock(nn.Module):
    """GELU(BN(conv(dropout(GELU(BN(conv x))))) + skip): (B, before, T) -> (B, after, T / stride)."""

    def __init__(self, before: int, after: int, dropout: float, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv1d(before, after, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm1d(after)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv1d(after, after, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm1d(after)
        self.activation = nn.GELU()
        self.skip = nn.Identity()
        if stride != 1 or before != after:
            self.skip = nn.Sequential(nn.Conv1d(before, after, 1, stride=stride, bias=False), nn.BatchNorm1d(after))

    def forward(self, x: Tensor) -> Tensor:
        y = self.dropout(self.activation(self.norm1(self.conv1(x))))
        return self.activation(self.norm2(self.conv2(y)) + self.skip(x))


def make_stage(before: int, after: int, dropout: float, stride: int) -> nn.Sequential:
    """Two blocks; the first changes width and length."""
    blocks = [ResidualBlock(before, after, dropout, stride)]
    blocks += [ResidualBlock(after, after, dropout) for _ in range(BLOCKS_PER_STAGE - 1)]
    return nn.Sequential(*blocks)
