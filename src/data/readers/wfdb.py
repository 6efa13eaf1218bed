"""WFDB records: any range of samples in physical units. Format 16 in one file (most ECG sets) is read directly, 30 to
100 times as fast; everything else by the wfdb package, after `wfdb_header` has checked what it will open."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from src.data.readers.wfdb_header import Header, read_header
from src.data.signal import Recording
from src.errors import BadRecord

INVALID_16 = -32768


def read_wfdb(root: Path, record: str) -> Recording:
    """A whole record below `root` -> Recording; its unit is that of the first signal, `meta["units"]` has all."""
    header = read_header(root, record)
    units = tuple(line.unit for line in header.signals)
    signal = read_range(header, 0, header.samples)
    return Recording(record, signal, header.rate_hz, header.channels, units[0] if units else "", {"units": units})


def read_range(header: Header, low: int, high: int) -> np.ndarray:
    """Samples [low, high) of all signals: (signals, high - low) float32, each in its own unit, NaN where invalid."""
    try:
        return _read_16(header, low, high) if _is_plain_16(header) else _read_any(header, low, high)
    except BadRecord:
        raise
    except Exception as error:  # the wfdb package raises whatever a damaged file leads it to
        raise BadRecord(header.record, f"cannot be read: {type(error).__name__}: {error}") from error


def _is_plain_16(header: Header) -> bool:
    return len(header.files) == 1 and not header.segments and all(
        line.fmt == "16" and line.per_frame == 1 and line.skew == 0 and line.file == header.signals[0].file
        and line.offset == header.signals[0].offset for line in header.signals)


def _read_16(header: Header, low: int, high: int) -> np.ndarray:
    width = len(header.signals)
    start = header.signals[0].offset + low * width * 2
    stored = np.fromfile(header.files[0], "<i2", (high - low) * width, offset=start)
    if len(stored) != (high - low) * width:
        raise BadRecord(header.record, f"cannot be read: {header.files[0].name} became shorter")
    stored = stored.reshape(-1, width).T
    baseline = np.array([line.baseline for line in header.signals], np.float32)[:, None]
    gain = np.array([line.gain for line in header.signals], np.float32)[:, None]
    signal = np.subtract(stored, baseline, dtype=np.float32, order="C")
    signal /= gain
    if (invalid := stored == INVALID_16).any():
        signal[invalid] = np.nan
    return signal


def _read_any(header: Header, low: int, high: int) -> np.ndarray:
    """Signals of several samples per frame are averaged to the frame rate, as the wfdb package does."""
    import wfdb

    path = str((header.folder / Path(header.record).name).resolve())
    span = {"sampfrom": low, "sampto": high} if header.says_length else {}
    read = wfdb.rdrecord(path, physical=True, return_res=32, m2s=True, **span)
    signal = np.ascontiguousarray(read.p_signal.T, dtype=np.float32)
    signal = signal if header.says_length else signal[:, low:high]
    return _in_layout(header, read.sig_name, signal)


def _in_layout(header: Header, names: list[str], signal: np.ndarray) -> np.ndarray:
    """A range of a segmented record may lack signals of its layout: they are NaN there."""
    wanted = [line.name for line in header.signals]
    if list(names) == wanted:
        return signal
    full = np.full((len(wanted), signal.shape[1]), np.nan, np.float32)
    for place, name in enumerate(names):
        if name in wanted:
            full[wanted.index(name)] = signal[place]
    return full
