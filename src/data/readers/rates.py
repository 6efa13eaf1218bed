"""Sampling rates and units that a file does not say outright: from its times, or stated by a person. Never guessed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from src.errors import UserError

# name of a column of times -> how many of its units are a second
TIMES = {"t": 1.0, "time": 1.0, "times": 1.0, "timestamp": 1.0, "seconds": 1.0, "sec": 1.0, "s": 1.0, "time_s": 1.0,
         "elapsed time": 1.0, "ms": 1e3, "time_ms": 1e3, "milliseconds": 1e3}
UNEVEN = 0.6  # of a step


def known_rate(path: Path, found: float, stated: float = 0.0) -> float:
    """The rate in Hz that the file says, else the stated one; UserError that says how to state it where there is none.
    """
    rate = found or stated
    if not 0 < rate < 1e7:
        raise UserError(f"{path}: the sampling rate is unknown" if not rate else f"{path}: sampling rate {rate:g} Hz",
                        "store it in the file as fs, or state it: --dataset_args rate_hz=500")
    return float(rate)


def rate_of_times(times: np.ndarray, per_second: float = 1.0) -> float:
    """Hz of evenly spaced times (n,); 0 where they are no such thing.

    Printed times are rounded, so a whole number is the rate where its times are these up to their last digit.
    """
    times = np.asarray(times, float).ravel()
    if len(times) < 3 or not np.isfinite(times).all():
        return 0.0
    step = (times[-1] - times[0]) / (len(times) - 1)
    if step <= 0 or _off(times, step) > UNEVEN * step:
        return 0.0
    rate = per_second / step
    last_digit = next((10.0**-digits for digits in range(7) if np.abs(times - times.round(digits)).max() < 1e-12), 0.0)
    whole = max(1, round(rate))
    return float(whole) if _off(times, per_second / whole) <= max(last_digit, 1e-6 * step) else float(rate)


def _off(times: np.ndarray, step: float) -> float:
    """How far times are from even steps, at most."""
    return float(np.abs(times - times[0] - step * np.arange(len(times))).max())
