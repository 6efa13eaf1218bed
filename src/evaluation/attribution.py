"""Which leads and which moments a prediction rests on: integrated gradients.

The gradient of one raw output with respect to the input, averaged along the straight line from a baseline to the signal
and multiplied by their difference (Sundararajan, Taly and Yan 2017, equation 1; the integral by the midpoint rule). The
baseline is zero after normalisation: a flat line, the absent lead of a batch. The attributions of a signal add up to
what the output gains over the baseline (completeness), so the error of the sum says whether the steps were enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

STEPS = 64
AT_ONCE = 16  # of the steps: bounds the memory

Outputs = Callable[[torch.Tensor], torch.Tensor]


@dataclass
class Attribution:
    """`values` (channels, samples): what each sample adds to the raw output `score` of class `place` over the
    `baseline`'s; `error` is what their sum misses, as a share of the difference."""

    place: int
    values: np.ndarray
    score: float
    baseline: float
    error: float

    @property
    def by_lead(self) -> np.ndarray:
        """(channels,) shares of the absolute attributions; they add up to 1."""
        return _shares(np.abs(self.values).sum(1))

    @property
    def by_time(self) -> np.ndarray:
        """(samples,) shares of the absolute attributions."""
        return _shares(np.abs(self.values).sum(0))


def integrated_gradients(outputs: Outputs, signal: torch.Tensor, place: int, steps: int = STEPS) -> Attribution:
    """Of the raw output `place` for one normalised `signal` (channels, samples).

    `outputs` is a model in evaluation mode: (batch, channels, samples) -> (batch, K).
    """
    total = torch.zeros_like(signal)
    shares = (torch.arange(steps, device=signal.device, dtype=signal.dtype) + 0.5) / steps
    for some in shares.split(AT_ONCE):
        points = (some[:, None, None] * signal).requires_grad_()
        with torch.enable_grad():
            said = outputs(points)[:, place].sum()
            total += torch.autograd.grad(said, points)[0].sum(0)
    values = total / steps * signal
    with torch.no_grad():
        baseline, score = outputs(torch.stack([torch.zeros_like(signal), signal]))[:, place].tolist()
    gained = score - baseline
    error = abs(float(values.sum()) - gained) / max(abs(gained), 1e-6)
    return Attribution(place, values.float().cpu().numpy(), score, baseline, error)


def smoothed(values: np.ndarray, rate_hz: float, seconds: float = 0.04) -> np.ndarray:
    """(channels, samples) averaged over a sliding window, about as long as half a QRS complex."""
    width = max(1, round(seconds * rate_hz))
    kernel = np.ones(width) / width
    return np.stack([np.convolve(row, kernel, mode="same") for row in values])


def _shares(sizes: np.ndarray) -> np.ndarray:
    total = sizes.sum()
    return sizes / total if total > 0 else np.full(len(sizes), 1 / max(len(sizes), 1))
