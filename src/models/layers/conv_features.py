"""Convolutions from a signal to frames, all channels mixed in the first one (wav2vec 2.0, 2; Baevski et al. 2020).

State-dict keys are fairseq's: `conv_layers.<i>.0` the convolution, `.2` its norm (`.2.1` where it is over channels).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import Tensor, nn


class _Transpose(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mT


class ConvFeatures(nn.Module):
    """Convolution, norm, exact GELU per layer; without padding.

    `norm`: group = each filter over time (GroupNorm of one filter per group), in the first layer alone; layer = over
    the filters at each time, in every layer.
    """

    def __init__(self, channels: int, n_filters: tuple[int, ...], kernel_sizes: tuple[int, ...],
                 n_strides: tuple[int, ...], norm: Literal["group", "layer"] = "group", bias: bool = False):
        super().__init__()
        self.sizes = tuple(zip(kernel_sizes, n_strides, strict=True))
        layers, width = [], channels
        for depth, (filters, (kernel, stride)) in enumerate(zip(n_filters, self.sizes, strict=True)):
            parts: OrderedDict[str, nn.Module] = OrderedDict()
            parts["0"] = nn.Conv1d(width, filters, kernel, stride, bias=bias)
            if norm == "layer":
                parts["2"] = nn.Sequential(_Transpose(), nn.LayerNorm(filters), _Transpose())
            elif depth == 0:
                parts["2"] = nn.GroupNorm(filters, filters)
            parts["3"] = nn.GELU()
            layers.append(nn.Sequential(parts))
            width = filters
        self.conv_layers = nn.ModuleList(layers)

    def reset_parameters(self) -> None:
        """Kaiming's normal weights for ReLU; norms that change nothing."""
        for part in self.modules():
            if isinstance(part, nn.Conv1d):
                part.reset_parameters()
                nn.init.kaiming_normal_(part.weight)
            elif isinstance(part, (nn.GroupNorm, nn.LayerNorm)):
                part.reset_parameters()

    def forward(self, signal: Tensor) -> Tensor:
        """(B, C, T) -> (B, D, N) features of N frames."""
        for layer in self.conv_layers:
            signal = layer(signal)
        return signal

    def frames(self, samples: Tensor | int) -> Tensor | int:
        """How many frames so many samples make; 0 or less where they are too few."""
        for kernel, stride in self.sizes:
            samples = (samples - kernel) // stride + 1
        return samples

    @property
    def shortest(self) -> int:
        """Samples of one frame."""
        samples = 1
        for kernel, stride in reversed(self.sizes):
            samples = (samples - 1) * stride + kernel
        return samples
