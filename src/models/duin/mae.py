"""Du-IN's second stage: each token's code is predicted from the others.

Half of the tokens are hidden in one pass and the other half in a second pass, so that every token is predicted once,
while it was hidden; both passes are one call on a doubled batch. Source: Zheng et al., Du-IN, NeurIPS 2024, 3.3, and
its code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from src.models.checks import probability
from src.models.duin.backbone import DuinBackbone
from src.models.duin.config import CodesConfig, DuinConfig, HeadConfig
from src.models.layers.heads import TokenHead
from src.models.layers.init import STD
from src.models.layers.transformer import take


class DuinMae(DuinBackbone):
    """Signals (batch, channels, samples) and subjects -> logits of the codes (batch, N, K)."""

    @dataclass(frozen=True)
    class Config(DuinConfig):
        quantizer: CodesConfig = field(default_factory=CodesConfig)
        head: HeadConfig = field(default_factory=lambda: HeadConfig(d_hidden=()))
        mask_ratio: float = 0.5  # of the tokens, hidden in the first pass; the others are in the second

        def __post_init__(self) -> None:
            super().__post_init__()
            probability("mask_ratio", self.mask_ratio)

    eval_noise: Tensor

    def __init__(self, config: Any, channels: int, samples: int, rate_hz: float = 1000.0):
        super().__init__(config, channels, samples, rate_hz)
        self.mask_emb = nn.Parameter(torch.empty(self.dim))
        self.cls_block = TokenHead(self.dim, config.quantizer.codex_size, config.head.d_hidden, config.head.dropout)
        # one mask for all of evaluation, so that its numbers can be compared; the original draws there too
        fixed = torch.rand(1, self.n_tokens, device="cpu", generator=torch.Generator("cpu").manual_seed(0))
        self.register_buffer("eval_noise", fixed, persistent=False)
        nn.init.trunc_normal_(self.mask_emb, std=STD)

    def forward(self, signal: Tensor, subject: Tensor, noise: Tensor | None = None) -> Tensor:
        """(B, C, T) float32, (B,) int64 or (B, S) weights of the subjects -> (B, N, K) logits.

        `noise` (B, N) replaces the uniform draw that decides what is hidden when.
        """
        tokens = self.tokenize(signal, subject)
        hidden = self.hidden(self._draw(tokens) if noise is None else noise)
        first = torch.where(hidden[..., None], self.mask_emb, tokens)
        second = torch.where(hidden[..., None], tokens, self.mask_emb)
        return self.cls_block(self._encode_hidden(first, second, hidden))

    def _encode_hidden(self, first: Tensor, second: Tensor, hidden: Tensor) -> Tensor:
        """(B, N, D) tokens of both passes -> (B, N, D), each token from the pass in which it was hidden; the last
        block computes no other."""
        order = hidden.byte().argsort(dim=1, stable=True)  # those hidden in the second pass stand first
        kept, later = self._kept(order.shape[1]), order.shape[1] - self._kept(order.shape[1])
        rows = max(kept, later)  # the smaller number is filled up
        asked = torch.cat([order[:, -rows:], order[:, :rows]])
        seen_first, seen_second = self.transformer.some(self.emb_time(torch.cat([first, second])), asked).chunk(2)
        return take(torch.cat([seen_second[:, :kept], seen_first[:, rows - later:]], 1), order.argsort(dim=1))

    def hidden(self, noise: Tensor) -> Tensor:
        """(B, N) uniform numbers -> (B, N) bool, True = hidden in the first pass: all but the smallest numbers."""
        return noise.argsort(dim=1, stable=True).argsort(dim=1) >= self._kept(noise.shape[1])

    def _kept(self, tokens: int) -> int:
        """How many of them the first pass sees."""
        return int(tokens * (1 - self.config.mask_ratio))

    def _draw(self, tokens: Tensor) -> Tensor:
        if self.training or self.config.replica:
            return torch.rand(tokens.shape[:2], device=tokens.device)
        return self.eval_noise.expand(len(tokens), -1)

    def exported(self) -> Callable[..., dict[str, Tensor]]:
        return self.encoded

    def init_weights(self) -> None:
        super().init_weights()
        nn.init.trunc_normal_(self.mask_emb, std=STD)

    def backbone(self) -> list[nn.Module]:
        return [*super().backbone(), nn.ParameterList([self.mask_emb])]

    @property
    def head(self) -> nn.Module:
        return self.cls_block
