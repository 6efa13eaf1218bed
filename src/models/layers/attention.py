"""Multi-head attention whose queries and keys are layer-normalised (one norm for all heads).

- The inner width `n_heads * d_head` need not be the model's width.
- Scores may be added from block to block (RealFormer, He et al. 2021).
- torch's fused attention is used unless scores must be seen or a CPU drops weights out.
- The softmax subtracts the maximum; the original's does not, with equal values until scores exceed 88, where it
  overflows.
State-dict keys are Du-IN's.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.models.layers.dropout import Dropout, dropout
from src.models.layers.dropped_attention import dropped_attention, suits
from src.models.layers.positions import RotaryEmbedding


class Attended(NamedTuple):
    """What attention gives: `tokens` (B, N, D), or (B, N, H, d_head) where heads are not mixed yet; after dropout
    `weights` and before softmax `scores`, both (B, H, N, N) and None where nobody asked for them."""

    tokens: Tensor
    weights: Tensor | None = None
    scores: Tensor | None = None


def attend(q: Tensor, k: Tensor, v: Tensor, keep: Tensor | None, scale: float = 1.0, dropout_p: float = 0.0) -> Tensor:
    """dropout(softmax(scale q k^T)) v: queries (B, M, H, d_head), keys and values (B, N, H, d_head) ->
    (B, M, H, d_head).

    `keep`: bool mask that broadcasts to (B, H, M, N), True = may be seen.
    """
    if dropout_p and q.device.type == "cpu":  # torch has no fused kernel for this
        if suits(q, k, v):
            return dropped_attention(q, k, v, keep, scale, dropout_p)
        return explicit_attention(q * scale, k, v, keep, dropout_p=dropout_p).tokens
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    return F.scaled_dot_product_attention(q, k, v, keep, dropout_p, scale=scale).transpose(1, 2)


def explicit_attention(q: Tensor, k: Tensor, v: Tensor, keep: Tensor | None, previous: Tensor | None = None,
                       dropout_p: float = 0.0) -> Attended:
    """The same of scaled queries with weights and scores; `previous` scores are added to these."""
    q, k, v = (part.transpose(1, 2).contiguous() for part in (q, k, v))  # here, once, and not in each product
    scores = q @ k.transpose(-2, -1)
    scores = scores if previous is None else scores + previous
    scores = scores if keep is None else scores.masked_fill(~keep, float("-inf"))
    weights = dropout(scores.softmax(-1), dropout_p)
    return Attended((weights @ v).transpose(1, 2), weights, scores)


class HeadProjection(nn.Module):
    """One linear map into all heads."""

    def __init__(self, d_model: int, n_heads: int, d_head: int):
        super().__init__()
        self.n_heads = n_heads
        self.W = nn.Linear(d_model, n_heads * d_head)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, H, d_head)."""
        return self.W(tokens).unflatten(-1, (self.n_heads, -1))


class ScaledDotProduct(nn.Module):
    """Holds the scale 1 / sqrt(d_head) of the scores; a fixed number that the original keeps in the state dict."""

    def __init__(self, d_head: int, dropout: float):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(d_head**-0.5), requires_grad=False)
        self.dropout = dropout


class MultiHeadAttention(nn.Module):
    """Self-attention; see the module's head."""

    def __init__(self, d_model: int, n_heads: int, d_head: int, rot_theta: float | None = None,
                 attn_dropout: float = 0.0, proj_dropout: float = 0.0):
        super().__init__()
        if rot_theta is not None:
            self.emb_rotary = RotaryEmbedding(d_head, rot_theta)
        self.rotates = rot_theta is not None
        self.W_q = HeadProjection(d_model, n_heads, d_head)
        self.W_k = HeadProjection(d_model, n_heads, d_head)
        self.W_v = HeadProjection(d_model, n_heads, d_head)
        self.norm_q = nn.LayerNorm(d_head)
        self.norm_k = nn.LayerNorm(d_head)
        self.attention = ScaledDotProduct(d_head, attn_dropout)
        self.proj = nn.Sequential(nn.Linear(n_heads * d_head, d_model), Dropout(proj_dropout))

    def forward(self, tokens: Tensor, keep: Tensor | None = None, previous: Tensor | None = None,
                need_scores: bool = False, asking: Tensor | None = None) -> Attended:
        """(B, N, D) tokens, bool mask `keep` that broadcasts to (B, H, N, N), True = may be seen -> Attended.

        `asking` (B, M, D) are the tokens that attend to these where not all of them do (without rotary positions).
        """
        q, k, v = self._heads(tokens, tokens if asking is None else asking)
        dropout_p = self.attention.dropout if self.training else 0.0
        if need_scores or previous is not None:
            seen = explicit_attention(q, k, v, keep, previous, dropout_p)
        else:
            seen = Attended(attend(q, k, v, keep, dropout_p=dropout_p))
        return seen._replace(tokens=self.proj(seen.tokens.flatten(2)))

    def _heads(self, tokens: Tensor, asking: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, N, D), (B, M, D) -> queries (B, M, H, d_head), which carry the scale of the scores, keys, values
        (B, N, H, d_head)."""
        scale, norm = self.attention.scale, self.norm_q
        # scaling the norm's 2 * d_head numbers is scaling every query
        q = F.layer_norm(self.W_q(asking), norm.normalized_shape, norm.weight * scale, norm.bias * scale, norm.eps)
        k, v = self.norm_k(self.W_k(tokens)), self.W_v(tokens)
        return (self._rotated(q), self._rotated(k), v) if self.rotates else (q, k, v)

    def _rotated(self, heads: Tensor) -> Tensor:
        return self.emb_rotary(heads.transpose(1, 2)).transpose(1, 2)
