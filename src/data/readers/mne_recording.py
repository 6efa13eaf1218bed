"""BrainVision, FIF, GDF and EEGLAB files as recordings, by MNE (the extra `mne`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from src.data.readers.memory import check_memory
from src.data.readers.mne_files import NOT_VOLTS, open_raw, read_header, read_range
from src.data.signal import Annotations, Recording
from src.errors import BadRecord


def read(path: Path, record: str | None = None) -> Recording:
    """All channels that are voltages, in uV; `metadata["left_out"]` names the others, `["bad"]` those marked bad."""
    header = read_header(path)
    picks = [number for number, channel in enumerate(header.channels) if channel.kind not in NOT_VOLTS]
    if not picks and header.channels:
        raise BadRecord(path.name, "no channel is a voltage",
                        f"it has {', '.join(channel.kind for channel in header.channels[:8])}")
    check_memory(len(picks) * header.samples * 12, path)  # float64 while it is read, float32 kept
    signal = (read_range(path, np.array(picks, int), 0, header.samples) * 1e6).astype(np.float32)
    kept = [header.channels[number] for number in picks]
    facts = {"left_out": tuple(f"{channel.name} ({channel.kind})" for channel in header.channels
                               if channel.kind in NOT_VOLTS),
             "bad": tuple(channel.name for channel in header.channels if channel.bad)}
    return Recording(path.stem, signal, header.rate_hz, tuple(channel.name for channel in kept), "uV",
                     {name: value for name, value in facts.items() if value}, _marks(path, header.rate_hz))


def _marks(path: Path, rate: float) -> Annotations:
    raw = open_raw(path)
    found = raw.annotations
    if not len(found):
        return Annotations.none()
    onset = np.asarray(found.onset, float) - raw.first_time * (found.orig_time is not None)
    return Annotations(np.round(onset * rate).astype(np.int64), np.full(len(onset), ""), np.array(found.description),
                       np.round(np.asarray(found.duration, float) * rate).astype(np.int64))
