"""Multi-subject Du-IN ("poms"): a tokenizer, and a head of the reconstruction, per subject; the transformer is shared.

Instead of a linear map of the channels per subject before one tokenizer, the first convolution of each subject's
tokenizer takes the channels. In training mode the original's tokenizers all see the whole batch, and their batch norms
mix the subjects' statistics; here only the replica's do. Source: the code of Du-IN (NeurIPS 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from src.models.checks import probability
from src.models.duin.backbone import DuinBackbone
from src.models.duin.classifier import DuinClassifier
from src.models.duin.config import (
    BackboneConfig,
    CodesConfig,
    ContrastConfig,
    HeadConfig,
    QuantizerConfig,
    ReconstructionConfig,
)
from src.models.duin.mae import DuinMae
from src.models.duin.reconstruction import patch_signal_head
from src.models.duin.vqvae import DuinVqvae
from src.models.layers.subject import PerSubject
from src.models.layers.tokenizers import Convolution, PatchTokenizer
from src.models.layers.transformer import EncoderConfig

NO_GRADIENT_MANY = {
    "tokenizers.*": "a batch without the subject passes its tokenizer by",
    "rgs_blocks.*": "a batch without the subject passes its head by",
}


class PomsBackbone(DuinBackbone):
    """The stem of the multi-subject networks; to be named before the network whose stem it replaces."""

    taken = ("tokenizers", "encoder")

    def _add_stem(self, config: BackboneConfig, blocks: Sequence[Convolution]) -> int:
        self.no_gradient |= NO_GRADIENT_MANY if config.n_subjects > 1 else {}
        self.tokenizers = PerSubject((PatchTokenizer(self.channels, self.seg_len, blocks)
                                      for _ in range(config.n_subjects)), shared_statistics=config.replica)
        return cast(PatchTokenizer, self.tokenizers[0]).width

    def tokenize(self, signal: Tensor, subject: Tensor) -> Tensor:
        self.check_input(signal, self.channels, self.samples)
        return self.tokenizers(signal, subject)

    def subject_parts(self) -> list[nn.Module]:
        return list(self.tokenizers)

    @torch.no_grad()
    def channel_weights(self) -> Tensor:
        """(S, C): mean |weight| of each channel in the first convolution, times what its batch norm makes of it."""
        return torch.stack([_first_weights(cast(nn.Module, tokenizer)).mean((0, 2)) for tokenizer in self.tokenizers])


def _first_weights(tokenizer: nn.Module) -> Tensor:
    """(filters, C, kernel) absolute weights with the scale of the batch norm behind them."""
    block = cast(Any, tokenizer).conv_blocks[0]
    weights = block[0][-1].weight.abs()
    for norm in block.modules():
        if isinstance(norm, nn.BatchNorm2d):
            scale = norm.weight.abs() / (cast(Tensor, norm.running_var) + norm.eps).sqrt()
            weights = weights * scale[:, None, None]
    return weights


class PomsVqvae(PomsBackbone, DuinVqvae):
    """`DuinVqvae` for several subjects."""

    @dataclass(frozen=True)
    class Config(BackboneConfig):
        quantizer: QuantizerConfig = field(default_factory=lambda: QuantizerConfig(codex_size=1024))
        decoder: EncoderConfig = field(default_factory=lambda: EncoderConfig(n_blocks=4))
        reconstruction: ReconstructionConfig = field(
            default_factory=lambda: ReconstructionConfig(n_filters=(128, 128, 128)))

    taken = (*PomsBackbone.taken, "vq_block")

    def _add_reconstruction(self, config: Any) -> None:
        self.rgs_blocks = PerSubject((patch_signal_head(config.reconstruction, self.dim, self.seg_len, self.channels)
                                      for _ in range(config.n_subjects)), shared_statistics=config.replica)

    def reconstruct(self, tokens: Tensor, subject: Tensor) -> Tensor:
        return self.rgs_blocks(self.decode(tokens), subject)

    @property
    def head(self) -> nn.Module:
        return self.rgs_blocks


class PomsMae(PomsBackbone, DuinMae):
    """`DuinMae` for several subjects."""

    @dataclass(frozen=True)
    class Config(BackboneConfig):
        quantizer: CodesConfig = field(default_factory=lambda: CodesConfig(codex_size=1024))
        head: HeadConfig = field(default_factory=lambda: HeadConfig(d_hidden=()))
        mask_ratio: float = 0.5  # of the tokens, hidden in the first pass; the others are in the second

        def __post_init__(self) -> None:
            super().__post_init__()
            probability("mask_ratio", self.mask_ratio)


class PomsClassifier(PomsBackbone, DuinClassifier):
    """`DuinClassifier` for several subjects."""

    @dataclass(frozen=True)
    class Config(BackboneConfig):
        head: HeadConfig = field(default_factory=HeadConfig)
        quantizer: QuantizerConfig = field(default_factory=lambda: QuantizerConfig(codex_size=1024))
        contrast: ContrastConfig = field(default_factory=ContrastConfig)
