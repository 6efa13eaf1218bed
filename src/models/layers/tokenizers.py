"""Patch tokenizer: a multichannel signal -> one token per segment of time, by convolutions within each segment.

Segments never see each other: the convolutions pad each with zeros. There is no activation and no dropout, so in
eval mode the tokenizer is one affine map of a segment. Source: Du-IN (NeurIPS 2024), state-dict keys included; its
text speaks of depthwise convolutions, its code and weights have full ones, as here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.errors import UserError


@dataclass(frozen=True)
class TokenizerConfig:
    """One value per convolution. None follows from the segment: about ten steps of the first convolution per segment,
    whose kernel reaches over two of them (stride 10, kernel 19 for the original's segment of 100 samples)."""

    seg_len: int | None = None  # samples per token; None = 100, or what suits the window where 100 does not divide it
    n_filters: tuple[int, ...] = (128, 128, 16)
    n_strides: tuple[int, ...] | None = None
    kernel_sizes: tuple[int, ...] | None = None
    dilation_rates: tuple[int, ...] = (1, 1, 1)
    use_bn: tuple[bool, ...] = (True, True, True)
    pool_sizes: tuple[int, ...] = (1, 1, 1)


def resolve_tokenizer(config: TokenizerConfig, seg_len: int) -> TokenizerConfig:
    """The configuration with nothing left open, for segments of `seg_len` samples."""
    steps = len(config.n_filters)
    stride = _stride(seg_len)
    given = replace(config, seg_len=seg_len, n_strides=config.n_strides or (stride, *[1] * (steps - 1)),
                    kernel_sizes=config.kernel_sizes or (max(3, 2 * stride - 1), *[3] * (steps - 1)))
    for name in ("n_strides", "kernel_sizes", "dilation_rates", "use_bn", "pool_sizes"):
        if len(getattr(given, name)) != steps:
            raise UserError(f"tokenizer.{name} has {len(getattr(given, name))} values for {steps} convolutions",
                            f"give one value per entry of tokenizer.n_filters={config.n_filters}")
    return given


def _stride(seg_len: int) -> int:
    """The divisor of the segment that gives nearest to ten steps."""
    divisors = [step for step in range(1, seg_len + 1) if seg_len % step == 0]
    return min(divisors, key=lambda step: abs(math.log(seg_len / step / 10)))


def choose_segment(samples: int, rate_hz: float) -> int:
    """100 samples, Du-IN's segment, where that divides the window; else the divisor nearest to 0.1 s.

    Raises UserError where no divisor gives at least two segments of 0.025 to 0.4 s.
    """
    if samples % 100 == 0 and samples > 100:
        return 100
    wanted = 0.1 * rate_hz
    fitting = [n for n in range(2, samples // 2 + 1) if samples % n == 0 and wanted / 4 <= n <= wanted * 4]
    if not fitting:
        raise UserError(f"no segment of about 0.1 s divides a window of {samples} samples at {rate_hz:g} Hz",
                        "crop the window to a rounder number of samples, or set --model_args tokenizer.seg_len=N")
    return min(fitting, key=lambda n: abs(math.log(n / wanted)))


class PatchTokenizer(nn.Module):
    """See the module's head. Every field of `config` must be set; `resolve_tokenizer` does that."""

    def __init__(self, d_input: int, config: TokenizerConfig):
        super().__init__()
        self.seg_len = config.seg_len
        self.kernels, self.strides = config.kernel_sizes, config.n_strides
        self.dilations, self.pools = config.dilation_rates, config.pool_sizes
        widths = (d_input, *config.n_filters)
        self.conv_blocks = nn.ModuleList(
            self._block(widths[i], widths[i + 1], config.kernel_sizes[i], config.use_bn[i], config.pool_sizes[i])
            for i in range(len(config.n_filters)))

    @staticmethod
    def _block(d_input: int, d_output: int, kernel: int, use_bn: bool, pool: int) -> nn.ModuleDict:
        """The original's key names: item 0.1 convolves, item 1.1 normalises (0.0 and 1.0 were permutations)."""
        block = nn.ModuleDict({"0": nn.ModuleDict({"1": nn.Conv1d(d_input, d_output, kernel)})})
        if use_bn:
            block["1"] = nn.ModuleDict({"1": nn.BatchNorm2d(d_output)})
        if pool > 1:
            block["pool"] = nn.AvgPool2d((1, pool))
        return block

    def length(self, samples: int) -> int:
        """How many tokens a signal of `samples` gives."""
        return samples // self.seg_len

    @property
    def width(self) -> int:
        """Features of a token: what the convolutions leave of a segment, flattened."""
        steps = self.seg_len
        for kernel, stride, dilation, pool in zip(self.kernels, self.strides, self.dilations, self.pools):
            if stride > 1:
                span = dilation * (kernel - 1)
                steps = (steps + span // 2 * 2 - span - 1) // stride + 1
            steps //= pool
        return steps * self.conv_blocks[-1]["0"]["1"].out_channels

    def reset_parameters(self) -> None:
        for part in self.modules():
            if isinstance(part, (nn.Conv1d, nn.BatchNorm2d)):
                part.reset_parameters()

    def forward(self, signal: Tensor) -> Tensor:
        """(B, C, T) -> (B, N, D): N = T / seg_len tokens of D = steps * filters features, the steps outermost.

        Segments are the rows of an image and the kernels one row high: no copy to (B * N, C, seg_len) is needed,
        and channels_last (features innermost) is the order that the tokens want.
        """
        image = signal.unflatten(2, (-1, self.seg_len)).contiguous(memory_format=torch.channels_last)  # (B, C, N, P)
        for block, stride, dilation in zip(self.conv_blocks, self.strides, self.dilations):
            conv = block["0"]["1"]
            padding = "same" if stride == 1 else (0, dilation * (conv.kernel_size[0] - 1) // 2)
            image = F.conv2d(image, conv.weight.unsqueeze(2), conv.bias, (1, stride), padding, (1, dilation))
            image = block["1"]["1"](image) if "1" in block else image
            image = block["pool"](image) if "pool" in block else image
        return image.permute(0, 2, 3, 1).flatten(2)
