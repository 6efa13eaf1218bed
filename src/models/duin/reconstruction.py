"""From a `ReconstructionConfig` to the head that turns tokens into a signal."""

from __future__ import annotations

import math

from src.errors import UserError
from src.models.duin.config import ReconstructionConfig
from src.models.layers.heads import SignalHead
from src.models.layers.tokenizers import TokenizerConfig, convolutions


def signal_head(config: ReconstructionConfig, d_model: int, seg_len: int, d_output: int) -> SignalHead:
    """Tokens (B, N, d_model) -> (B, d_output, N * seg_len); every sample is made by the convolutions.

    Raises UserError where the strides do not multiply to `seg_len`.
    """
    stride = _default_stride(seg_len)
    lists = _convolutions(config, seg_len // stride, stride)
    made = math.prod(lists["n_strides"])
    if made != seg_len:
        raise UserError(f"reconstruction.n_strides={lists['n_strides']} make {made} samples of a token, which stands "
                        f"for {seg_len}", "the strides must multiply to tokenizer.seg_len")
    return SignalHead(d_model, d_output=d_output, d_hidden=config.d_hidden, **lists)


def patch_signal_head(config: ReconstructionConfig, d_model: int, seg_len: int, d_output: int) -> SignalHead:
    """The same, where a token is first split into its steps and the convolutions make the samples of a step.

    Raises UserError where the strides do not divide `seg_len`, or the steps not the token.
    """
    lists = _convolutions(config, 1, _default_stride(seg_len))
    steps, rest = divmod(seg_len, math.prod(lists["n_strides"]))
    if rest or d_model % max(steps, 1):
        raise UserError(f"reconstruction.n_strides={lists['n_strides']} do not split tokens of {d_model} features and "
                        f"{seg_len} samples into steps", "the strides must multiply to the tokenizer's (10 by default)")
    return SignalHead(d_model, d_output=d_output, d_hidden=config.d_hidden, steps=steps, **lists)


def _default_stride(seg_len: int) -> int:
    """Samples per step of the default tokenizer: 10 for 100."""
    return convolutions(TokenizerConfig(), seg_len)[0].stride


def _convolutions(config: ReconstructionConfig, steps: int, stride: int) -> dict[str, tuple[int, ...]]:
    """Filters, kernels, strides and dilations; by default the middle convolution makes `steps`, the last one `stride`.

    For 10 and 10 that is the original's strides 1, 1, 10, 1, 10 and kernels 3, 3, 10, 9, 19. Raises UserError where a
    list has not one value per convolution, or a kernel cannot make its stride.
    """
    n = len(config.n_filters)
    middle, strides = n // 2, [1] * n
    strides[middle] = steps
    strides[-1] *= stride
    kernels = [3 if i <= middle else 9 for i in range(n)]
    if steps > 1:
        kernels[middle] = steps
    kernels[-1] = max(3, 2 * strides[-1] - 1)
    lists = {"n_filters": config.n_filters, "kernel_sizes": config.kernel_sizes or tuple(kernels),
             "n_strides": config.n_strides or tuple(strides), "dilation_rates": config.dilation_rates or (1,) * n}
    for name, values in lists.items():
        if len(values) != n:
            raise UserError(f"reconstruction.{name} has {len(values)} values for {n} convolutions",
                            f"give one value per entry of reconstruction.n_filters={config.n_filters}")
    for sizes in zip(lists["kernel_sizes"], lists["n_strides"], lists["dilation_rates"]):
        _check_kernel(*sizes)
    return lists


def _check_kernel(kernel: int, stride: int, dilation: int) -> None:
    excess = dilation * (kernel - 1) + 1 - stride
    if excess < 0 or excess % 2 >= max(stride, dilation):
        raise UserError(f"a reconstruction kernel of {kernel} cannot make {stride} samples of each",
                        "kernels must be at least as long as their strides, and odd where the stride is 1")
