"""How well signals are reconstructed: per channel, and per frequency band.

The error alone flatters: the power of brain signals falls with frequency, so one that follows the slow background and
nothing else explains most of the variance. The bands show what else is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.evaluation.words import percent

BANDS = ((1.0, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 70.0), (70.0, 150.0))  # Hz
PICTURES = 3  # records kept for pictures, of different subjects where there are some
KEPT = 0.1  # a band of whose variance less is explained is lost


@dataclass
class Picture:
    """One record: `signal` and `reconstruction` (channels, samples) as the model sees them."""

    row: int
    subject: int
    signal: np.ndarray
    reconstruction: np.ndarray


class Reconstruction:
    """Sums over all records, batch by batch; of the signals themselves only those for pictures are kept.

    Per subject and channel: squared error, square and sum of the signal; per band: power of the error and of the
    signal (Hann window, so that the slow background does not leak into the fast bands). `within`: the band in Hz that
    the signals are limited to; others are left out.
    """

    def __init__(self, rate_hz: float, samples: int, within: tuple[float, float] | None = None):
        self.rate_hz, self.samples = rate_hz, samples
        first, last = within or (0.0, rate_hz / 2)
        self.bands = tuple((low, high) for low, high in BANDS
                           if low < min(last, rate_hz / 2) and high > first and samples / rate_hz >= 1 / low)
        self.pictures: list[Picture] = []
        self.records = 0
        self._sums: dict[int, np.ndarray] = {}  # subject -> (4, channels): error, square, sum, samples
        self._error_power = np.zeros(len(self.bands))
        self._power = np.zeros(len(self.bands))

    def add(self, signal: np.ndarray, reconstruction: np.ndarray, present: np.ndarray, subject: np.ndarray,
            rows: np.ndarray) -> None:
        """`signal` and `reconstruction` (B, C, T), `present` (B, C) True = is there, `subject` and `rows` (B,)."""
        signal, error = signal.astype(np.float64), (reconstruction - signal).astype(np.float64)
        sums = np.stack([np.square(error).sum(2), np.square(signal).sum(2), signal.sum(2),
                         np.full(signal.shape[:2], signal.shape[2])]) * present
        for one in np.unique(subject).tolist():
            self._sums[one] = self._sums.get(one, 0.0) + sums[:, subject == one].sum(1)
        self._add_bands(signal[present], error[present])
        self._keep_pictures(signal, reconstruction, subject, rows)
        self.records += len(signal)

    def _add_bands(self, signal: np.ndarray, error: np.ndarray) -> None:
        """(traces, T) twice."""
        window = np.hanning(signal.shape[1])
        frequency = np.fft.rfftfreq(signal.shape[1], 1 / self.rate_hz)
        power, lost = (np.square(np.abs(np.fft.rfft((part - part.mean(1, keepdims=True)) * window))).sum(0)
                       for part in (signal, error))
        for place, (low, high) in enumerate(self.bands):
            inside = (frequency >= low) & (frequency < high)
            self._power[place] += power[inside].sum()
            self._error_power[place] += lost[inside].sum()

    def _keep_pictures(self, signal: np.ndarray, reconstruction: np.ndarray, subject: np.ndarray,
                       rows: np.ndarray) -> None:
        for place, one in enumerate(subject.tolist()):
            shown = [picture.subject for picture in self.pictures]
            if len(shown) == PICTURES:
                again = [number for number, other in enumerate(shown) if other in shown[:number]]
                if one in shown or not again:
                    continue
                del self.pictures[again[-1]]
            self.pictures.append(Picture(int(rows[place]), one, signal[place].astype(np.float32),
                                         np.array(reconstruction[place], np.float32)))

    @property
    def subjects(self) -> list[int]:
        return sorted(self._sums)

    def standardised_errors(self, subject: int) -> np.ndarray:
        """(C,): mean squared error over the variance of the channel (1 = as good as its mean); NaN for channels that
        the subject does not have."""
        error, square, total, samples = self._sums[subject]
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = square / samples - np.square(total / samples)
            return np.where(variance > 0, error / samples / variance, np.nan)

    def standardised_error(self) -> float:
        """Mean over the channels of all subjects."""
        return float(np.nanmean(np.concatenate([self.standardised_errors(one) for one in self.subjects])))

    def explained_by_band(self) -> np.ndarray:
        """Share of the power of each band that is reconstructed (1 = all, 0 = as good as silence, below 0 = worse)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self._power > 0, 1 - self._error_power / self._power, np.nan)

    def share_of_bands(self) -> np.ndarray:
        """How much of the power of all bands is in each; adds up to 1."""
        return self._power / max(self._power.sum(), 1e-300)


def band_names(bands: tuple[tuple[float, float], ...]) -> list[str]:
    return [f"{low:g}–{high:g} Hz" for low, high in bands]


def diagnosis(found: Reconstruction) -> str:
    """How much is kept, and of what."""
    error, explained = found.standardised_error(), found.explained_by_band()
    said = (f"Standardised error {error:.2f} (1 is a flat line): {percent(max(0.0, 1 - error))} of the variance is "
            "reconstructed")
    if error >= 0.99:
        return (f"{said}. Nothing was learnt: train longer, or let the bottleneck be continuous for the first updates "
                "(--model_args quantizer.warmup_steps=N).")
    names = band_names(found.bands)
    lost = [name for name, share in zip(names, explained) if share < KEPT]
    if not lost:
        return f"{said}, in all bands up to {found.bands[-1][1]:g} Hz." if names else f"{said}."
    if len(lost) == len(names):
        return (f"{said}, but less than {percent(KEPT)} of every band above {found.bands[0][0]:g} Hz: only drifts are "
                "kept. Reconstruct the band of interest alone (--model_args reconstruction.band_hz=LOW,HIGH).")
    return (f"{said}, but less than {percent(KEPT)} of {_listed(lost)}: the codes do not know these bands "
            "(reconstruction.band_hz=LOW,HIGH chooses what is reconstructed).")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
