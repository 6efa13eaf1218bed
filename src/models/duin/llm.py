"""Du-IN's phoneme model: the initial and the final of the syllable that is spoken, for each token.

The original's loss sees the finals only, and it runs a quantiser that reaches no prediction; both are the replica's
alone. Source: the code of Du-IN (NeurIPS 2024); the paper does not use it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.data.signal import SignalSpec, TargetSpec
from src.models.checks import at_least
from src.models.duin.backbone import DuinBackbone, quantizer
from src.models.duin.config import DuinConfig, HeadConfig, QuantizerConfig
from src.models.layers.heads import TokenHead

FINALS = 36
NO_GRADIENT_REPLICA = {
    "vq_block.*": "the quantiser's output is not used",
    "cls_blocks.0.*": "the original's loss leaves out the initials",
}


class DuinLlm(DuinBackbone):
    """Signals (batch, channels, samples) and subjects -> logits of the initials and of the finals, per token."""

    @dataclass(frozen=True)
    class Config(DuinConfig):
        n_initials: int = 22  # the finals are the data's
        head: HeadConfig = field(default_factory=HeadConfig)
        quantizer: QuantizerConfig = field(default_factory=QuantizerConfig)

        def __post_init__(self) -> None:
            super().__post_init__()
            at_least("n_initials", self.n_initials)

    unused = ("vq_block",)

    def __init__(self, config: Any, channels: int, samples: int, n_finals: int = FINALS, rate_hz: float = 1000.0):
        super().__init__(config, channels, samples, rate_hz)
        self.no_gradient |= NO_GRADIENT_REPLICA if config.replica else {}
        self.vq_block = quantizer(self.dim, config.quantizer, True) if config.replica else None
        self.cls_blocks = nn.ModuleList(TokenHead(self.dim, n, config.head.d_hidden, config.head.dropout)
                                        for n in (config.n_initials, n_finals))

    @classmethod
    def from_spec(cls, config: Any, spec: SignalSpec, target: TargetSpec) -> DuinLlm:
        """As the backbone's, with one final per name of `target`."""
        return cls(config, len(spec.channels), spec.samples, target.outputs, spec.rate_hz)

    def forward(self, signal: Tensor, subject: Tensor, kmeans_init_idxs: Tensor | None = None) -> dict[str, Tensor]:
        """(B, C, T) float32, (B,) int64 or (B, S) weights -> logits {"initials": (B, N, 22), "finals": (B, N, 36)}.

        In the replica the quantiser runs for its state's sake; `kmeans_init_idxs` replaces the draw of its start.
        """
        tokens = self.encode(signal, subject)
        if self.vq_block is not None:
            self.vq_block(tokens, kmeans_init_idxs)
        return dict(zip(("initials", "finals"), (head(tokens) for head in self.cls_blocks)))

    @property
    def head(self) -> nn.Module:
        return self.cls_blocks


def token_loss(logits: Tensor, label: Tensor, mask: Tensor) -> Tensor:
    """Mean cross-entropy of the tokens in `mask`: (B, N, K), (B, N) int64, (B, N) bool -> scalar; 0 where none is."""
    losses = F.cross_entropy(logits.flatten(0, 1), label.flatten(), reduction="none")
    counted = mask.flatten().to(losses.dtype)
    return torch.where(mask.flatten(), losses, 0.0).sum() / (counted.sum() + 1e-12)
