"""`--dataset npy`: one array of all recordings (records, samples, 12), as DeepECG-SSL takes them.

`--data_path` is a folder of train.tsv, valid.tsv, test.tsv with `key:value` lines (`x_path`, `y_path`, `label_indexes`,
`scale`), one of these files, or the array itself. It is mapped, not loaded; NaN becomes 0 as in the original.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from src.data.dataset import Records
from src.data.readers.npz import read_npy
from src.data.sets.label_files import chosen_columns, read_labels, target_of
from src.data.sets.lead_rows import COMPARED, LeadConfig, LeadDataset
from src.data.sets.manifest_files import ARRAYS, beside, find_manifests, read_description, subset_of
from src.data.signal import TargetSpec
from src.errors import UserError


@dataclass(frozen=True)
class ArrayConfig(LeadConfig):
    rate_hz: float = 250.0  # DeepECG-SSL's 2500 samples are 10 s
    scale: float = 0.0  # stored numbers times this (0.00488 makes mV of the counts); 0 = as the file says, or 1


@dataclass(frozen=True)
class _Part:
    """One array: `signal` (records, samples, leads) as stored."""

    name: str
    subset: str
    signal: np.ndarray
    scale: float


class NpyDataset(LeadDataset):
    @dataclass(frozen=True)
    class Config(ArrayConfig):
        y_path: str = ""  # labels (records, labels) of an array that is given by itself

    config: Config

    def __init__(self, config: Config | None = None, data_path: str | Path | None = None):
        self.config = config = config or self.Config()
        described = list(self._described(Path(data_path or "")))
        if not described:
            raise UserError(f"{data_path}: no array and no .tsv that describes one",
                            "a line of it says x_path:FILE.npy, another y_path:FILE.npy")
        self._parts = [self._part(path, about) for path, about in described]
        if len({part.signal.shape[2] for part in self._parts}) > 1:
            raise UserError(f"{data_path}: the arrays have different numbers of leads")
        self._choose_leads(self._parts[0].signal.shape[2])
        lengths = [len(part.signal) for part in self._parts]
        self._part_of = np.repeat(np.arange(len(lengths)), lengths)
        self._place = np.concatenate([np.arange(count) for count in lengths])
        self.target, label, missing = self._labels(described)
        rows = np.flatnonzero(~missing)
        self.notes = (f"left out: {int(missing.sum())} records: a label is missing",) if missing.any() else ()
        self._part_of, self._place = self._part_of[rows], self._place[rows]
        names = np.array([f"{self._parts[part].name}_{place:06d}" for part, place in zip(self._part_of, self._place)])
        single = len(described) == 1 and self._parts[0].subset not in ("train", "valid", "test")
        subset = np.array(["" if single else part.subset for part in self._parts])[self._part_of]
        samples = np.array([part.signal.shape[1] for part in self._parts], np.int64)[self._part_of]
        self.records = Records(names, np.full(len(rows), ""), label[rows], subset, samples)
        self.gaps = False
        self._finish(np.full(len(rows), config.rate_hz))
        self._compared = sum(part.signal.nbytes for part in self._parts) <= COMPARED
        self.source = f"{data_path} (arrays {', '.join(part.name for part in self._parts)})"

    def _described(self, path: Path):
        """(the file that says it, its entries) of every array."""
        if path.suffix.lower() in ARRAYS and path.is_file():
            yield path, {"x_path": path.name, **({"y_path": str(Path(self.config.y_path).absolute())}
                                                 if self.config.y_path else {})}
            return
        if self.config.y_path:
            raise UserError("y_path: the .tsv files say where the labels are", "leave it out")
        for file in find_manifests(path, "npy"):
            yield file, read_description(file)

    def _part(self, path: Path, about: dict[str, Any]) -> _Part:
        array = read_npy(beside(path, about["x_path"]))
        return _Part(path.stem, subset_of(path), with_three_axes(array, about["x_path"]),
                     scale_of(self.config.scale, about, path))

    def _unit(self) -> str:
        scaled = all(part.scale != 1 for part in self._parts)
        return self.config.unit or ("mV" if scaled else super()._unit())

    def _labels(self, described: list[tuple[Path, dict[str, Any]]]) -> tuple[TargetSpec, np.ndarray, np.ndarray]:
        if not all("y_path" in about for _, about in described):
            self.labelled = False
            count = len(self._part_of)
            return TargetSpec("none"), np.zeros(count, np.int64), np.zeros(count, bool)
        tables, used = [], set()
        for (path, about), part in zip(described, self._parts):
            table, names = read_labels(beside(path, about["y_path"]))
            if len(table) != len(part.signal):
                raise UserError(f"{path}: {len(table)} rows of labels for {len(part.signal)} records")
            indexes = self.config.label_indexes or tuple(map(str, about.get("label_indexes", ())))
            columns = chosen_columns(names, indexes, self.config.classes)
            used.add(tuple(names[column] for column in columns))
            tables.append(np.asarray(table[:, columns], np.float32))
        if len(used) > 1:
            raise UserError("the parts have different labels: " + " and ".join(", ".join(one[:5]) for one in used),
                            "--dataset_args label_indexes=0,3,7 chooses the same in all")
        return target_of(np.concatenate(tables), used.pop(), self.config.target, self.config.classes)

    def read_range(self, row: int, low: int, high: int) -> np.ndarray:
        part = self._parts[self._part_of[row]]
        return self._leads(scaled(part.signal[self._place[row], low:high], part.scale))

    def content_hash(self, row: int) -> str | None:
        if not self._compared:
            return None
        stored = np.ascontiguousarray(self._parts[self._part_of[row]].signal[self._place[row]])
        return hashlib.blake2b(stored.view(np.uint8).data, digest_size=16).hexdigest()


def with_three_axes(array: np.ndarray, name: str) -> np.ndarray:
    """(records, samples, leads[, 1]) of numbers -> without the last axis."""
    array = array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array
    if array.ndim != 3 or array.dtype.kind not in "iuf" or 0 in array.shape:
        raise UserError(f"{name}: {array.dtype}{array.shape}; numbers (records, samples, leads) are expected",
                        "for instance (5000, 2500, 12)")
    return array


def scaled(stored: np.ndarray, scale: float) -> np.ndarray:
    """(samples, leads) as stored -> (leads, samples) float32, NaN as 0."""
    signal = np.nan_to_num(stored.T.astype(np.float32), nan=0.0)
    return signal if scale == 1 else signal * np.float32(scale)


def scale_of(typed: float, about: dict[str, Any], path: Path) -> float:
    """What stored numbers are multiplied by."""
    scale = typed or about.get("scale", 1.0)
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < float("inf"):
        raise UserError(f"{path}: scale {scale!r}; a number above 0 is expected")
    return float(scale)
