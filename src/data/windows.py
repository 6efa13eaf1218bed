"""One window of fixed length from a recording of any length and rate.

The window's place is drawn in training, its centre in evaluation; shorter recordings are padded at the end with zeros
that the time mask marks. A change of rate uses a polyphase filter (scipy's default Kaiser window, 10 zero crossings
on each side) on the window and its surroundings, so that a crop equals the same part of the whole recording resampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from src.errors import UserError

CROSSINGS = 10  # of scipy.signal.resample_poly's filter, on each side


@dataclass(frozen=True)
class Window:
    """`samples` at the wanted rate; `up` / `down` = wanted over recorded rate in lowest terms."""

    samples: int
    up: int = 1
    down: int = 1

    @classmethod
    def between(cls, recorded_hz: float, wanted_hz: float, samples: int) -> Window:
        ratio = Fraction(wanted_hz / recorded_hz).limit_denominator(1000)
        if ratio == 0 or abs(float(ratio) * recorded_hz / wanted_hz - 1) > 1e-4:
            raise UserError(f"cannot resample {recorded_hz:g} Hz to {wanted_hz:g} Hz: no ratio of whole numbers "
                            "below 1000 is near", "choose another resample_hz")
        return cls(samples, ratio.numerator, ratio.denominator)

    def length(self, recorded: int) -> int:
        """Samples at the wanted rate of `recorded` samples at the recorded rate."""
        return -(-recorded * self.up // self.down)

    def start(self, recorded: int, crop: str, rng: np.random.Generator | None) -> int:
        """First sample at the wanted rate: drawn where `crop` is random and `rng` given, else the centre or 0."""
        spare = self.length(recorded) - self.samples
        if spare <= 0 or crop == "start":
            return 0
        return int(rng.integers(0, spare + 1)) if rng is not None and crop == "random" else spare // 2

    def starts(self, recorded: int, stride: int) -> list[int]:
        """First samples of all windows, `stride` apart; the last one ends with the recording, so that all of it is
        in some window."""
        spare = self.length(recorded) - self.samples
        if spare <= 0:
            return [0]
        return [*range(0, spare, stride), spare]

    def span(self, recorded: int, start: int) -> tuple[int, int, int]:
        """Recorded samples [low, high) that the window needs, and where it begins in them once resampled."""
        if self.up == self.down:
            return start, min(start + self.samples, recorded), 0
        margin = CROSSINGS * max(self.up, self.down) // self.up + 1
        low = max(0, start * self.down // self.up - margin)
        low -= low % self.down  # so that it falls on a sample at both rates
        high = min(recorded, -(-(start + self.samples) * self.down // self.up) + margin)
        return low, high, start - low * self.up // self.down

    def cut(self, signal: np.ndarray, begin: int) -> np.ndarray:
        """(channels, recorded) finite -> (channels, at most `samples`) float32 at the wanted rate."""
        if self.up != self.down:
            from scipy.signal import resample_poly

            signal = resample_poly(signal, self.up, self.down, axis=1).astype(np.float32, copy=False)
        return signal[:, begin:begin + self.samples]

    def cut_mask(self, present: np.ndarray, begin: int) -> np.ndarray:
        """(recorded,) bool -> the mask at the wanted rate, each sample as its nearest recorded one before it."""
        nearest = np.arange(begin, min(begin + self.samples, self.length(len(present)))) * self.down // self.up
        return present[np.minimum(nearest, len(present) - 1)]

    def pad(self, cut: np.ndarray) -> np.ndarray:
        """Zeros at the end up to `samples`, along the last axis."""
        missing = self.samples - cut.shape[-1]
        return cut if missing == 0 else np.pad(cut, [(0, 0)] * (cut.ndim - 1) + [(0, missing)])


def fill_gaps(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """(channels, samples) with NaN -> the same without, and (channels, samples) bool of what was there (None = all).

    A gap in some channels is bridged by a straight line (a step to zero would ring through every filter and spoil the
    statistics); absent channels and stretches where no channel has signal become 0.
    """
    present = np.isfinite(signal)
    if present.all():
        return signal, None
    filled, time = np.zeros_like(signal), np.arange(signal.shape[1])
    for channel, there in enumerate(present):
        if there.any():
            filled[channel] = np.interp(time, time[there], signal[channel, there])
    filled[:, ~present.any(axis=0)] = 0
    return filled, present
