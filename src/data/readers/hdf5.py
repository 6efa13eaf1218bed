"""HDF5 files of many recordings (h5py): one data set of signals and, beside it, ids, channel names, rate.

CODE-15's files (`tracings` (exams, 4096, 12) and `exam_id`) say neither rate, leads nor unit: 400 Hz, DI to V6 and a
scale of 0.1 mV are documented (Ribeiro et al., zenodo.org/records/4916206) and taken, and `metadata["documented"]` says
so. The zeros that pad shorter exams to 4096 samples are no signal and left out.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from src.data.array_files import FIELDS
from src.data.leads import STANDARD_12
from src.data.readers.memory import check_memory
from src.data.readers.rates import known_rate
from src.data.signal import Recording
from src.data.units import unit_name
from src.errors import BadRecord, did_you_mean

SIGNAL = ("tracings", *FIELDS["signal"])
RECORD = ("exam_id", *FIELDS["record"])
CODE_15 = "CODE-15: 400 Hz, DI to V6, stored in 0.1 mV"
LARGEST_RECORD = 1 << 31  # bytes
LONGEST_TABLE = 1 << 24  # ids


def read(path: Path, record: str | None = None, rate_hz: float = 0.0, unit: str = "") -> Recording:
    """Recording `record` by its id (None: the first); only its part of the file is read."""
    import h5py

    with h5py.File(path, "r") as file:
        signal = _signal(file, path)
        ids, places = _known_ids(path)
        if record is not None and record not in places:
            raise BadRecord(path.name, f"holds no recording {record!r}{did_you_mean(record, ids[:1000])}",
                            f"it holds {len(ids)}: {', '.join(ids[:5])}{', ...' * (len(ids) > 5)}")
        row = 0 if record is None else places[record]
        code15 = signal.name == "/tracings" and signal.ndim == 3 and signal.shape[2] == 12
        values = np.asarray(signal[row] if signal.ndim == 3 else signal[()], np.float32)
        channels = _texts(_field(file, "channels")) or (STANDARD_12 if code15 else ())
        stated = _scalar(_field(file, "rate_hz"))
        found = unit_name(_text(_field(file, "unit")) or unit)
    meta: dict[str, Any] = {"records": len(ids)} if len(ids) > 1 else {}
    if code15:
        meta["documented"] = CODE_15
        with np.errstate(all="ignore"):  # damaged numbers may be anything
            values = _unpadded(values.T, path, ids[row]) * np.float32(0.1)
        found, rate_hz = "mV", rate_hz or 400.0
    elif values.shape[0] > values.shape[1]:  # time first
        values = values.T
    channels = channels if len(channels) == len(values) else tuple(f"ch{k}" for k in range(1, len(values) + 1))
    return Recording(ids[row], np.ascontiguousarray(values), known_rate(path, stated, rate_hz), channels, found, meta)


def names(path: Path) -> list[str]:
    """The ids of a file of many recordings; [] where it holds one."""
    ids, _ = _known_ids(path)
    return ids if len(ids) > 1 else []


def _known_ids(path: Path) -> tuple[list[str], dict[str, int]]:
    """The ids of a file in order, and the place of each: kept, since the records of a file are read one by one."""
    state = path.stat()
    return _read_ids(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1)
def _read_ids(path: Path, changed: int, size: int) -> tuple[list[str], dict[str, int]]:
    import h5py

    with h5py.File(path, "r") as file:
        ids = _ids(file, _signal(file, path))
    return ids, {name: row for row, name in reversed(list(enumerate(ids)))}  # of equal ids the first counts


def _signal(file: Any, path: Path) -> Any:
    """The data set of signals, checked: numbers, of two or three axes, in this file, and no record too large."""
    found = next((data for name in SIGNAL if (data := _own(file, name)) is not None), None)
    if found is None:
        raise BadRecord(path.name, f"holds no signals; it holds {', '.join(list(file)[:8]) or 'nothing'}",
                        f"name the data set one of {', '.join(SIGNAL)}")
    if found.dtype.kind not in "iuf" or found.ndim not in (2, 3) or 0 in found.shape:
        raise BadRecord(path.name, f"{found.name} has {found.dtype} of shape {found.shape}",
                        "expected numbers of shape (records, channels, samples) or (channels, samples)")
    size = math.prod(found.shape[-2:]) * 4
    if size > LARGEST_RECORD:
        raise BadRecord(path.name, f"promises too much: a record of {size / 2**30:.1f} GiB")
    check_memory(size + (math.prod(found.chunks) * found.dtype.itemsize if found.chunks else 0), path)
    return found


def _unpadded(signal: np.ndarray, path: Path, record: str) -> np.ndarray:
    """Without the samples at both ends that are 0 in all leads."""
    there = np.flatnonzero((signal != 0).any(axis=0))
    if not len(there):
        raise BadRecord(f"{path.name}:{record}", "holds zeros alone", "the last row of a part is often an empty exam")
    return signal[:, there[0]:there[-1] + 1]


def _own(file: Any, name: str) -> Any:
    """The data set of that name, if its numbers lie in this file."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink) or not isinstance(file[name], h5py.Dataset):
        return None
    data = file[name]
    if data.is_virtual or data.external is not None:
        raise BadRecord(Path(file.filename).name, f"{name} takes its numbers from other files, which is refused",
                        "save the data in the file itself")
    return data


def _field(file: Any, field: str) -> Any:
    """A data set, or an attribute of the file, under one of its names; None without."""
    for name in FIELDS[field]:
        if (data := _own(file, name)) is not None:
            return data[()] if data.size <= LONGEST_TABLE else None
        if name in file.attrs:
            return file.attrs[name]
    return None


def _ids(file: Any, signal: Any) -> list[str]:
    """One per recording: as stored, or its number."""
    count = signal.shape[0] if signal.ndim == 3 else 1
    stored = next((data for name in RECORD if (data := _own(file, name)) is not None), None)
    if stored is None or stored.shape != (count,) or count > LONGEST_TABLE:
        stem = Path(file.filename).stem
        return [stem] if count == 1 else [f"{stem}_{number:06d}" for number in range(min(count, LONGEST_TABLE))]
    return list(_texts(stored[()]))


def _texts(value: Any) -> tuple[str, ...]:
    flat = [] if value is None else np.asarray(value).ravel().tolist()
    return tuple(item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in flat)


def _text(value: Any) -> str:
    return next(iter(_texts(value)), "")


def _scalar(value: Any) -> float:
    return 0.0 if value is None else float(np.asarray(value, float).ravel()[0])
