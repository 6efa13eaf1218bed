"""`prepare_signal`: the one way from a recording as read to the form of a data set. Pure: no file, no randomness.

The same function runs in `prepare.py`, on other machines, and on new recordings when trained weights are tested.
Order: leads and unit, padding, missing samples, filters, sampling rate, flat leads, scale, length. What is missing is
NaN before and after; filters and resampling see a straight line across it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from src.data.leads import in_order
from src.data.prepare.filters import filtered, resampled, resampled_mask
from src.data.prepare.options import ANY_UNIT, MEAN, SINGLE, PrepareConfig, unit_after
from src.data.signal import Annotations, Recording
from src.data.units import unit_factor, unit_name
from src.errors import BadRecord

FLAT = 1e-6  # a lead that moves less than this, in its unit, is a flat line
NO_SPREAD = 1e-8  # a deviation below this is no scale


def prepare_signal(recording: Recording, config: PrepareConfig) -> Recording:
    """The recording with the leads, unit, rate and length of `config`: signal (leads, samples) float32.

    Leads that it lacks are NaN. Options left open (no leads, no unit, 0 Hz) leave that as recorded. BadRecord says why
    a recording cannot be used.
    """
    return fit(clean(choose(recording, config), config), config)


def choose(recording: Recording, config: PrepareConfig) -> Recording:
    """The wanted leads in their order, in one unit."""
    signal = recording.signal
    if signal.ndim != 2 or 0 in signal.shape:
        raise BadRecord(recording.name, "holds no samples")
    recording = _in_unit(recording, config.unit) if config.unit not in ("", ANY_UNIT) else recording
    if len(config.leads) == 1 and config.leads[0] in (SINGLE, MEAN):
        recording = _one_channel(recording, config.leads[0])
    elif config.leads:
        recording = in_order(recording, config.leads)
    recording = _trimmed(recording) if config.trim else recording
    if not np.isfinite(recording.signal).any():
        raise BadRecord(recording.name, f"has no number in any of the leads {', '.join(config.leads)}"
                        if config.leads else "holds no number")
    return recording


def _in_unit(recording: Recording, unit: str) -> Recording:
    """Channels that physics does not let into the unit become absent; BadRecord where that is all of them."""
    units: tuple[Any, ...] = tuple(recording.metadata.get("units") or ())
    if len(units) != len(recording.signal):
        units = (recording.unit,) * len(recording.signal)
    factors = [unit_factor(str(found) or "unknown", unit) for found in units]
    if not any(factors):
        found = unit_name(str(units[0])) or "no unit"
        raise BadRecord(recording.name, f"cannot be turned into {unit}: it is in {found}")
    metadata = _without_units(recording)
    if all(factor == 1 for factor in factors):
        return replace(recording, unit=unit, metadata=metadata)
    by = np.array([np.nan if factor is None else factor for factor in factors], np.float32)[:, None]
    return replace(recording, signal=recording.signal * by, unit=unit, metadata=metadata)


def _one_channel(recording: Recording, which: str) -> Recording:
    """Lead I, else the first channel with a number in it; or the mean of what the channels have at each sample."""
    there = np.isfinite(recording.signal)
    if which == MEAN:
        count = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, recording.signal, 0).sum(axis=0, dtype=np.float64) / count
        signal = np.where(there.any(axis=0), mean, np.nan).astype(np.float32)[None]
    else:
        rows = sorted(range(len(there)), key=lambda row: recording.channel_names[row] != "I")
        row = next((row for row in rows if there[row].any()), 0)
        signal = recording.signal[row:row + 1]
    metadata = _without_units(recording)
    return replace(recording, signal=signal, channel_names=(which,), metadata=metadata)


def _without_units(recording: Recording) -> dict[str, Any]:
    """The metadata, where all channels have one unit now."""
    return {key: value for key, value in recording.metadata.items() if key != "units"}


def _trimmed(recording: Recording) -> Recording:
    """Without the samples at both ends at which every lead that is there is 0."""
    moving = np.flatnonzero((np.nan_to_num(recording.signal) != 0).any(axis=0))
    if len(moving) == 0:
        raise BadRecord(recording.name, "holds nothing but zeros")
    low, high = int(moving[0]), int(moving[-1]) + 1
    marks = recording.annotations
    return replace(recording, signal=recording.signal[:, low:high],
                   annotations=replace(marks, sample=marks.sample - low))


def strung(recording: Recording) -> Recording:
    """The leads one after the other as a single one, which is what the ECG tensor pipeline makes of MAT files."""
    return replace(recording, signal=recording.signal.reshape(1, -1), channel_names=("strung",),
                   annotations=Annotations.none())


def clean(recording: Recording, config: PrepareConfig) -> Recording:
    """Missing samples by their policy, then the filters, at the rate of the recording."""
    signal = recording.signal
    if config.gaps != "keep":
        signal = _without_gaps(signal, config.gaps)
    if config.bandpass or config.notch:
        try:
            signal = _across_gaps(signal, lambda whole: filtered(whole, recording.sampling_rate_hz, config.bandpass,
                                                                 config.notch))
        except ValueError as error:
            raise BadRecord(recording.name, str(error)) from None
    return replace(recording, signal=signal)


def fit(recording: Recording, config: PrepareConfig) -> Recording:
    """Sampling rate, flat leads, scale and length."""
    signal, rate, marks = recording.signal, recording.sampling_rate_hz, recording.annotations
    if config.resample_hz and config.resample_hz != rate:
        wanted = config.resample_hz
        signal = _across_gaps(signal, lambda whole: resampled(whole, rate, wanted, config.resampling))
        marks, rate = _moved(marks, wanted / rate), wanted
    if config.flat != "keep" and (still := is_flat(signal)).any():
        signal = signal.copy()
        signal[still] = 0 if config.flat == "zero" else np.nan
        if config.flat == "drop" and not np.isfinite(signal).any():
            raise BadRecord(recording.name, "all leads are flat")
    signal = _scaled(signal, config)
    if config.samples:
        signal = _of_length(signal, config.samples, 0 if config.gaps == "zero" else np.nan)
    if not np.isfinite(signal).any():
        raise BadRecord(recording.name, "holds no number")
    signal = np.ascontiguousarray(signal, np.float32)
    metadata = recording.metadata if config.scale == "none" else _without_units(recording)
    return replace(recording, signal=signal, sampling_rate_hz=rate, annotations=marks, metadata=metadata,
                   unit=unit_after(config, recording.unit))


def cut(recording: Recording, start: int, samples: int) -> Recording:
    """Samples [start, start + samples) at the recording's own rate, NaN where it has none; without annotations."""
    piece = np.full((len(recording.signal), samples), np.nan, np.float32)
    low, high = max(start, 0), min(start + samples, recording.signal.shape[1])
    if low < high:
        piece[:, low - start:high - start] = recording.signal[:, low:high]
    return replace(recording, signal=piece, annotations=Annotations.none())


