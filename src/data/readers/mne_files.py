"""EDF, BDF, GDF, BrainVision, FIF and EEGLAB files, read piece by piece by MNE (the extra `mne`).

Only headers and events are read when a file is opened; signals come from the disk as they are asked for.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from src.data.readers.edf_header import check_edf
from src.data.readers.mat import check_mat
from src.errors import BadRecord, UserError

READERS = {".edf": "read_raw_edf", ".bdf": "read_raw_bdf", ".gdf": "read_raw_gdf", ".vhdr": "read_raw_brainvision",
           ".fif": "read_raw_fif", ".set": "read_raw_eeglab"}
SUFFIXES = tuple(READERS)
BRAIN = ("eeg", "seeg", "ecog", "dbs")
NOT_VOLTS = ("stim", "misc", "resp", "temperature", "gsr", "syst", "exci", "ias", "ref_meg", "mag", "grad")
PREFIX, SUFFIX = re.compile(r"(EEG|SEEG|ECOG|ECG|POL)[ _]+(?=\S)", re.I), re.compile(r"-(ref|avg|g\d+)$", re.I)
OPEN = 256  # headers kept per process


@dataclass(frozen=True)
class Channel:
    """One channel of a file: its name without the decoration of recorders, MNE's word for its type, its name as it is
    stored, and whether it is marked bad."""

    name: str
    kind: str
    stored: str
    bad: bool = False


@dataclass(frozen=True)
class Header:
    """What is known of a file without its signals."""

    path: Path
    rate_hz: float
    samples: int
    channels: tuple[Channel, ...]
    files: tuple[Path, ...] = ()  # that hold its signals


def need_mne(what: str, package: str = "mne") -> Any:
    """The package mne or mne_bids; UserError with the command that installs it."""
    from importlib import import_module

    try:
        return import_module(package)
    except ImportError:
        raise UserError(f"{what} is read by {package.replace('_', '-')}, which is not installed",
                        "uv sync --extra mne, or pip install mne mne-bids") from None


def read_header(path: Path) -> Header:
    """BadRecord where the file is damaged or of no known format."""
    raw = open_raw(path)
    names = plain_names(raw.ch_names)
    bads = set(raw.info["bads"])
    channels = tuple(Channel(plain, kind, stored, stored in bads)
                     for stored, plain, kind in zip(raw.ch_names, names, raw.get_channel_types()))
    return Header(path, float(raw.info["sfreq"]), int(raw.n_times), channels, _files(raw))


def read_range(path: Path, picks: np.ndarray, low: int, high: int) -> np.ndarray:
    """Samples [low, high) of the channels `picks` (their numbers): (picks, high - low) float64, V or as stored."""
    try:
        return open_raw(path).get_data(picks=picks, start=low, stop=high, verbose="error")
    except BadRecord:
        raise
    except Exception as error:  # MNE raises whatever a damaged file leads it to
        raise BadRecord(path.name, f"cannot be read: {type(error).__name__}: {error}") from error


def open_raw(path: Path) -> Any:
    """MNE's Raw of a file, signals left on disk. BadRecord where it cannot be opened."""
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise BadRecord(path.name, f"no such file: {path}") from error
    return _open(path, changed)


@lru_cache(maxsize=OPEN)
def _open(path: Path, changed: int) -> Any:
    name, kind = path.name, path.suffix.lower()
    if kind not in READERS:
        raise BadRecord(name, f"a {kind or 'nameless'} file is not read here", f"known: {', '.join(SUFFIXES)}")
    mne = need_mne(name)
    if kind in (".edf", ".bdf"):
        check_edf(path, name)
    elif kind == ".vhdr":
        _check_brainvision(path, name)
    elif kind == ".set":
        check_mat(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters of them is checked here
            more = {"infer_types": True} if kind in (".edf", ".bdf") else {}
            raw = getattr(mne.io, READERS[kind])(path, preload=False, verbose="error", **more)
    except Exception as error:
        raise BadRecord(name, f"cannot be read: {type(error).__name__}: {error}") from error
    _check_files(raw, path, name)
    return raw


def _check_brainvision(path: Path, name: str) -> None:
    """The header names its files of data and markers: they lie beside it."""
    if path.stat().st_size > 1 << 24:
        raise BadRecord(name, f"damaged header: {path.stat().st_size} bytes")
    text = path.read_text(encoding="utf-8", errors="replace")
    for file in re.findall(r"^(?:DataFile|MarkerFile)\s*=\s*(.*?)\s*$", text, re.M | re.I):
        if Path(file.replace("\\", "/")).name != file:
            raise BadRecord(name, f"outside the data folder: {file}")


def _check_files(raw: Any, path: Path, name: str) -> None:
    """Every file of a recording lies in its folder, and is as long as the header promises."""
    files = _files(raw)
    folder = path.parent.resolve()
    outside = [file for file in files if not file.parent.resolve().is_relative_to(folder)]
    if outside:
        raise BadRecord(name, f"outside the data folder: {outside[0]}")
    if raw.n_times > sum(file.stat().st_size for file in files):
        raise BadRecord(name, f"damaged header: it promises {raw.n_times} samples, more than the file has bytes")


def _files(raw: Any) -> tuple[Path, ...]:
    return tuple(Path(file) for file in raw.filenames if file is not None)


def plain_names(names: list[str]) -> list[str]:
    """'EEG A1-Ref' and 'POL A1' are A1, unless two channels would then have one name."""
    plain = [SUFFIX.sub("", PREFIX.sub("", name.strip(), count=1)) for name in names]
    return [short if plain.count(short) == 1 else name for name, short in zip(names, plain)]
