"""Attention with dropout for training on a CPU, where torch has no fused kernel for it: one head after the other.

A head's scores stay in the cache from the first step to the last, heads are read where they lie behind the tokens, and
the backward pass is given the probabilities and a mask of two bytes, half of what autograd would keep.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from src.models.layers.dropout import draw_mask

FEWEST_SCORES = 128 * 128  # of one head and record; below, many small products cost what the cache saves


def suits(q: Tensor, k: Tensor, v: Tensor) -> bool:
    """Whether `dropped_attention` pays and can be used: eagerly, on a CPU, in one number format."""
    eager = not (torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu"))
    return (eager and q.device.type == "cpu" and q.dtype == k.dtype == v.dtype
            and q.shape[1] * k.shape[1] >= FEWEST_SCORES)


def dropped_attention(q: Tensor, k: Tensor, v: Tensor, keep: Tensor | None, scale: float, dropout_p: float) -> Tensor:
    """dropout(softmax(scale q k^T)) v: queries (B, M, H, d_head), keys and values (B, N, H, d_head) ->
    (B, M, H, d_head).

    `keep`: bool mask that broadcasts to (B, H, M, N), True = may be seen.
    """
    if keep is not None:
        keep = keep.expand(len(q), q.shape[2], q.shape[1], k.shape[1])
    return _DroppedAttention.apply(q, k, v, keep, scale, dropout_p)  # pyright: ignore[reportReturnType]


class _DroppedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, keep: Tensor | None, scale: float, p: float) -> Tensor:
        (batch, rows, heads, width), columns = q.shape, k.shape[1]
        weights = q.new_empty(heads, batch, rows, columns)
        mask, raised = draw_mask(weights.shape, p)
        scores, seen = torch.empty_like(weights[0]), q.new_empty(heads, batch, rows, width)
        for h in range(heads):
            torch.baddbmm(scores, q[:, :, h], k[:, :, h].mT, beta=0, alpha=scale, out=scores)
            if keep is not None:
                scores.masked_fill_(~keep[:, h], float("-inf"))
            torch.softmax(scores, -1, out=weights[h])
            torch.mul(weights[h], mask[h], out=scores)
            torch.bmm(scores, v[:, :, h], out=seen[h])
        ctx.save_for_backward(q, k, v, weights, mask)
        ctx.scale, ctx.raised = scale, raised
        return _behind_tokens(seen).mul_(raised)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        q, k, v, weights, mask = ctx.saved_tensors
        grad, scale = grad * ctx.raised, ctx.scale
        of_q, of_k, of_v = (part.new_empty(part.permute(2, 0, 1, 3).shape) for part in (q, k, v))
        room = torch.empty_like(weights[0])
        for h in range(len(weights)):
            torch.mul(weights[h], mask[h], out=room)
            torch.bmm(room.mT, grad[:, :, h], out=of_v[h])
            torch.bmm(grad[:, :, h], v[:, :, h].mT, out=room)
            room.mul_(mask[h]).mul_(weights[h])  # through the dropout, then through the softmax: p (g - sum of g p)
            room.addcmul_(weights[h], room.sum(-1, keepdim=True), value=-1)
            torch.baddbmm(of_q[h], room, k[:, :, h], beta=0, alpha=scale, out=of_q[h])
            torch.baddbmm(of_k[h], room.mT, q[:, :, h], beta=0, alpha=scale, out=of_k[h])
        return _behind_tokens(of_q), _behind_tokens(of_k), _behind_tokens(of_v), None, None, None


def _behind_tokens(heads: Tensor) -> Tensor:
    """(H, B, N, d_head) -> a new (B, N, H, d_head)."""
    return heads.permute(1, 2, 0, 3).contiguous()
