"""Filters without phase shift, and the three ways to another sampling rate. Signals are (leads, samples), finite.

- Band-pass: Butterworth of order 3, applied forwards and backwards (so order 6, no delay), as second-order sections.
- Notch: second-order IIR with a quality factor of 30, forwards and backwards.
- A sampling rate holds nothing at or above its half: what lies there needs no filter.
- Resampling: `polyphase` (scipy's Kaiser window, its edges continued by a straight line), `fourier` and `linear` as
  the pipelines that use them: int(samples * wanted / found) samples, the linear one without a low-pass.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from src.data.windows import Window
from src.errors import UserError

ORDER, QUALITY = 3, 30.0
LONGEST = 1 << 30  # samples that a change of rate may make


def filtered(signal: np.ndarray, rate_hz: float, bandpass: tuple[float, ...], notch: tuple[float, ...]) -> np.ndarray:
    """The same shape, float32; ValueError where the band has nothing below half the sampling rate."""
    sections = _sections(rate_hz, bandpass, notch)
    if sections is None or signal.shape[1] < 2:
        return signal
    from scipy.signal import sosfiltfilt

    edge = min(3 * (2 * len(sections) + 1), signal.shape[1] - 1) if not bandpass or not bandpass[0] else \
        min(round(rate_hz / bandpass[0]), signal.shape[1] - 1)  # a slow filter needs one period to settle
    return sosfiltfilt(sections, signal.astype(np.float64), axis=1, padlen=edge).astype(np.float32)


@lru_cache(maxsize=64)
def _sections(rate_hz: float, bandpass: tuple[float, ...], notch: tuple[float, ...]) -> np.ndarray | None:
    """All filters as one array of second-order sections; None where there is none."""
    from scipy.signal import butter, iirnotch, tf2sos

    low, high = bandpass or (0.0, 0.0)
    if low >= rate_hz / 2:
        raise ValueError(f"sampled at {rate_hz:g} Hz, which holds nothing above {low:g} Hz")
    high = high if high < rate_hz / 2 else 0.0
    parts = [tf2sos(*iirnotch(frequency, QUALITY, rate_hz)) for frequency in notch if frequency < rate_hz / 2]
    if low and high:
        parts.append(butter(ORDER, (low, high), "bandpass", fs=rate_hz, output="sos"))
    elif low or high:
        parts.append(butter(ORDER, low or high, "highpass" if low else "lowpass", fs=rate_hz, output="sos"))
    return np.concatenate(parts) if parts else None


def resampled(signal: np.ndarray, found_hz: float, wanted_hz: float, method: str) -> np.ndarray:
    """(leads, samples) at another sampling rate, float32."""
    if abs(found_hz - wanted_hz) < 1e-6:
        return signal
    if signal.shape[1] * wanted_hz / found_hz * len(signal) > LONGEST:
        raise UserError(f"at {wanted_hz:g} Hz it would have more than {LONGEST} samples")
    from scipy import signal as filters

    if method == "polyphase":
        ratio = Window.between(found_hz, wanted_hz, 1)
        ends = "line" if signal.shape[1] > 1 else "constant"
        return filters.resample_poly(signal, ratio.up, ratio.down, axis=1, padtype=ends).astype(np.float32, copy=False)
    length = max(1, int(signal.shape[1] * wanted_hz / found_hz))
    if method == "fourier":
        return filters.resample(signal, length, axis=1).astype(np.float32, copy=False)  # type: ignore[union-attr]
    old, new = np.linspace(0, length - 1, signal.shape[1]), np.arange(length)
    return np.stack([np.interp(new, old, lead) for lead in signal]).astype(np.float32)


def resampled_mask(present: np.ndarray, length: int) -> np.ndarray:
    """(leads, samples) bool at another length: each sample as the recorded one nearest to it."""
    if present.shape[1] == length:
        return present
    nearest = (np.arange(length) + 0.5) * present.shape[1] / length
    return present[:, np.minimum(nearest.astype(np.int64), present.shape[1] - 1)]
