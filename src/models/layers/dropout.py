"""Dropout whose masks cost half as much on a CPU.

torch draws a double per element there; here a mask is 32 random bits per element against a threshold, from the same
generator. Elsewhere, and where a graph is compiled or exported, it is torch's own.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """Zero each element with probability `p` (to within 2^-32) and divide the others by 1 - p; any shape."""
    if not training or p == 0 or x.device.type != "cpu" or torch.compiler.is_compiling():
        return F.dropout(x, p, training)
    words = torch.empty((x.numel() + 1) // 2, dtype=torch.int64).random_(-(2**63), None)  # None = all 64 bits
    bits = words.view(torch.int32)[: x.numel()].view(x.shape)
    return x * (bits >= round(p * 2**32) - 2**31).to(x.dtype).mul_(1 / (1 - p))


class Dropout(nn.Dropout):
    """`dropout` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, self.training)
