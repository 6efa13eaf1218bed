"""From the tokens of a record to one vector."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.models.layers.init import init_as_bert


def nonzero_mean(tokens: Tensor, keep: Tensor | None = None) -> Tensor:
    """(B, N, D) tokens, (B, N) bool True = counts -> (B, D): of each feature the mean over its values that are not 0.

    With padding that is the mean over what counts; the few exact zeros elsewhere are left out too, as in
    fairseq-signals, whose published weights were trained so.
    """
    if keep is not None:
        tokens = tokens.masked_fill(~keep[..., None], 0.0)
    return tokens.sum(1) / (tokens != 0).sum(1).clamp(min=1)


class CrossAttention(nn.Module):
    """Queries look at tokens."""

    def __init__(self, d_model: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        self.q, self.kv = nn.Linear(d_model, d_model), nn.Linear(d_model, 2 * d_model)
        self.proj = nn.Linear(d_model, d_model)

    def forward(self, queries: Tensor, tokens: Tensor) -> Tensor:
        """(B, Q, D), (B, N, D) -> (B, Q, D)."""
        q, k, v = (x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
                   for x in (self.q(queries), *self.kv(tokens).chunk(2, -1)))
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Two linear maps with GELU between them."""

    def __init__(self, d_model: int, d_ff: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(tokens)))


class CrossAttentionBlock(nn.Module):
    """Queries, plus what they see in the normalised tokens, plus a feed-forward part."""

    def __init__(self, d_model: int, n_heads: int):
        super().__init__()
        self.norm1, self.xattn = nn.LayerNorm(d_model), CrossAttention(d_model, n_heads)
        self.norm2, self.mlp = nn.LayerNorm(d_model), FeedForward(d_model, 4 * d_model)

    def forward(self, queries: Tensor, tokens: Tensor) -> Tensor:
        queries = queries + self.xattn(queries, self.norm1(tokens))
        return queries + self.mlp(self.norm2(queries))


class AttentivePooler(nn.Module):
    """One learnt query looks at all tokens (V-JEPA, Bardes et al. 2024, 4.3)."""

    def __init__(self, d_model: int, n_heads: int):
        super().__init__()
        self.query_tokens = nn.Parameter(torch.zeros(1, 1, d_model))
        self.cross_attention_block = CrossAttentionBlock(d_model, n_heads)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, D)."""
        return self.cross_attention_block(self.query_tokens.expand(tokens.shape[0], -1, -1), tokens)[:, 0]


class AttentiveClassifier(nn.Module):
    """Attentive pooling and a linear map. Keys are those of DeepECG-SSL; padded tokens are zero and not left out."""

    def __init__(self, d_model: int, n_heads: int, n_labels: int):
        super().__init__()
        self.pooler, self.linear = AttentivePooler(d_model, n_heads), nn.Linear(d_model, n_labels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.pooler.query_tokens)
        init_as_bert(self)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, K)."""
        return self.linear(self.pooler(tokens))
