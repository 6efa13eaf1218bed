"""Where a token stands in time: sinusoid tables and rotary angles."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def sinusoids(length: int, width: int) -> Tensor:
    """(length, width): sin at even, cos at odd columns, angles t * 10000^(-2j / width). Vaswani et al. 2017, 3.5."""
    rates = torch.exp(torch.arange(0, width, 2) * -(math.log(10000.0) / width))
    angles = torch.arange(length, dtype=torch.float32)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width].contiguous()


class TimeEmbedding(nn.Module):
    """Adds a fixed sinusoid table; it is in the state dict, as in the original, and never trained."""

    def __init__(self, d_model: int, max_len: int):
        super().__init__()
        self.time_encodings = nn.Parameter(sinusoids(max_len, d_model), requires_grad=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D), N at most max_len."""
        return tokens + self.time_encodings[: tokens.shape[1]]


class RotaryEmbedding(nn.Module):
    """Turns each pair of features by an angle that grows with the position. RoFormer (Su et al. 2021), 3.2."""

    def __init__(self, d_head: int, theta: float):
        super().__init__()
        self.freqs = nn.Parameter(theta ** (-torch.arange(0, d_head, 2).float() / d_head), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(..., N, d_head) -> the same shape."""
        angles = torch.arange(x.shape[-2], device=x.device)[:, None] * self.freqs
        angles = angles.repeat_interleave(2, dim=-1).to(x.dtype)
        even, odd = x[..., 0::2], x[..., 1::2]
        turned = torch.stack([-odd, even], dim=-1).flatten(-2)
        return x * angles.cos() + turned * angles.sin()
