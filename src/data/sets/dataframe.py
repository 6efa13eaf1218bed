"""`--dataset dataframe`: a CSV or Parquet table with a column `npy_path`, one recording (samples, 12) per file.

`--data_path` is a folder of train.tsv, valid.tsv, test.tsv with `key:value` lines (`x_path`, `y_labels`, `scale`), or
one of them. A file that cannot be read is left out or refused, as `--on_bad_record` says.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from src.data.bad_records import BadRecords
from src.data.dataset import Records
from src.data.readers.npz import read_npy
from src.data.sets.label_files import chosen_columns, target_of
from src.data.sets.lead_rows import COMPARED, LeadDataset
from src.data.sets.manifest_files import beside, find_manifests, read_description, subset_of
from src.data.sets.npy import ArrayConfig, scale_of, scaled, with_three_axes
from src.data.tables import COLUMNS, read_columns
from src.errors import UserError, did_you_mean

FILES = "npy_path"
SUBJECTS = (*COLUMNS["subject"], "patientid", "new_patientid")


@dataclass(frozen=True)
class _Part:
    name: str
    subset: str
    scale: float
    folder: Path
    files: np.ndarray  # (n,) str
    subject: np.ndarray  # (n,) str
    labels: np.ndarray  # (n, K) float32
    names: tuple[str, ...]


class DataframeDataset(LeadDataset):
    @dataclass(frozen=True)
    class Config(ArrayConfig):
        pass

    config: Config

    def __init__(self, config: Config | None = None, data_path: str | Path | None = None):
        self.config = config or self.Config()
        path = Path(data_path or "")
        tables = find_manifests(path, "dataframe") if data_path is not None and path.exists() else []
        if not tables:
            raise UserError(f"{data_path}: no .tsv that describes a table",
                            "a line of it says x_path:TABLE.csv, another y_labels:['afib']")
        parts = [self._part(table) for table in tables]
        if len({part.names for part in parts}) > 1:
            raise UserError("the parts have different labels: " + " and ".join(", ".join(p.names[:5]) for p in parts))
        self._collect(parts)
        self.source = f"{data_path} (tables {', '.join(part.name for part in parts)})"

    def _part(self, path: Path) -> _Part:
        about = read_description(path)
        wanted = tuple(map(str, about.get("y_labels", ())))
        columns = chosen_columns(wanted, self.config.label_indexes, self.config.classes) if wanted else []
        names = tuple(wanted[column] for column in columns)
        source = beside(path, about["x_path"])
        table = read_table(source, (FILES, *names))
        labels = np.stack([_numbers(source, name, table[name.lower()]) for name in names], 1) if names else \
            np.zeros((len(table[FILES]), 0), np.float32)
        subject = next((table[name] for name in SUBJECTS if name in table), np.full(len(labels), ""))
        return _Part(path.stem, subset_of(path), scale_of(self.config.scale, about, path), source.parent,
                     table[FILES], subject.astype(str), labels, names)

    def _collect(self, parts: list[_Part]) -> None:
        rows = [(part, number) for part in parts for number in range(len(part.files))]
        labels = np.concatenate([part.labels for part in parts])
        if not parts[0].names:
            raise UserError(f"{parts[0].name}: no y_labels", "a line says y_labels:['afib', 'lvef']")
        self.target, label, missing = target_of(labels, parts[0].names, self.config.target, self.config.classes)
        bad, kept = BadRecords(), []
        self._files: list[tuple[Path, float]] = []
        shapes = []
        for row, (part, number) in enumerate(rows):
            name, path = self._name(part, number), part.folder / part.files[number]
            try:
                shape = self._stored(path).shape
            except UserError as error:
                bad.add(name, error.message.removeprefix(f"{path}: "))
                continue
            if missing[row] or (shapes and shape[1] != shapes[0][1]):
                bad.add(name, "a label is missing" if missing[row] else f"has {shape[1]} leads")
                continue
            kept.append(row)
            shapes.append(shape)
            self._files.append((path, part.scale))
        self.notes = bad.settle(self.config.on_bad_record, len(kept))
        self._choose_leads(shapes[0][1])
        single = len(parts) == 1 and parts[0].subset not in ("train", "valid", "test")
        chosen = [rows[row] for row in kept]
        self.records = Records(np.array([self._name(*one) for one in chosen]),
                               np.array([part.subject[number] for part, number in chosen]), label[kept],
                               np.array(["" if single else part.subset for part, _ in chosen]),
                               np.array([shape[0] for shape in shapes], np.int64))
        self.gaps = False
        self._finish(np.full(len(kept), self.config.rate_hz))
        self._compared = sum(rows * leads * 4 for rows, leads in shapes) <= COMPARED

    @staticmethod
    def _name(part: _Part, number: int) -> str:
        return f"{part.name}_{number:06d}"

    def _stored(self, path: Path) -> np.ndarray:
        """(samples, leads) mapped."""
        return with_three_axes(read_npy(path)[None], str(path))[0]

    def _unit(self) -> str:
        return self.config.unit or ("mV" if all(scale != 1 for _, scale in self._files) else super()._unit())

    def read_range(self, row: int, low: int, high: int) -> np.ndarray:
        path, scale = self._files[row]
        return self._leads(scaled(self._stored(path)[low:high], scale))

    def content_hash(self, row: int) -> str | None:
        if not self._compared:
            return None
        stored = np.ascontiguousarray(self._stored(self._files[row][0]))
        return hashlib.blake2b(stored.view(np.uint8).data, digest_size=16).hexdigest()


def read_table(path: Path, needed: tuple[str, ...]) -> dict[str, Any]:
    """Columns of a CSV or Parquet table by their lower-case name; UserError where one of `needed` is not there."""
    table = _parquet(path) if path.suffix.lower() == ".parquet" else read_columns(path)
    lost = [name for name in needed if name.lower() not in table]
    if lost:
        raise UserError(f"{path} has no column {lost[0]}{did_you_mean(lost[0], table)}",
                        f"it has {', '.join(table)[:300]}")
    return table


def _parquet(path: Path) -> dict[str, Any]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise UserError(f"{path}: Parquet files need pyarrow",
                        "pip install pyarrow (or uv sync --extra parquet), or save the table as CSV") from None
    try:
        table = parquet.read_table(path)
    except (OSError, ArrowException) as error:
        raise UserError(f"{path}: no readable Parquet file ({error})") from error
    return {name.lower(): np.asarray(table[name].to_pylist()) for name in table.column_names}


def _numbers(path: Path, name: str, column: np.ndarray) -> np.ndarray:
    """float32, NaN where nothing stands."""
    try:
        return np.array([np.nan if value in ("", None) else float(value) for value in column.tolist()], np.float32)
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: column {name} holds no numbers ({error})") from None
