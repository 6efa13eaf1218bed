"""Transformer encoder with normalised queries and keys. State-dict keys and initial weights are Du-IN's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from src.models.checks import at_least, probability
from src.models.layers.attention import Attended, MultiHeadAttention
from src.models.layers.dropout import Dropout
from src.models.layers.init import init_linears


@dataclass(frozen=True)
class EncoderConfig:
    """A stack of transformer blocks; the defaults are Du-IN's."""

    n_blocks: int = 8
    n_heads: int = 8
    d_head: int = 64  # n_heads * d_head need not be the width of the tokens
    d_ff: int | None = None  # hidden width of the feed-forward part; None = twice the width of the tokens
    attn_dropout: float = 0.2
    proj_dropout: float = 0.0
    ff_dropout: tuple[float, float] = (0.2, 0.0)  # after the first and after the second linear map
    rot_theta: float | None = None  # base of rotary positions; None = none
    res_attn: bool = False  # add each block's scores to the next block's
    norm_first: bool = False  # normalise before attention and feed-forward (the residual is then the normalised one)

    def __post_init__(self) -> None:
        for name in ("n_blocks", "n_heads", "d_head"):
            at_least(f"encoder.{name}", getattr(self, name))
        at_least("encoder.d_ff", 1 if self.d_ff is None else self.d_ff)
        for name in ("attn_dropout", "proj_dropout"):
            probability(f"encoder.{name}", getattr(self, name))
        for value in self.ff_dropout:
            probability("encoder.ff_dropout", value)


def take(tokens: Tensor, rows: Tensor) -> Tensor:
    """(B, N, D), (B, M) int64 -> (B, M, D)."""
    return tokens.gather(1, rows[..., None].expand(-1, -1, tokens.shape[-1]))


class FeedForward(nn.Module):
    """Two linear maps with ReLU between them, over each token."""

    def __init__(self, d_model: int, d_ff: int, dropout: tuple[float, float]):
        super().__init__()
        self.fc1 = nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(inplace=True), Dropout(dropout[0]))
        self.fc2 = nn.Sequential(nn.Linear(d_ff, d_model), Dropout(dropout[1]))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        return self.fc2(self.fc1(tokens))


class TransformerBlock(nn.Module):
    """Attention and feed-forward, each with a residual and a layer norm."""

    def __init__(self, d_model: int, config: EncoderConfig):
        super().__init__()
        self.norm_first = config.norm_first
        self.mha = MultiHeadAttention(d_model, config.n_heads, config.d_head, config.rot_theta,
                                      config.attn_dropout, config.proj_dropout)
        self.norm_mha = nn.LayerNorm(d_model)
        self.ffn = FeedForward(d_model, config.d_ff or 2 * d_model, config.ff_dropout)
        self.norm_ffn = nn.LayerNorm(d_model)

    def forward(self, tokens: Tensor, keep: Tensor | None = None, previous: Tensor | None = None,
                need_scores: bool = False, rows: Tensor | None = None) -> Attended:
        """(B, N, D) tokens and attention's arguments -> Attended, its tokens (B, N, D); (B, M, D) of the tokens `rows`
        (B, M) where not all are wanted."""
        tokens = self.norm_mha(tokens) if self.norm_first else tokens
        asking = tokens if rows is None else take(tokens, rows)
        seen = self.mha(tokens, keep, previous, need_scores, asking)
        tokens = asking + seen.tokens
        tokens = self.norm_ffn(tokens) if self.norm_first else self.norm_mha(tokens)
        tokens = tokens + self.ffn(tokens)
        return Attended(tokens if self.norm_first else self.norm_ffn(tokens), seen.weights, seen.scores)


class TransformerStack(nn.Module):
    """Blocks in order. Every linear weight of block i (from 0) starts with std 0.02 / sqrt(2 (i + 1))."""

    def __init__(self, d_model: int, config: EncoderConfig):
        super().__init__()
        self.res_attn = config.res_attn
        self.xfmr_blocks = nn.ModuleList(TransformerBlock(d_model, config) for _ in range(config.n_blocks))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        for depth, block in enumerate(self.xfmr_blocks):
            init_linears(block)
            for part in block.modules():
                if isinstance(part, nn.Linear):
                    part.weight /= math.sqrt(2 * (depth + 1))
                elif isinstance(part, nn.LayerNorm):
                    part.reset_parameters()

    def forward(self, tokens: Tensor, keep: Tensor | None = None) -> Tensor:
        """(B, N, D) tokens, bool mask `keep` that broadcasts to (B, H, N, N), True = may be seen -> (B, N, D)."""
        return self.attend(tokens, keep, need_scores=False).tokens

    def some(self, tokens: Tensor, rows: Tensor) -> Tensor:
        """(B, N, D) -> (B, M, D), the tokens `rows` (B, M) alone: the last block leaves the others out."""
        *blocks, last = self.xfmr_blocks
        if self.res_attn or cast(TransformerBlock, last).mha.rotates:  # these count on all tokens in their order
            return take(self(tokens), rows)
        for block in blocks:
            tokens = block(tokens).tokens
        return last(tokens, rows=rows).tokens

    def attend(self, tokens: Tensor, keep: Tensor | None = None, need_scores: bool = True) -> Attended:
        """The same with the weights and scores of the last block."""
        previous, seen = None, Attended(tokens)
        for block in self.xfmr_blocks:
            seen = block(seen.tokens, keep, previous, need_scores or self.res_attn)
            previous = seen.scores if self.res_attn else None
        return seen
