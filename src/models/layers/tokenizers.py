"""Patch tokenizer: a multichannel signal -> one token per segment of time, by convolutions within each segment.

Segments never see each other: the convolutions pad each with zeros. There is no activation and no dropout, so in
eval mode the tokenizer is one affine map of a segment. Source: Du-IN (NeurIPS 2024), state-dict keys included; its
text speaks of depthwise convolutions, its code and weights have full ones, as here.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.errors import UserError
from src.models.checks import at_least

DEFAULT_SEGMENT = 100  # samples, 0.1 s of the original's recordings


@dataclass(frozen=True)
class TokenizerConfig:
    """One value per convolution. Strides and kernels of None follow from the segment: about ten steps of the first
    convolution per segment, its kernel over two of them (stride 10, kernel 19 for the original's 100 samples)."""

    seg_len: int | None = None  # samples per token; None = 100, or what suits the window where 100 does not divide it
    n_filters: tuple[int, ...] = (128, 128, 16)
    n_strides: tuple[int, ...] | None = None
    kernel_sizes: tuple[int, ...] | None = None
    dilation_rates: tuple[int, ...] | None = None  # None = 1
    use_bn: tuple[bool, ...] | None = None  # batch norm behind the convolution; None = yes
    pool_sizes: tuple[int, ...] | None = None  # mean over so many steps; None = 1

    def __post_init__(self) -> None:
        for name in ("n_filters", "n_strides", "kernel_sizes", "dilation_rates", "pool_sizes"):
            for value in getattr(self, name) or ():
                at_least(f"tokenizer.{name}", value)
        if self.seg_len is not None:
            at_least("tokenizer.seg_len", self.seg_len)
        at_least("the number of tokenizer.n_filters", len(self.n_filters))


class Convolution(NamedTuple):
    """One block of the tokenizer: convolution, batch norm, mean over `pool` steps."""

    filters: int
    stride: int
    kernel: int
    dilation: int = 1
    use_bn: bool = True
    pool: int = 1

    @property
    def padding(self) -> str | int:
        return "same" if self.stride == 1 else self.dilation * (self.kernel - 1) // 2

    def steps(self, before: int) -> int:
        """How many steps leave it where `before` enter."""
        if self.stride > 1:
            span = self.dilation * (self.kernel - 1)
            before = (before + span // 2 * 2 - span - 1) // self.stride + 1
        return before // self.pool


def convolutions(config: TokenizerConfig, seg_len: int) -> tuple[Convolution, ...]:
    """The blocks for segments of `seg_len` samples, with nothing left open.

    Raises UserError where a list of `config` has not one value per convolution, or nothing is left of a segment.
    """
    n, stride = len(config.n_filters), _stride(seg_len)
    lists = {
        "n_strides": config.n_strides or (stride, *[1] * (n - 1)),
        "kernel_sizes": config.kernel_sizes or (max(3, 2 * stride - 1), *[3] * (n - 1)),
        "dilation_rates": config.dilation_rates or (1,) * n,
        "use_bn": config.use_bn or (True,) * n,
        "pool_sizes": config.pool_sizes or (1,) * n,
    }
    for name, values in lists.items():
        if len(values) != n:
            raise UserError(f"tokenizer.{name} has {len(values)} values for {n} convolutions",
                            f"give one value per entry of tokenizer.n_filters={config.n_filters}")
    chosen = tuple(Convolution(*values) for values in zip(config.n_filters, *lists.values()))
    steps = seg_len
    for block in chosen:
        steps = block.steps(steps)
    if steps < 1:
        raise UserError(f"strides {lists['n_strides']}, pools {lists['pool_sizes']} leave nothing of {seg_len} samples",
                        "use smaller tokenizer.n_strides, or a longer tokenizer.seg_len")
    return chosen


def _stride(seg_len: int) -> int:
    """The divisor of the segment that gives nearest to ten steps."""
    divisors = [step for step in range(1, seg_len + 1) if seg_len % step == 0]
    return min(divisors, key=lambda step: abs(math.log(seg_len / step / 10)))


def choose_segment(samples: int, rate_hz: float) -> int:
    """100 samples, Du-IN's segment, where they last about 0.1 s and divide the window; else the divisor nearest to
    0.1 s.

    Raises UserError where no divisor gives at least two segments of 0.025 to 0.4 s.
    """
    is_near = 0.08 <= DEFAULT_SEGMENT / rate_hz <= 0.125
    if is_near and samples % DEFAULT_SEGMENT == 0 and samples > DEFAULT_SEGMENT:
        return DEFAULT_SEGMENT
    wanted = 0.1 * rate_hz
    fitting = [n for n in range(2, samples // 2 + 1) if samples % n == 0 and wanted / 4 <= n <= wanted * 4]
    if not fitting:
        raise UserError(f"no segment of about 0.1 s divides a window of {samples} samples at {rate_hz:g} Hz",
                        "crop the window to a rounder number of samples, or set --model_args tokenizer.seg_len=N")
    return min(fitting, key=lambda n: abs(math.log(n / wanted)))


class RowConv(nn.Conv1d):
    """A 1-D convolution along each row of an image (B, C, N, P): segments are rows, and no row sees another."""

    def forward(self, image: Tensor) -> Tensor:
        padding = self.padding if isinstance(self.padding, str) else (0, self.padding[0])
        stride = self.stride[0]
        if self.kernel_size[0] == 1 and stride > 1:  # torch's CPU kernel for this writes outside its memory
            image, stride = image[..., ::stride], 1
        return F.conv2d(image, self.weight.unsqueeze(2), self.bias, (1, stride), padding,  # pyright: ignore
                        (1, self.dilation[0]))


def _conv_block(d_input: int, block: Convolution) -> nn.Sequential:
    """The original's key names: 0.1 convolves, 1.1 normalises (0.0 and 1.0 were permutations)."""
    conv = RowConv(d_input, block.filters, block.kernel, block.stride, block.padding, block.dilation)
    parts: list[nn.Module] = [nn.Sequential(OrderedDict({"1": conv}))]
    if block.use_bn:
        parts.append(nn.Sequential(OrderedDict({"1": nn.BatchNorm2d(block.filters)})))
    if block.pool > 1:
        parts.append(nn.AvgPool2d((1, block.pool)))
    return nn.Sequential(*parts)


def _transposed(block: Convolution, parts: nn.Sequential, rows: Tensor, length: int) -> Tensor:
    """(D, filters, steps) -> (D, channels, length): the transpose of a block's linear map in evaluation."""
    if block.pool > 1:
        rows = rows.repeat_interleave(block.pool, 2) / block.pool
    if block.use_bn:
        norm = cast(Any, parts)[1][0]
        rows = rows * (norm.weight * (norm.running_var + norm.eps).rsqrt())[:, None]
    conv = cast(Any, parts)[0][0]
    rows = F.conv_transpose1d(rows, conv.weight, stride=block.stride, dilation=block.dilation)
    left = block.dilation * (block.kernel - 1) // 2  # of the zeros that the convolution put in front
    return F.pad(rows[..., left:left + length], (0, max(0, left + length - rows.shape[2])))


class PatchTokenizer(nn.Module):
    """See the module's head; `convolutions` makes `blocks` from a configuration."""

    def __init__(self, d_input: int, seg_len: int, blocks: Sequence[Convolution]):
        super().__init__()
        self.seg_len, self.blocks = seg_len, tuple(blocks)
        widths = (d_input, *[block.filters for block in blocks])
        self.conv_blocks = nn.Sequential(*[_conv_block(width, block) for width, block in zip(widths, blocks)])

    def length(self, samples: int) -> int:
        """How many tokens a signal of `samples` gives."""
        return samples // self.seg_len

    @property
    def width(self) -> int:
        """Features of a token: what the convolutions leave of a segment, flattened."""
        steps = self.seg_len
        for block in self.blocks:
            steps = block.steps(steps)
        return steps * self.blocks[-1].filters

    def reset_parameters(self) -> None:
        for part in self.modules():
            if isinstance(part, (nn.Conv1d, nn.BatchNorm2d)):
                part.reset_parameters()

    def forward(self, signal: Tensor) -> Tensor:
        """(B, C, T) -> (B, N, D): N = T / seg_len tokens of D = steps * filters features, the steps outermost.

        Rows of an image need no copy to (B * N, C, seg_len), and channels_last is the order that the tokens want.
        """
        if self._folding_pays(signal):
            matrix, offset = self.affine()
            return F.linear(signal.unflatten(2, (-1, self.seg_len)).transpose(1, 2).flatten(2), matrix, offset)
        image = signal.unflatten(2, (-1, self.seg_len)).contiguous(memory_format=torch.channels_last)  # (B, C, N, P)
        return self._features(image).flatten(2)

    def _features(self, image: Tensor) -> Tensor:
        """(B, C, N, P) -> (B, N, steps, filters)."""
        return self.conv_blocks(image).permute(0, 2, 3, 1)

    def affine(self) -> tuple[Tensor, Tensor]:
        """What evaluation does to a segment, as one matrix (D, C * P) and an offset (D,).

        The matrix is the blocks' transposes, the last first, of all unit features. It is computed anew at each call, so
        that it is right whatever changed the weights.
        """
        lengths = [self.seg_len]
        for block in self.blocks:
            lengths.append(block.steps(lengths[-1]))
        weight = next(self.parameters())
        rows = torch.eye(self.width, dtype=weight.dtype, device=weight.device)
        rows = rows.unflatten(1, (lengths[-1], -1)).transpose(1, 2)  # (D, filters, steps): row i is feature i
        with torch.autocast(weight.device.type, enabled=False):
            for block, parts, length in reversed(list(zip(self.blocks, self.conv_blocks, lengths))):
                rows = _transposed(block, cast(nn.Sequential, parts), rows, length)
            silence = rows.new_zeros(1, rows.shape[1], 1, self.seg_len)
            return rows.flatten(1), self._features(silence).flatten()

    def _folding_pays(self, signal: Tensor) -> bool:
        """In evaluation without gradients, where there are many more segments than rows of the matrix."""
        return not (self.training or torch.is_grad_enabled() or torch.compiler.is_compiling() or
                    torch.jit.is_tracing()) and len(signal) * self.length(signal.shape[2]) >= 4 * self.width
