"""EDF and BDF recordings (edfio; headers are checked first by `edf_header`).

A file may mix sampling rates: a Recording has one, so of the rates in the file it takes the one that most voltage
channels have (of equal counts the highest) and names the others in `metadata["left_out"]`; `record="1 Hz"` asks for
another. A file of annotations alone is a recording without channels whose marks are counted in ms.
"""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from src.data.readers.edf_header import check_edf
from src.data.readers.memory import check_memory
from src.data.readers.mne_files import plain_names
from src.data.signal import Annotations, Recording
from src.data.units import VOLTS, unit_name
from src.errors import BadRecord

MARKS_HZ = 1000.0  # of a file without signals


def read(path: Path, record: str | None = None) -> Recording:
    """The channels of one rate, each in its own unit, and all annotations; `metadata` says what else there is."""
    import edfio

    check_edf(path, path.name)
    check_memory(path.stat().st_size * 6, path)  # 2 or 3 bytes a sample on disk, 8 while it is scaled, 4 kept
    with path.open("rb") as stream:
        bdf = stream.read(1) == b"\xff"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a last, incomplete record: a recorder was not stopped in order
        file: Any = (edfio.read_bdf if bdf else edfio.read_edf)(path)
    rate = _rate(path, file.signals, record)
    kept = [signal for signal in file.signals if signal.sampling_frequency == rate]
    samples = min((len(signal.digital) for signal in kept), default=0)
    signal = np.zeros((len(kept), samples), np.float32)
    for row, trace in zip(signal, kept):
        row[:] = trace.data[:samples]
    units = tuple(unit_name(trace.physical_dimension) for trace in kept)
    names = tuple(plain_names([trace.label for trace in kept]))
    return Recording(path.stem, signal, rate, names, units[0] if units else "", _facts(file, rate, units),
                     _marks(file.annotations, rate))


def _rate(path: Path, signals: Any, record: str | None) -> float:
    rates = Counter(signal.sampling_frequency for signal in signals)
    if record is not None:
        asked = next((rate for rate in rates if f"{rate:g} Hz" == record), None)
        if asked is None:
            raise BadRecord(path.name, f"has no channels of {record}",
                            f"it has {', '.join(f'{count} of {rate:g} Hz' for rate, count in rates.items())}")
        return asked
    volts = Counter(signal.sampling_frequency for signal in signals if unit_name(signal.physical_dimension) in VOLTS)
    counts = volts or rates
    return max(counts, key=lambda rate: (counts[rate], rate)) if counts else MARKS_HZ


def _facts(file: Any, rate: float, units: tuple[str, ...]) -> dict[str, Any]:
    others = [signal for signal in file.signals if signal.sampling_frequency != rate]
    facts: dict[str, Any] = {"units": units} if len(set(units)) > 1 else {}
    if others:
        facts["left_out"] = tuple(f"{signal.label} ({signal.sampling_frequency:g} Hz)" for signal in others)
    if not file.signals:
        facts["marks"] = "the file holds no signal: marks are counted in ms"
    filters = {signal.prefiltering for signal in file.signals if signal.prefiltering}
    if filters:
        facts["prefiltering"] = "; ".join(sorted(filters))
    with contextlib.suppress(Exception):  # anonymised and odd dates raise what they like
        facts["start"] = file.startdatetime.isoformat()
    with contextlib.suppress(Exception):
        facts["sex"] = {"F": "female", "M": "male"}[file.patient.sex]
    return facts


def _marks(found: Any, rate: float) -> Annotations:
    if not found:
        return Annotations.none()
    onset = np.array([mark.onset for mark in found], float)
    length = np.array([mark.duration or 0.0 for mark in found], float)
    order = np.argsort(onset, kind="stable")
    return Annotations(np.round(onset * rate).astype(np.int64)[order], np.full(len(found), ""),
                       np.array([mark.text for mark in found])[order], np.round(length * rate).astype(np.int64)[order])
