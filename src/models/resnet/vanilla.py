"""ResNet-18 and ResNet-50 (He et al. 2016, 'Deep residual learning', table 1) with 1-D operations.

- torchvision's structure: the stride of a bottleneck sits in its 3-tap convolution, and the names of the parameters
  are torchvision's, so a body's state dict is recognised by anyone.
- fairseq-signals stores the same body under the prefix `featuare_extractor.` (sic); such a state dict loads as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from src.data.signal import SignalSpec, TargetSpec
from src.models.base_models import BaseModel
from src.models.checks import at_least, probability
from src.models.resnet.init import init_convolutions

FAIRSEQ_PREFIX = "featuare_extractor."  # misspelt in the files


class BasicBlock(nn.Module):
    """Two 3-tap convolutions and a skip: (B, before, T) -> (B, width, T / stride)."""

    expansion = 1

    def __init__(self, before: int, width: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv1d(before, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm1d(width)
        self.conv2 = nn.Conv1d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm1d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(before, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class Bottleneck(nn.Module):
    """1-tap, 3-tap, 1-tap convolutions and a skip: (B, before, T) -> (B, 4 * width, T / stride)."""

    expansion = 4

    def __init__(self, before: int, width: int, stride: int = 1):
        super().__init__()
        after = width * self.expansion
        self.conv1 = nn.Conv1d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm1d(width)
        self.conv2 = nn.Conv1d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm1d(width)
        self.conv3 = nn.Conv1d(width, after, 1, bias=False)
        self.bn3 = nn.BatchNorm1d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(before, after, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        return self.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def shortcut(before: int, after: int, stride: int) -> nn.Module:
    """Nothing where the shape stays, else a 1-tap convolution with batch norm."""
    if stride == 1 and before == after:
        return nn.Identity()
    return nn.Sequential(nn.Conv1d(before, after, 1, stride=stride, bias=False), nn.BatchNorm1d(after))


BLOCKS: dict[str, type[BasicBlock] | type[Bottleneck]] = {"basic": BasicBlock, "bottleneck": Bottleneck}


class ResNetBody(nn.Module):
    """Stem, four stages and the mean over time: (batch, in_channels, samples) -> (batch, dim, 1).

    `layers` blocks in each stage, `stem` channels after the first convolution, `widths` of the stages before the
    expansion (x4 in a bottleneck).
    """

    def __init__(self, in_channels: int, block: Literal["basic", "bottleneck"], layers: Sequence[int],
                 stem: int = 64, widths: Sequence[int] = (64, 128, 256, 512)):
        super().__init__()
        kind = BLOCKS[block]
        self.conv1 = nn.Conv1d(in_channels, stem, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm1d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool1d(3, stride=2, padding=1)
        before = [stem, *[width * kind.expansion for width in widths]]
        self.layer1 = make_stage(kind, before[0], widths[0], layers[0], stride=1)
        self.layer2 = make_stage(kind, before[1], widths[1], layers[1], stride=2)
        self.layer3 = make_stage(kind, before[2], widths[2], layers[2], stride=2)
        self.layer4 = make_stage(kind, before[3], widths[3], layers[3], stride=2)
        self.dim = before[4]

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))             # (B, stem, T / 4)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))        # (B, D, T / 32)
        return x.mean(dim=-1, keepdim=True)


def make_stage(kind: type[BasicBlock] | type[Bottleneck], before: int, width: int, blocks: int,
               stride: int) -> nn.Sequential:
    first = kind(before, width, stride)
    return nn.Sequential(first, *[kind(width * kind.expansion, width) for _ in range(blocks - 1)])


class VanillaResNet(BaseModel):
    """A body and a linear head: (batch, channels, samples) of any length -> (batch, outputs) logits."""

    block: ClassVar[Literal["basic", "bottleneck"]]
    layers: ClassVar[tuple[int, ...]]

    @dataclass(frozen=True)
    class Config:
        width: int = 64  # channels of the stem and of stage 1; doubled by each further stage
        dropout: float = 0.0  # before the head; the original has none

        def __post_init__(self) -> None:
            at_least("width", self.width)
            probability("dropout", self.dropout)

    def __init__(self, channels: int, outputs: int, config: Config | None = None):
        super().__init__()
        config = config or self.Config()
        widths = [config.width * 2**stage for stage in range(4)]
        self.channels = channels
        self.body = ResNetBody(channels, self.block, self.layers, config.width, widths)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(self.body.dim, outputs)
        self.register_load_state_dict_pre_hook(rename_fairseq_prefix)

    @classmethod
    def from_spec(cls, config: Config, spec: SignalSpec, target: TargetSpec) -> VanillaResNet:
        """One input channel per channel of the data, one logit per name of the target."""
        return cls(len(spec.channels), target.outputs, config)

    @property
    def dim(self) -> int:
        return self.body.dim

    def forward(self, signal: Tensor) -> Tensor:
        """(batch, channels, samples) -> (batch, outputs) logits."""
        self.check_input(signal, self.channels)
        return self.head(self.dropout(self.body(signal).flatten(1)))

    def init_weights(self) -> None:
        init_convolutions(self)

    def layer_depths(self) -> dict[str, int]:
        """Stem 0, stages 1 to 4, head 5."""
        return {name: self._depth(name) for name, _ in self.named_parameters()}

    @staticmethod
    def _depth(name: str) -> int:
        if name.startswith("head."):
            return 5
        part = name.split(".")[1]
        return int(part.removeprefix("layer")) if part.startswith("layer") else 0


class ResNet18(VanillaResNet):
    """Two basic blocks per stage."""

    block, layers = "basic", (2, 2, 2, 2)


class ResNet50(VanillaResNet):
    """3, 4, 6 and 3 bottlenecks."""

    block, layers = "bottleneck", (3, 4, 6, 3)


def rename_fairseq_prefix(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Let `load_state_dict` find the body in a fairseq-signals state dict."""
    for name in [name for name in state if name.startswith(prefix + FAIRSEQ_PREFIX)]:
        state[prefix + "body." + name.removeprefix(prefix + FAIRSEQ_PREFIX)] = state.pop(name)
