"""What stands behind an encoder: class logits per record or per token, or a signal. State-dict keys are Du-IN's."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any, cast

import torch.nn.functional as F
from torch import Tensor, nn

from src.models.layers.init import init_linears


def _hidden(d_input: int, d_hidden: tuple[int, ...]) -> list[nn.Module]:
    widths = (d_input, *d_hidden)
    return [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in zip(widths, d_hidden)]


def _dropout(p: float) -> list[nn.Module]:
    return [nn.Dropout(p)] if p > 0 else []


class LabelHead(nn.Module):
    """All tokens of a record at once -> logits; `sigmoid` squashes them, as Du-IN does before its cross-entropy."""

    def __init__(self, d_feature: int, n_labels: int, d_hidden: tuple[int, ...] = (128,), dropout: float = 0.0,
                 sigmoid: bool = False):
        super().__init__()
        last = nn.Linear((d_feature, *d_hidden)[-1], n_labels)
        self.cls_head = nn.Sequential(nn.Flatten(), *_hidden(d_feature, d_hidden), *_dropout(dropout),
                                      nn.Sequential(last, nn.Sigmoid()) if sigmoid else nn.Sequential(last))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        init_linears(self)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D), N * D = d_feature -> (B, n_labels)."""
        return self.cls_head(tokens)


class TokenHead(nn.Module):
    """Each token by itself -> logits over a vocabulary, or any other vector."""

    def __init__(self, d_model: int, n_outputs: int, d_hidden: tuple[int, ...] = (), dropout: float = 0.0):
        super().__init__()
        last = nn.Linear((d_model, *d_hidden)[-1], n_outputs)
        self.cls_head = nn.Sequential(*_hidden(d_model, d_hidden), *_dropout(dropout), nn.Sequential(last))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        init_linears(self)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, n_outputs)."""
        return self.cls_head(tokens)


class SignalHead(nn.Module):
    """Tokens -> a signal, by transposed convolutions without activation; stride s makes the length s times as long.

    With `steps`, each token is first split into so many steps of d_model / steps features.
    """

    def __init__(self, d_model: int, n_filters: tuple[int, ...], kernel_sizes: tuple[int, ...],
                 n_strides: tuple[int, ...], dilation_rates: tuple[int, ...], d_output: int,
                 d_hidden: tuple[int, ...] = (), steps: int | None = None):
        super().__init__()
        widths = (d_model // (steps or 1), *n_filters)
        split = [] if steps is None else [SplitTokens(steps)]
        # the original's key names: 0.1, where 0.0 was a permutation
        deconvolutions = [nn.Sequential(nn.Sequential(OrderedDict({"1": Deconvolution(*sizes)})))
                          for sizes in zip(widths, n_filters, kernel_sizes, n_strides, dilation_rates)]
        hidden = [nn.Sequential(nn.Linear(a, b), nn.GELU(), nn.LayerNorm(b))
                  for a, b in zip((n_filters[-1], *d_hidden), d_hidden)]
        last = nn.Sequential(nn.Linear((n_filters[-1], *d_hidden)[-1], d_output))
        self.rgs_head = nn.Sequential(*split, *deconvolutions, *hidden, last)
        self.pairs = _pairs(kernel_sizes, n_strides, dilation_rates, len(split))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for part in self.modules():
            if isinstance(part, (nn.ConvTranspose1d, nn.LayerNorm)):
                part.reset_parameters()
        init_linears(self)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, d_output, N * steps * product of strides)."""
        features = tokens
        for i, part in enumerate(self.rgs_head):
            if i in self.pairs:
                features = in_one(self._convolution(i), self._convolution(i + 1), features)
            elif i - 1 not in self.pairs:
                features = part(features)
        return features.transpose(1, 2)

    def _convolution(self, i: int) -> Deconvolution:
        return cast(Any, self.rgs_head)[i][0][0]


def _pairs(kernels: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...],
           before: int) -> tuple[int, ...]:
    """Where a convolution and the next are run as one: the first one's outputs do not overlap (nothing is cut from
    them, so that the two are one convolution up to the ends) and are several, which is where that is less work."""
    pairs: list[int] = []
    for i, (kernel, stride, dilation) in enumerate(zip(kernels[:-1], strides, dilations), before):
        if kernel == stride > 1 and dilation == 1 and i - 1 not in pairs:
            pairs.append(i)
    return tuple(pairs)


class SplitTokens(nn.Module):
    """(B, N, D) -> (B, steps * N, D / steps): a token's features lie step by step, as the tokenizer laid them."""

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(2, (self.steps, -1)).flatten(1, 2)


class Deconvolution(nn.ConvTranspose1d):
    """(B, N, D) -> (B, stride * N, d_output)."""

    def __init__(self, d_input: int, d_output: int, kernel: int, stride: int, dilation: int):
        excess = dilation * (kernel - 1) + 1 - stride  # what must be cut for exactly `stride` samples per sample
        padding = math.ceil(excess / 2)
        super().__init__(d_input, d_output, kernel, stride, padding, 2 * padding - excess, dilation=dilation)

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features.transpose(1, 2)).transpose(1, 2)


def in_one(first: Deconvolution, second: Deconvolution, features: Tensor) -> Tensor:
    """second(first(features)) by one convolution with their common kernel: (B, N, D) -> (B, strides * N, d_output).

    `first` must have a kernel of its stride. Only its bias depends on the place (less of it reaches the ends): a
    constant signal that goes through `second` alone.
    """
    kernel = F.conv_transpose1d(first.weight, second.weight, stride=second.stride, dilation=second.dilation)
    stride, padding = first.stride[0] * second.stride[0], cast(Any, second.padding)
    signal = F.conv_transpose1d(features.transpose(1, 2), kernel, None, stride, padding, second.output_padding)
    constant = cast(Tensor, first.bias)[:, None].expand(1, -1, features.shape[1] * first.stride[0])
    constant = F.conv_transpose1d(constant, second.weight, second.bias, second.stride, padding, second.output_padding,
                                  dilation=second.dilation)
    return (signal + constant).transpose(1, 2)