def observe(recording: Recording) -> dict[str, Any]:
    """What is odd about a recording with its leads chosen: leads absent, flat, and samples missing in the others."""
    there = np.isfinite(recording.signal)
    if there.all():
        absent, missing = 0, 0
    else:
        present = there.any(axis=1)
        absent, missing = int((~present).sum()), int((~there[present]).sum())
    found = {"absent": absent, "flat": int(is_flat(recording.signal).sum()), "missing": missing}
    return {name: count for name, count in found.items() if count}


def is_flat(signal: np.ndarray) -> np.ndarray:
    """(leads,) bool: leads whose numbers are all the same."""
    high, low = np.fmax.reduce(signal, axis=1), np.fmin.reduce(signal, axis=1)
    return high - low < FLAT  # absent leads are NaN here, and not flat


def _without_gaps(signal: np.ndarray, policy: str) -> np.ndarray:
    """Absent leads stay absent."""
    there = np.isfinite(signal)
    if there.all():
        return signal
    absent = ~there.any(axis=1)
    filled = _bridged(signal, there) if policy == "interpolate" else np.where(there, signal, np.float32(0))
    filled[absent] = np.nan
    return filled


def _across_gaps(signal: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """`change` of the signal with its gaps bridged; they are missing again in what comes out."""
    there = np.isfinite(signal)
    if there.all():
        return change(signal)
    changed = change(_bridged(signal, there))
    changed[~resampled_mask(there, changed.shape[1])] = np.nan
    return changed


def _bridged(signal: np.ndarray, there: np.ndarray) -> np.ndarray:
    """A straight line across every gap, the nearest sample beyond the ends, 0 for absent leads."""
    filled, time = np.zeros_like(signal), np.arange(signal.shape[1])
    for lead, known in enumerate(there):
        if known.any():
            filled[lead] = np.interp(time, time[known], signal[lead, known])
    return filled


def _scaled(signal: np.ndarray, config: PrepareConfig) -> np.ndarray:
    """Leads without spread are left as they are."""
    if config.scale == "none":
        return signal
    if config.scale == "fixed":
        return signal / np.float32(config.fixed)
    signal = signal.copy()
    for lead in signal:
        known = lead[np.isfinite(lead)]
        if len(known) == 0:
            continue
        known = known if config.scale == "zscore32" else known.astype(np.float64)
        if config.scale in ("zscore", "zscore32"):
            middle, spread = known.mean(), known.std()
        else:
            low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
            spread = high - low
        if spread >= NO_SPREAD:
            lead[:] = (lead - middle) / spread
    return signal


def _of_length(signal: np.ndarray, samples: int, pad: float) -> np.ndarray:
    missing = samples - signal.shape[1]
    return signal[:, :samples] if missing <= 0 else np.pad(signal, ((0, 0), (0, missing)), constant_values=pad)


def _moved(marks: Annotations, ratio: float) -> Annotations:
    """Annotations at another sampling rate."""
    return replace(marks, sample=np.round(marks.sample * ratio).astype(np.int64),
                   length=np.round(marks.length * ratio).astype(np.int64))
