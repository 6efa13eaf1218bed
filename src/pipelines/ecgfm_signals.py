"""What the lead-I pipeline does to a recording: leads, 500 Hz, standardised; and its file of 10 s.

Numbers are those of fairseq-signals' preparation (linear resampling without a low-pass, deviations with ddof 0), which
the pipeline follows, in double precision up to the file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from src.data.leads import STANDARD_12, in_order, normalise_leads
from src.data.prepare.filters import resampled, resampled_mask
from src.data.signal import Recording
from src.errors import BadRecord, UserError
from src.interop.layouts.ecgfm import RATE_HZ


@dataclass(frozen=True)
class SignalOptions:
    """`--prepare_args` of the pipeline. The original: gaps=keep flat=zero."""

    gaps: Literal["zero", "interpolate", "keep", "drop"] = "zero"  # missing samples: the mean, bridged, NaN, or no file
    flat: Literal["drop", "zero", "constant", "nan"] = "drop"  # no file where a lead is flat; or 0, x - mean, NaN
    resampling: Literal["linear", "polyphase"] = "linear"  # the second has a low-pass: for rates above 500 Hz
    samples: int = 0  # cut to so many, leave shorter records out; 0 = every length passes

    def __post_init__(self) -> None:
        if self.samples < 0:
            raise UserError(f"samples={self.samples}: expected a number of samples, or 0 for any length")


class TenSeconds(NamedTuple):
    """`feats` (12, samples) float32 at 500 Hz; what was odd: missing samples and flat leads."""

    feats: np.ndarray
    missing: int
    flat: int


def lead_numbers(names: list[str] | None) -> tuple[int, ...]:
    """Leads by name -> their numbers from 1, in order; UserError for names that are none, or none at all."""
    found = normalise_leads([name for word in names or ["I"] for name in word.split(",") if name])
    wrong = [name for name in found if name not in STANDARD_12]
    if wrong or not found:
        raise UserError(f"--leads {' '.join(names or [])}: {wrong[0] if wrong else 'no name'} is none of the leads",
                        f"leads: {', '.join(STANDARD_12)}")
    return tuple(sorted({STANDARD_12.index(name) + 1 for name in found}))


def ten_seconds(recording: Recording, leads: tuple[int, ...], options: SignalOptions) -> TenSeconds:
    """One lead is copied to all twelve rows; of several each lies in its own row, the others are 0.

    BadRecord where a lead is not there, and for what `options` leave out.
    """
    names = tuple(STANDARD_12[number - 1] for number in leads)
    chosen = in_order(recording, names, derive=False)
    if absent := chosen.metadata.get("absent_leads"):
        raise BadRecord(recording.name, f"has no lead {', '.join(absent)}")
    signal = chosen.signal.astype(np.float64)
    missing, flat = int((~np.isfinite(signal)).sum()), int(is_flat(signal).sum())
    if missing and options.gaps == "drop":
        raise BadRecord(recording.name, f"{missing} samples are missing")
    if flat and options.flat == "drop":
        raise BadRecord(recording.name, f"{flat} of {len(names)} leads hold one number, or none")
    signal = at_rate(signal, recording.sampling_rate_hz, options)
    if options.samples and signal.shape[1] < options.samples:
        raise BadRecord(recording.name, f"has {signal.shape[1]} samples at {RATE_HZ} Hz, {options.samples} are wanted")
    rows = standardised(signal[:, :options.samples or None], options.flat)
    if missing and options.gaps != "keep":
        rows = np.nan_to_num(rows, nan=0.0)
    return TenSeconds(_twelve(rows.astype(np.float32), leads), missing, flat)


def at_rate(signal: np.ndarray, rate_hz: float, options: SignalOptions | None = None) -> np.ndarray:
    """(leads, samples) at `rate_hz` -> at 500 Hz."""
    options = options or SignalOptions()
    if options.gaps == "interpolate":
        signal = _bridged(signal)
    if abs(rate_hz - RATE_HZ) < 1e-6:
        return signal
    if options.resampling == "linear":
        return linear(signal, rate_hz, RATE_HZ)
    found = resampled(_bridged(signal), rate_hz, RATE_HZ, options.resampling).astype(np.float64)
    return np.where(resampled_mask(np.isfinite(signal), found.shape[1]), found, np.nan)


def linear(signal: np.ndarray, found_hz: float, wanted_hz: float) -> np.ndarray:
    """int(T wanted / found) samples; the old ones lie evenly from the first to the last of them."""
    length = int(signal.shape[1] * wanted_hz / found_hz)
    if length < 1:
        raise BadRecord("recording", f"{signal.shape[1]} samples at {found_hz:g} Hz are none at {wanted_hz:g} Hz")
    old, new = np.linspace(0, length - 1, signal.shape[1]), np.arange(length)
    return np.stack([np.interp(new, old, lead) for lead in signal])


def standardised(signal: np.ndarray, flat: str = "zero") -> np.ndarray:
    """(x - mean) / deviation of each lead over its known samples; flat leads as `SignalOptions.flat` says."""
    mean, deviation = statistics(signal)
    still = deviation == 0
    scaled = (signal - mean) / np.where(still, 1, deviation)
    return scaled if flat == "constant" else np.where(still, np.nan if flat == "nan" else 0.0, scaled)


def statistics(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (leads, 1) over the known samples; the deviation of a flat or absent lead is 0."""
    known = np.isfinite(signal)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    mean = np.where(known, signal, 0).sum(axis=1, keepdims=True) / count
    deviation = np.sqrt((np.where(known, signal - mean, 0) ** 2).sum(axis=1, keepdims=True) / count)
    return mean, np.where(is_flat(signal)[:, None], 0, deviation)


def is_flat(signal: np.ndarray) -> np.ndarray:
    """(leads,) bool: all known samples are the same number, or none is known."""
    high, low = np.fmax.reduce(signal, axis=1), np.fmin.reduce(signal, axis=1)
    return ~(high > low)


def as_record(found: TenSeconds, study: int, recording: Recording, replica: bool) -> dict[str, np.ndarray]:
    """The variables of a 10 s file. The original says that every recording was made at 500 Hz."""
    samples = found.feats.shape[1]
    rate = RATE_HZ if replica else recording.sampling_rate_hz
    size = samples if replica else recording.signal.shape[1]
    return {"feats": found.feats, "org_sample_rate": np.array([[rate]], np.float64),
            "curr_sample_rate": np.array([[RATE_HZ]], np.float64), "org_sample_size": np.array([[size]], np.int64),
            "curr_sample_size": np.array([[samples]], np.int64), "idx": np.array([[study]], np.int64)}


def originals(options: SignalOptions) -> SignalOptions:
    """What --replica makes of the options."""
    return replace(options, gaps="keep", flat="zero", resampling="linear", samples=0)


def _bridged(signal: np.ndarray) -> np.ndarray:
    """A straight line across every gap, the nearest sample beyond the ends, 0 for absent leads."""
    time, filled = np.arange(signal.shape[1]), np.zeros_like(signal)
    for row, lead in enumerate(signal):
        known = np.isfinite(lead)
        if known.any():
            filled[row] = np.interp(time, time[known], lead[known])
    return filled


def _twelve(rows: np.ndarray, leads: tuple[int, ...]) -> np.ndarray:
    if len(leads) == 1:
        return np.repeat(rows, len(STANDARD_12), axis=0)
    feats = np.zeros((len(STANDARD_12), rows.shape[1]), np.float32)
    feats[[number - 1 for number in leads]] = rows
    return feats
