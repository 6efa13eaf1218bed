"""WFDB records: any range of samples in physical units, whole records with what their header says, annotations.

Formats 16, 24, 32, 61, 80, 160 and 212 with one sample per frame and no skew (most sets) are read directly, bit-equal
to `wfdb.rdrecord(return_res=32)` and many times as fast; segments are put together here; everything else is read by
the wfdb package, after `wfdb_header` has checked what it will open.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from src.data.readers.memory import check_memory
from src.data.readers.wfdb_annotations import read_annotations
from src.data.readers.wfdb_formats import INVALID, stored
from src.data.readers.wfdb_header import Header, SignalFile, parse_header, with_files
from src.data.readers.wfdb_verify import check_sums
from src.data.signal import Annotations, Recording
from src.data.units import unit_factor
from src.errors import BadRecord

PAIR = re.compile(r"<([^<>:]{1,40})>:\s*([^<]*)|^([^:<]{1,60}):\s*(.*)$")
EXACT = 1 << 24  # integers up to here are exact in float32
CHUNK = 1 << 18  # samples decoded at once


def read(path: Path, record: str | None = None, verify: bool = False) -> Recording:
    """The record that `path` belongs to: its .hea, one of its signal files or annotations, or its name without suffix.

    Annotations are those of the file named, or of the .atr beside the record. Signals of several samples per frame are
    averaged to the frame rate, as the wfdb package does. A record whose signal files are all missing opens without
    signals (0, 0) where there are annotations. `verify` checks the header's checksums. BadRecord says what is wrong.
    """
    folder, file = os.path.split(os.fspath(path))
    name, annotator = _names(folder, file)
    if record not in (None, name):
        raise BadRecord(name, f"holds no record {record!r}", "a WFDB record is one recording")
    marks = f"{name}.{annotator}"
    if file == marks and not os.path.lexists(os.path.join(folder, f"{name}.hea")):
        return _annotations_only(name, *read_annotations(folder, marks), {})
    header = parse_header(folder, name)
    annotated = os.path.isfile(os.path.join(folder, marks))
    if annotated and _lacks_signals(header):
        return _annotations_only(name, *read_annotations(folder, marks, header.rate_hz), _metadata(header))
    recording = _record(with_files(header), verify)
    if annotated:
        recording.annotations, _ = read_annotations(folder, marks, header.rate_hz)
    return recording


def read_wfdb(root: Path | str, record: str, verify: bool = False) -> Recording:
    """A whole record below `root`, signals alone; its unit is that of the first, `metadata["units"]` has all."""
    return _record(with_files(parse_header(root, record)), verify)


def read_range(header: Header, low: int, high: int) -> np.ndarray:
    """Samples [low, high) of all signals: (signals, high - low) float32, each in its own unit, NaN where invalid."""
    if low >= high:
        return np.zeros((len(header.signals), 0), np.float32)
    try:
        if header.segments:
            return _read_segments(header, low, high)
        return _read_plain(header, low, high) if is_plain(header) else _read_any(header, low, high)
    except BadRecord:
        raise
    except Exception as error:  # the wfdb package raises whatever a damaged file leads it to
        raise BadRecord(header.record, f"cannot be read: {type(error).__name__}: {error}") from error


def is_plain(header: Header) -> bool:
    """Whether every signal is read directly."""
    return all(line.fmt in INVALID and line.per_frame == 1 and not line.skew for line in header.signals)


def _names(folder: str, file: str) -> tuple[str, str]:
    """The record's name and its annotator: atr unless `file` is another's annotations."""
    name, suffix = os.path.splitext(file)
    if suffix == ".hea":
        return name, "atr"
    if os.path.isfile(os.path.join(folder, f"{file}.hea")):
        return file, "atr"
    if suffix in ("", ".dat", ".mat"):
        return name, "atr"
    header = os.path.isfile(os.path.join(folder, f"{name}.hea"))
    is_signal = header and any(line.file == file for line in parse_header(folder, name).signals)
    return name, "atr" if is_signal else suffix[1:]


def _lacks_signals(header: Header) -> bool:
    if header.segments:
        return False
    files = {line.file for line in header.signals} - {"~"}
    return not any(os.path.lexists(os.path.join(header.folder, file)) for file in files)


def _record(header: Header, verify: bool) -> Recording:
    check_memory(4 * len(header.signals) * header.samples, header.record)
    if verify:
        check_sums(header)
    signal = read_range(header, 0, header.samples) if header.signals else np.zeros((0, 0), np.float32)
    unit = header.signals[0].unit if header.signals else ""
    return Recording(header.record, signal, header.rate_hz, header.channels, unit, _metadata(header))


def _annotations_only(name: str, marks: Annotations, rate_hz: float, metadata: dict[str, Any]) -> Recording:
    return Recording(name, np.zeros((0, 0), np.float32), rate_hz, (), "", metadata, marks)


def _metadata(header: Header) -> dict[str, Any]:
    lines = header.signals
    found: dict[str, Any] = {
        "units": tuple([line.unit for line in lines]), "gains": tuple([line.gain for line in lines]),
        "baselines": tuple([line.baseline for line in lines]), "comments": header.comments}
    if any(line.per_frame != 1 for line in lines):
        found["samples_per_frame"] = tuple(line.per_frame for line in lines)
    if header.start:
        found["start"] = " ".join(header.start)
    for comment in header.comments:
        for angle, value, plain, rest in PAIR.findall(comment):
            found.setdefault((angle or plain).strip().lower(), (value or rest).strip())
    return found


@lru_cache(maxsize=1024)
def _calibration(gains: tuple[float, ...], baselines: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray | None]:
    """Columns (signals, 1), float32 where that is exact; no baselines where all are 0."""
    gain, baseline = np.array(gains, np.float64)[:, None], np.array(baselines, np.float64)[:, None]
    if (gain == gain.astype(np.float32)).all():
        gain = gain.astype(np.float32)
    if (abs(baseline) < EXACT).all():
        baseline = baseline.astype(np.float32)
    return gain, baseline if baseline.any() else None


def _read_plain(header: Header, low: int, high: int) -> np.ndarray:
    if len(header.signal_files) == 1 and len(header.signal_files[0].rows) == len(header.signals):
        return _read_file(header, header.signal_files[0], low, high)
    whole = np.full((len(header.signals), high - low), np.nan, np.float32)
    for file in header.signal_files:
        whole[list(file.rows)] = _read_file(header, file, low, high)
    return whole


def _read_file(header: Header, file: SignalFile, low: int, high: int) -> np.ndarray:
    """The signals of one file, chunk by chunk: beside the result no more than a chunk is held."""
    lines = [header.signals[row] for row in file.rows]
    gain, baseline = _calibration(tuple([line.gain for line in lines]), tuple([line.baseline for line in lines]))
    physical = np.empty((len(lines), high - low), np.float32)
    step = max(1, CHUNK // file.frame)
    for begin in range(low, high, step):
        end = min(begin + step, high)
        numbers = stored(file.path, file.fmt, file.offset, file.frame, begin, end)
        if numbers.shape[1] != end - begin:
            raise BadRecord(header.record, f"cannot be read: {os.path.basename(file.path)} became shorter")
        _to_physical(numbers, gain, baseline, INVALID[file.fmt], physical[:, begin - low:end - low])
    return physical


def _to_physical(numbers: np.ndarray, gain: np.ndarray, baseline: np.ndarray | None, invalid: int,
                 out: np.ndarray) -> None:
    """Rounded as the wfdb package does at return_res=32: after the subtraction and after the division."""
    out[...] = numbers
    if baseline is not None:
        np.subtract(out, baseline, out=out, casting="same_kind")
    np.divide(out, gain, out=out, casting="same_kind")
    if numbers.min() == invalid:
        out[numbers == invalid] = np.nan


def _read_segments(header: Header, low: int, high: int) -> np.ndarray:
    """Segments one after the other; NaN in gaps and for signals of the layout that a segment lacks."""
    whole = np.full((len(header.signals), high - low), np.nan, np.float32)
    begin = 0
    for part in header.parts:
        first, last = max(low, begin), min(high, begin + part.samples)
        if first < last and part.header is not None and part.header.signals:
            piece = read_range(part.header, first - begin, last - begin)
            for row, signal in zip(_rows_in(header, part.header), piece):
                if row is not None:
                    whole[row, first - low:last - low] = signal
        begin += part.samples
    return whole


def _rows_in(header: Header, part: Header) -> list[int | None]:
    """Which signal of the record each signal of a segment is: by number, or by name where there is a layout."""
    place = {name: row for row, name in enumerate(header.channels)}
    rows: list[int | None] = [*range(len(part.signals))]
    if header.layout:
        rows = [place.get(name) for name in part.channels]
    for row, line in zip(rows, part.signals):
        if row is not None and unit_factor(line.unit, header.signals[row].unit) != 1.0:
            raise BadRecord(header.record, f"damaged header: {line.name} is in {line.unit} in {part.record}, in "
                                           f"{header.signals[row].unit} elsewhere")
    return rows


def _read_any(header: Header, low: int, high: int) -> np.ndarray:
    """Signals of several samples per frame are averaged to the frame rate (rounded down to a stored step) by wfdb."""
    import wfdb

    path = os.path.abspath(os.path.join(header.folder, header.record.rpartition("/")[2]))
    span: dict[str, Any] = {"sampfrom": low, "sampto": high} if header.says_length else {}
    read: Any = wfdb.rdrecord(path, physical=True, return_res=32, **span)
    signal = np.ascontiguousarray(read.p_signal.T, dtype=np.float32)
    return signal if header.says_length else signal[:, low:high]
