"""The transformer encoder of BERT and wav2vec 2.0: plain attention, GELU, norms after or before. Keys are fairseq's."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.models.layers.attention import attend, explicit_attention
from src.models.layers.dropout import Dropout
from src.models.layers.init import init_as_bert


class Encoded(NamedTuple):
    """`tokens` (B, N, D) and, where asked for, `weights` (B, L, N, N): attention of each layer, mean over its heads."""

    tokens: Tensor
    weights: Tensor | None = None


class SelfAttention(nn.Module):
    """softmax(q k^T / sqrt(d_head)) v over H heads, by torch's fused kernels unless the weights must be seen."""

    def __init__(self, d_model: int, n_heads: int, dropout: float = 0.0):
        super().__init__()
        self.n_heads, self.dropout = n_heads, dropout
        self.q_proj, self.k_proj = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.v_proj, self.out_proj = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)

    def forward(self, tokens: Tensor, keep: Tensor | None = None,
                need_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """(B, N, D), bool mask that broadcasts to (B, H, N, N), True = may be seen -> (B, N, D), (B, H, N, N) or None.
        """
        q, k, v = (project(tokens).unflatten(-1, (self.n_heads, -1))
                   for project in (self.q_proj, self.k_proj, self.v_proj))
        dropout_p, scale = self.dropout if self.training else 0.0, q.shape[-1] ** -0.5
        if need_weights:
            seen, weights, _ = explicit_attention(q * scale, k, v, keep, dropout_p=dropout_p)
        else:
            seen, weights = attend(q, k, v, keep, scale, dropout_p), None
        return self.out_proj(seen.flatten(2)), weights


class EncoderLayer(nn.Module):
    """Attention and feed-forward part, each added to what goes in; norms after the sums (post) or before (pre)."""

    def __init__(self, d_model: int, n_heads: int, d_ff: int, norm_first: bool = False, dropout: float = 0.0,
                 attn_dropout: float = 0.0, ff_dropout: float = 0.0):
        super().__init__()
        self.norm_first = norm_first
        self.self_attn = SelfAttention(d_model, n_heads, attn_dropout)
        self.self_attn_layer_norm = nn.LayerNorm(d_model)
        self.fc1, self.fc2 = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)
        self.final_layer_norm = nn.LayerNorm(d_model)
        self.dropout, self.ff_dropout = Dropout(dropout), Dropout(ff_dropout)

    def forward(self, tokens: Tensor, keep: Tensor | None = None, need_weights: bool = False) -> Encoded:
        """(B, N, D) and attention's arguments -> (B, N, D) and its weights (B, H, N, N)."""
        if self.norm_first:
            seen, weights = self.self_attn(self.self_attn_layer_norm(tokens), keep, need_weights)
            tokens = tokens + self.dropout(seen)
            return Encoded(tokens + self._feed_forward(self.final_layer_norm(tokens)), weights)
        seen, weights = self.self_attn(tokens, keep, need_weights)
        tokens = self.self_attn_layer_norm(tokens + self.dropout(seen))
        return Encoded(self.final_layer_norm(tokens + self._feed_forward(tokens)), weights)

    def _feed_forward(self, tokens: Tensor) -> Tensor:
        return self.dropout(self.fc2(self.ff_dropout(F.gelu(self.fc1(tokens)))))


class Encoder(nn.Module):
    """Layers in order. The norm `layer_norm` is over the input where norms come after, over the output else."""

    def __init__(self, n_layers: int, d_model: int, n_heads: int, d_ff: int, norm_first: bool = False,
                 dropout: float = 0.0, attn_dropout: float = 0.0, ff_dropout: float = 0.0, layerdrop: float = 0.0):
        super().__init__()
        self.norm_first, self.layerdrop = norm_first, layerdrop
        self.layers = nn.ModuleList(EncoderLayer(d_model, n_heads, d_ff, norm_first, dropout, attn_dropout, ff_dropout)
                                    for _ in range(n_layers))
        self.layer_norm = nn.LayerNorm(d_model)
        self.dropout = Dropout(dropout)

    def reset_parameters(self) -> None:
        init_as_bert(self)

    def forward(self, tokens: Tensor, keep: Tensor | None = None, need_weights: bool = False,
                layer_draws: Tensor | None = None) -> Encoded:
        """(B, N, D), bool mask that broadcasts to (B, H, N, N), True = may be seen -> Encoded.

        `layer_draws` (L,) in 0..1 replace the draws of layerdrop: training skips a layer at or below `layerdrop`.
        """
        tokens = self.dropout(tokens if self.norm_first else self.layer_norm(tokens))
        drawn = self._draws(layer_draws)
        maps = []
        for layer, draw in zip(self.layers, drawn, strict=True):
            if draw > self.layerdrop:
                tokens, weights = layer(tokens, keep, need_weights)
                maps.append(weights)
        if need_weights:
            maps = [weights.mean(1) for weights in maps]
        tokens = self.layer_norm(tokens) if self.norm_first else tokens
        return Encoded(tokens, torch.stack(maps, 1) if need_weights else None)

    def _draws(self, given: Tensor | None) -> list[float]:
        if not (self.training and self.layerdrop):
            return [1.0] * len(self.layers)
        return (torch.rand(len(self.layers)) if given is None else given).tolist()
