"""Dropout whose masks cost a quarter as much on a CPU.

torch draws a double per element there; here a mask is 16 random bits per element against a threshold, from the same
generator. Elsewhere, and where a graph is compiled or exported, it is torch's own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEVELS = 1 << 16


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """Zero each element with probability `p` to within 1 / 131072, and scale the others so that the mean stays as it
    is; any shape."""
    if not training or p == 0 or x.device.type != "cpu" or torch.compiler.is_compiling():
        return F.dropout(x, p, training)
    mask, raised = draw_mask(x.shape, p)
    return x * mask.to(x.dtype).mul_(raised)


def draw_mask(shape: Sequence[int], p: float) -> tuple[Tensor, float]:
    """On a CPU: int16 of 0 (with probability `p` to within 1 / 131072) and 1, and what to multiply by for the mean."""
    count, dropped = math.prod(shape), min(round(p * LEVELS), LEVELS - 1)
    words = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)  # None = all 64 bits
    bits = words.view(torch.int16)[:count].view(shape)
    return bits.ge_(dropped - LEVELS // 2), LEVELS / (LEVELS - dropped)  # a comparison to bool costs ten times as much


class Dropout(nn.Dropout):
    """`dropout` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, self.training)
