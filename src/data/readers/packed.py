"""npz, npy and MAT files as recordings: one, or one of the many that a file packs (`src.data.array_files` says under
which names their parts are known).

Two kinds of MAT files are told from their variables, and what their makers document is filled in and said in
`metadata["documented"]`: CPSC 2018 (struct ECG of sex, age, data: 12 leads at 500 Hz in mV; Liu et al., J Med Imaging
Health Inform 2018) and ECG-FM's `feats` (the 12 leads in standard order; rate in curr_sample_rate, no unit).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from src.data.array_files import Pack, read_pack
from src.data.leads import STANDARD_12
from src.data.readers.mat import mat_names, read_mat
from src.data.signal import Recording
from src.errors import BadRecord, did_you_mean


@dataclass(frozen=True)
class Documented:
    """A kind of MAT file by its variables, and what is known of all files of this kind; `info` are facts beside."""

    about: str
    variables: frozenset[str]
    rate_hz: float = 0.0
    unit: str = ""
    info: tuple[str, ...] = ()


DOCUMENTED = (
    Documented("CPSC 2018: 12 leads at 500 Hz in mV", frozenset({"ECG.data", "ECG.sex", "ECG.age"}), 500.0, "mV",
               ("ECG.sex", "ECG.age")),
    Documented("ECG-FM: the 12 leads in standard order", frozenset({"feats", "curr_sample_rate"})),
)


def read(path: Path, record: str | None = None, rate_hz: float = 0.0, unit: str = "") -> Recording:
    """Recording `record` of a file (None: the first, `metadata["records"]` says of how many).

    `rate_hz` and `unit` count where the file does not say. UserError where the rate stays unknown.
    """
    pack = _open(path, rate_hz, unit)
    names = pack.rows["record"].astype(str).tolist()
    if record is not None and record not in names:
        raise BadRecord(path.name, f"holds no recording {record!r}{did_you_mean(record, names)}",
                        f"it holds {len(names)}: {', '.join(names[:5])}{', ...' * (len(names) > 5)}")
    row = 0 if record is None else names.index(record)
    signal = np.array(pack.stored(row), np.float32, order="C") * pack.scale
    kind = _documented(path)
    meta = {"records": len(pack)} if len(pack) > 1 else {}
    channels = pack.channels
    if kind is not None:
        meta |= {"documented": kind.about} | {name.rpartition(".")[2]: _plain(read_mat(path, name))
                                              for name in kind.info}
        unnamed = channels == tuple(f"ch{number}" for number in range(1, len(channels) + 1))
        channels = STANDARD_12 if unnamed and len(channels) == 12 else channels
    return Recording(names[row], signal, pack.rate_hz, channels, "" if pack.unit == "unknown" else pack.unit, meta)


def names(path: Path, rate_hz: float = 1.0, unit: str = "") -> list[str]:
    """The recordings of a file of many, in order; [] where it holds one."""
    pack = _open(path, rate_hz, unit)
    return pack.rows["record"].astype(str).tolist() if len(pack) > 1 else []


def _open(path: Path, rate_hz: float, unit: str) -> Pack:
    """The last pack is kept: the records of a compressed file are read one after the other."""
    try:
        state = path.stat()
    except OSError as error:
        raise BadRecord(path.name, f"no such file: {path}") from error
    return _pack(path, state.st_mtime_ns, state.st_size, rate_hz, unit)


@lru_cache(maxsize=1)
def _pack(path: Path, changed: int, size: int, rate_hz: float, unit: str) -> Pack:
    kind = _documented(path)
    return read_pack(path, rate_hz or (kind.rate_hz if kind else 0.0), unit or (kind.unit if kind else ""))


def _documented(path: Path) -> Documented | None:
    if path.suffix.lower() != ".mat":
        return None
    there = set(mat_names(path))
    return next((kind for kind in DOCUMENTED if kind.variables <= there), None)


def _plain(value: np.ndarray) -> str | float:
    flat = np.asarray(value).ravel()
    if flat.size == 0:
        return ""
    return float(flat[0]) if flat.dtype.kind in "biuf" else str(flat[0])
