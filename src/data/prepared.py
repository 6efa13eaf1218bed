"""`--dataset prepared`: a folder that `prepare.py` made, known by its prepare.json; see `src/data/prepare`."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from src.data.dataset import Records
from src.data.prepare.finish import COLUMNS, LABELS, MANIFEST, SPLITS, TABLE, VERSION
from src.data.prepare.stores import VECTORS, open_store
from src.data.readers.npz import read_npy
from src.data.recorded import RecordedConfig, RecordedDataset
from src.data.signal import SignalSpec, TargetSpec
from src.data.splits import load_splits, rows_of
from src.data.tables import read_columns
from src.data.units import unit_factor, unit_name
from src.errors import UserError, did_you_mean
from src.interop.layouts.tensor_pipeline import parts_of


class PreparedDataset(RecordedDataset):
    """Recordings in one form, read from the store they were prepared into."""

    @dataclass(frozen=True)
    class Config(RecordedConfig):
        parts: Literal["prepared", "source"] = "prepared"  # as splits.json says; or the source's own, where it has some
        verify: bool = False  # compare all stored bytes with their checksums first

    config: Config

    def __init__(self, config: Config | None = None, data_path: str | Path | None = None):
        self.config = config or self.Config()
        self.path = Path(data_path or "")
        if data_path is None or not (self.path / MANIFEST).is_file():
            raise UserError(f"{data_path}: no {MANIFEST}", "--data_path names a folder that prepare.py finished")
        about = _manifest(self.path / MANIFEST)
        spec, self.target = about["signal_spec"], about["target_spec"]
        table = read_columns(self.path / TABLE)
        if lacks := [name for name in COLUMNS if name not in table]:
            raise UserError(f"{self.path / TABLE} has no column {lacks[0]}", "copy the whole folder again")
        self.records = Records(table["record"], table["subject"], self._labels(len(table["record"])),
                               table["subset"], _whole_numbers(self.path / TABLE, table["samples"]))
        if self.config.parts == "prepared":
            self.records.subset = _parts(self.path / SPLITS, self.records, about["store"])
        self.info = {name: column for name, column in table.items() if name not in COLUMNS}
        self._signals = open_store(about["store"], self.path).reader(
            len(spec.channels), table["file"].tolist(), self.records.length, self.config.verify)
        self.gaps = self._signals.gaps
        self._choose(spec)
        self.protocol, self.notes = about["protocol"], tuple(str(note) for note in about["notes"])
        self._arrange(np.full(len(self.records), spec.rate_hz), self._channels, self._unit)
        self.spec = replace(self.spec, steps=spec.steps, resampling=spec.resampling, preparation=spec.preparation)
        self.licence = about["licence"]
        self.source = f"{about['set']}: {about['source']}, prepared in {self.path} ({about['store']}); licence: " \
                      f"{about['licence']}"

    def _labels(self, records: int) -> np.ndarray:
        label = np.array(read_npy(self.path / LABELS))
        several = self.target.kind == "multilabel"
        fits = label.shape == ((records, self.target.outputs) if several else (records,))
        if not fits or (not several and (label.dtype != np.int64 or
                                         not ((label >= 0) & (label < self.target.outputs)).all())):
            raise UserError(f"{self.path / LABELS}: {label.dtype}{label.shape} does not belong to {TABLE}",
                            "copy the whole folder again")
        return label

    def _choose(self, spec: SignalSpec) -> None:
        """The stated channels and unit out of what is stored."""
        place = {name.lower(): number for number, name in enumerate(spec.channels)}
        self._channels = self.config.channels or spec.channels
        lost = [name for name in self._channels if name.lower() not in place]
        if lost:
            raise UserError(f"{self.path} has no channel {', '.join(lost[:5])}{did_you_mean(lost[0], spec.channels)}",
                            f"it has {', '.join(spec.channels)}")
        order = [place[name.lower()] for name in self._channels]
        self._order = None if order == list(range(len(spec.channels))) else order
        self._unit = unit_name(self.config.to_unit) or spec.unit
        factor = unit_factor(spec.unit, self._unit)
        if factor is None:
            raise UserError(f"{self.path} is in {spec.unit}, which cannot be turned into {self._unit}")
        self._factor = np.float32(factor)
        if self.config.classes and self.config.classes != self.target.names:
            raise UserError(f"{self.path} has the classes {', '.join(self.target.names)}",
                            f"expected: {', '.join(self.config.classes)}; choose them when preparing")

    def read_range(self, row: int, low: int, high: int) -> np.ndarray:
        fits = self.room is not None and self._order is None and self.room.shape == (len(self._channels), high - low)
        signal = self._signals.read(row, low, high, self.room if fits else None)
        signal = signal if self._order is None else signal[self._order]
        return signal if self._factor == 1 else np.multiply(signal, self._factor, out=signal)

    def content_hash(self, row: int) -> str | None:
        return self._signals.digest(row)


def _manifest(path: Path) -> dict[str, Any]:
    """What prepare.json says, checked."""
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if about["version"] != VERSION:
            raise UserError(f"{path}: version {about['version']!s:.20}; expected {VERSION}", "prepare the data again")
        about["signal_spec"] = SignalSpec.from_dict(about["signal_spec"])
        about["target_spec"] = TargetSpec.from_dict(about["target_spec"])
        for name in ("set", "source", "licence", "store", "protocol"):
            about[name] = str(about[name])
        about["notes"] = list(about["notes"])
        return about
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} cannot be read ({type(error).__name__}: {error})", "copy the whole folder again"
                        ) from error


def _parts(path: Path, records: Records, store: str) -> np.ndarray:
    """The part of each record."""
    rows = rows_of(parts_of(path), path, records) if store == VECTORS else load_splits(path, records)
    subset = np.full(len(records), "", f"<U{max(map(len, rows), default=1)}")
    for name, members in rows.items():
        subset[members] = name
    return subset


def _whole_numbers(path: Path, texts: np.ndarray) -> np.ndarray:
    try:
        return texts.astype(np.int64)
    except ValueError as error:
        raise UserError(f"{path}: samples must be whole numbers ({error})", "copy the whole folder again") from None
