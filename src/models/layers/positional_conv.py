"""Positions from a wide grouped convolution over the tokens, weight-normed per tap (wav2vec 2.0, 2)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PositionalConvolution(nn.Module):
    """What is to be added to the tokens.

    The weight of tap k is g[k] v[:, :, k] / |v[:, :, k]| (Salimans and Kingma 2016, over both channel axes). An even
    kernel makes one token too many, and the last is dropped. Where no gradient is asked for in evaluation, the weight
    is normalised once and kept.
    """

    def __init__(self, d_model: int, kernel_size: int, n_groups: int):
        super().__init__()
        self.n_groups, self.kernel_size = n_groups, kernel_size
        self.weight_g = nn.Parameter(torch.empty(1, 1, kernel_size))
        self.weight_v = nn.Parameter(torch.empty(d_model, d_model // n_groups, kernel_size))
        self.bias = nn.Parameter(torch.empty(d_model))
        self._kept: tuple[tuple, Tensor] | None = None
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight_v, std=math.sqrt(4 / (self.kernel_size * len(self.bias))))
        self.weight_g.copy_(self._norms())
        nn.init.zeros_(self.bias)

    def _norms(self) -> Tensor:
        return torch.linalg.vector_norm(self.weight_v, dim=(0, 1), keepdim=True)

    def weight(self) -> Tensor:
        """(D, D / groups, kernel), as the convolution uses it."""
        if self.training or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return self.weight_v * (self.weight_g / self._norms())
        state = tuple((p.data_ptr(), p._version, p.dtype) for p in (self.weight_g, self.weight_v))
        if self._kept is None or self._kept[0] != state:
            self._kept = state, self.weight_v * (self.weight_g / self._norms())
        return self._kept[1]

    def train(self, mode: bool = True) -> PositionalConvolution:
        self._kept = None
        return super().train(mode)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        moved = F.conv1d(tokens.mT, self.weight(), self.bias, padding=self.kernel_size // 2, groups=self.n_groups)
        return F.gelu(moved[..., : tokens.shape[1]].mT)
