"""From a `ReconstructionConfig` to the head that turns tokens into a signal, and the band that it is to make."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from src.errors import UserError
from src.models.duin.config import ReconstructionConfig
from src.models.layers import tokenizers
from src.models.layers.heads import SignalHead


def band_pass(signal: Tensor, rate_hz: float, low_hz: float, high_hz: float) -> Tensor:
    """(..., T) -> (..., T) without a shift of phase; edges of about 1 Hz, so that little rings in time."""
    gain = band_gain(torch.fft.rfftfreq(signal.shape[-1], 1 / rate_hz, device=signal.device), low_hz, high_hz)
    return torch.fft.irfft(torch.fft.rfft(signal.float()) * gain, n=signal.shape[-1]).to(signal.dtype)


def band_gain(hz: Tensor, low_hz: float, high_hz: float) -> Tensor:
    """(F,) frequencies -> (F,) gains: 1 within the band, half at its edges, and nothing of 0 Hz."""
    width = 0.25
    return torch.sigmoid((hz - low_hz) / width) * torch.sigmoid((high_hz - hz) / width) * (hz > 0)


class Convolutions(NamedTuple):
    """One value per transposed convolution; the strides say how many samples it makes of each."""

    filters: tuple[int, ...]
    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]


def signal_head(config: ReconstructionConfig, d_model: int, seg_len: int, d_output: int) -> SignalHead:
    """Tokens (B, N, d_model) -> (B, d_output, N * seg_len); every sample is made by the convolutions.

    Raises UserError where the strides do not multiply to `seg_len`.
    """
    stride = _default_stride(seg_len)
    convolutions = transposed_convolutions(config, seg_len // stride, stride)
    made = math.prod(convolutions.strides)
    if made != seg_len:
        raise UserError(f"reconstruction.n_strides={convolutions.strides} make {made} samples of a token, which stands "
                        f"for {seg_len}", "the strides must multiply to tokenizer.seg_len")
    return SignalHead(d_model, *convolutions, d_output=d_output, d_hidden=config.d_hidden)


def patch_signal_head(config: ReconstructionConfig, d_model: int, seg_len: int, d_output: int) -> SignalHead:
    """The same, where a token is first split into its steps and the convolutions make the samples of a step.

    Raises UserError where the strides do not divide `seg_len`, or the steps not the token.
    """
    convolutions = transposed_convolutions(config, 1, _default_stride(seg_len))
    steps, rest = divmod(seg_len, math.prod(convolutions.strides))
    if rest or d_model % max(steps, 1):
        raise UserError(f"reconstruction.n_strides={convolutions.strides} do not split tokens of {d_model} features "
                        f"and {seg_len} samples into steps", "the strides must multiply to the tokenizer's, 10 for 100")
    return SignalHead(d_model, *convolutions, d_output=d_output, d_hidden=config.d_hidden, steps=steps)


def _default_stride(seg_len: int) -> int:
    """Samples per step of the default tokenizer: 10 for 100."""
    return tokenizers.convolutions(tokenizers.TokenizerConfig(), seg_len)[0].stride


def transposed_convolutions(config: ReconstructionConfig, steps: int, stride: int) -> Convolutions:
    """`config` with nothing left open; by default the middle one makes `steps` of each, the last one `stride`.

    For 10 and 10 that is the original's strides 1, 1, 10, 1, 10 and kernels 3, 3, 10, 9, 19. Raises UserError where a
    list has not one value per convolution, or a kernel cannot make its stride.
    """
    n = len(config.n_filters)
    strides = list(config.n_strides or (1,) * n)
    if not config.n_strides:
        strides[n // 2] = steps
        strides[-1] *= stride
    lists = {"n_filters": config.n_filters, "kernel_sizes": config.kernel_sizes or _kernels(strides),
             "n_strides": tuple(strides), "dilation_rates": config.dilation_rates or (1,) * n}
    for name in ("n_strides", "kernel_sizes", "dilation_rates"):
        if len(lists[name]) != n:
            raise UserError(f"reconstruction.{name} has {len(lists[name])} values for {n} convolutions",
                            f"give one value per entry of reconstruction.n_filters={config.n_filters}")
    chosen = Convolutions(*lists.values())
    for sizes in zip(chosen.kernels, chosen.strides, chosen.dilations):
        _check_kernel(*sizes)
    return chosen


def _kernels(strides: list[int]) -> tuple[int, ...]:
    """As long as the stride, or where that is 1, 3 in the first half and 9 behind it; the last spans two strides."""
    first = [stride if stride > 1 else 3 if i <= len(strides) // 2 else 9 for i, stride in enumerate(strides[:-1])]
    return (*first, max(3, 2 * strides[-1] - 1))


def _check_kernel(kernel: int, stride: int, dilation: int) -> None:
    excess = dilation * (kernel - 1) + 1 - stride
    if excess < 0 or excess % 2 >= max(stride, dilation):
        raise UserError(f"a reconstruction kernel of {kernel} cannot make {stride} samples of each",
                        "kernels must be at least as long as their strides, and odd where the stride is 1")
