"""Backbones that are pretrained by comparing the views of a batch: CMSC (CLOCS), SimCLR, 3KG; and wav2vec 2.0 with
CMSC. They differ in which views belong together, and in what a view is, which the data decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from src.errors import UserError
from src.models.ecg_transformer.backbone import EcgBackbone
from src.models.ecg_transformer.config import BackboneConfig
from src.models.ecg_transformer.wav2vec2 import Wav2vec2
from src.models.layers.view_contrast import Contrast, by_owner, cmsc

Owner = Literal["record", "subject"]


@dataclass(frozen=True)
class ViewsConfig(BackboneConfig):
    temperature: float = 0.1
    owner: Owner = "record"  # views of one record belong together, or those of one subject

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.temperature <= 0:
            raise UserError(f"temperature is {self.temperature}, expected more than 0")


class Cmsc(EcgBackbone):
    """Signals (batch, channels, samples) -> embeddings (batch, D); two adjacent segments of a record belong together.
    """

    head = None  # the embedding itself is compared

    @dataclass(frozen=True)
    class Config(ViewsConfig):
        pass

    def forward(self, signal: Tensor, time_mask: Tensor | None = None) -> Tensor:
        """(B, C, T) float32, (B, T) bool True = signal -> (B, D): the mean frame."""
        return self.embed(signal, time_mask)

    def exported(self) -> Callable[..., dict[str, Tensor]]:
        return self.encoded

    def contrast(self, embeddings: Tensor, owner: Tensor, segment: Tensor) -> Contrast:
        """Embeddings (B, D), whose they are (B,), which of two segments (B,) -> Contrast."""
        return cmsc(embeddings, owner, segment, self.config.temperature)

    def pairs(self, owner: Tensor) -> Tensor:
        """How many pairs a batch has whose views, two of each record in turn, belong to these: (B,) -> scalar."""
        return (owner[::2, None] == owner[1::2]).sum()

    def backbone(self) -> list[Any]:
        return list(self.children())


class SimClr(Cmsc):
    """The same for two random changes of one record."""

    def contrast(self, embeddings: Tensor, owner: Tensor, segment: Tensor) -> Contrast:
        return by_owner(embeddings, owner, self.config.temperature)

    def pairs(self, owner: Tensor) -> Tensor:
        return (owner[:, None] == owner).sum() - len(owner)


class ThreeKg(SimClr):
    """The same, where the random changes are turns and stretches of the heart's vector, and all views of one subject
    belong together."""

    @dataclass(frozen=True)
    class Config(ViewsConfig):
        owner: Owner = "subject"


class Wav2vec2Cmsc(Wav2vec2):
    """wav2vec 2.0 whose hidden signals are compared too: ECG-FM's and DeepECG-SSL's pretraining."""

    @dataclass(frozen=True)
    class Config(Wav2vec2.Config):
        cmsc_weight: float = 1.0
        cmsc_temperature: float = 0.1
        owner: Owner = "record"  # segments of one record belong together, or those of one subject

    def contrast(self, embeddings: Tensor, owner: Tensor, segment: Tensor) -> Contrast:
        """Embeddings (B, D), whose they are (B,), which of two segments (B,) -> Contrast."""
        return cmsc(embeddings, owner, segment, self.config.cmsc_temperature)
