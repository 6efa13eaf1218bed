"""What is kept of predictions that are too large to keep: a few numbers per token, or per channel.

The metrics of tokens and of signals are made of these, so validation, testing and any number of processes agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

TOP = 5
IGNORED = -100  # label of a token that does not count, as in torch's cross-entropy


def summarize_tokens(logits: Tensor, labels: Tensor) -> Tensor:
    """Logits (B, N, K) and labels (B, N) int64 -> (B, N, 1 + TOP) float32: the log probability of the label, then the
    numbers of the likeliest classes, best first (-1 where there are fewer)."""
    import torch

    log_p = logits.float().log_softmax(-1)
    of_label = log_p.gather(-1, labels.clamp(min=0)[..., None])
    best = log_p.topk(min(TOP, log_p.shape[-1])).indices
    padding = best.new_full((*best.shape[:-1], TOP - best.shape[-1]), -1)
    return torch.cat([of_label, best.float(), padding.float()], dim=-1)


def token_scores(labels: np.ndarray, summaries: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Labels (n, N), summaries (n, N, 1 + TOP), weights of the records (n, R) -> scores (R,). Natural logarithm."""
    counted = labels != IGNORED
    size = counted.sum(1) @ weights
    in_top = (summaries[..., 1:].astype(np.int64) == labels[..., None]).any(-1) & counted
    log_p = np.where(counted, summaries[..., 0], 0.0).sum(1, dtype=np.float64)
    cross_entropy = -(log_p @ weights) / size
    return {"top5": (in_top.sum(1) @ weights) / size, "cross_entropy": cross_entropy,
            "perplexity": np.exp(cross_entropy)}


def summarize_signal(signal: Tensor, reconstruction: Tensor, channel_mask: Tensor) -> Tensor:
    """Two signals (B, C, T) and which channels are there (B, C) -> (B, C, 5) float32: the samples that count, sum and
    sum of squares of the error, sum and sum of squares of the signal."""
    import torch

    signal, error = signal.float(), (reconstruction - signal).float()
    samples = torch.full_like(signal[..., 0], signal.shape[-1])
    sums = [samples, error.sum(-1), error.square().sum(-1), signal.sum(-1), signal.square().sum(-1)]
    return torch.stack(sums, dim=-1) * channel_mask[..., None]


def signal_scores(summaries: np.ndarray, weights: np.ndarray) -> tuple[dict, dict]:
    """Summaries (n, C, 5), weights of the records (n, R) -> scores (R,), and by channel (C, R).

    `mse` is the mean over all samples that count; `explained_variance` is 1 - Var(error) / Var(signal) of each channel,
    and its mean over the channels.
    """
    samples, error, error2, total, total2 = np.einsum("ncs,nr->scr", summaries.astype(np.float64), weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = total2 / samples - np.square(total / samples)
        lost = error2 / samples - np.square(error / samples)
        explained = np.where(variance > 0, 1 - lost / variance, np.nan)
        by_channel = {"mse": error2 / samples, "explained_variance": explained}
        mse = error2.sum(0) / samples.sum(0)
    known = ~np.isnan(explained)
    mean = np.where(known, explained, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    return {"mse": mse, "explained_variance": np.where(known.any(0), mean, np.nan)}, by_channel
