"""The labels of records as the stage `labels` left them, by study."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.data.labels.reports import stream_rows, to_study
from src.data.tables import read_rows
from src.errors import UserError

DEFINITIONS = ("label_def_recomputed.csv", "label_def.csv")


class RecordLabels(NamedTuple):
    """`values` (rows, labels) float32, in the order of `names`; `row` of each study."""

    names: tuple[str, ...]
    row: dict[int, int]
    values: np.ndarray

    def of(self, study: int) -> np.ndarray:
        return self.values[self.row[study]]


def definition_of(folder: Path) -> Path:
    """The label definition of a folder of labels: the recomputed one, else the configuration's."""
    found = next((folder / name for name in DEFINITIONS if (folder / name).is_file()), None)
    if found is None:
        raise UserError(f"{folder}: no {' and no '.join(DEFINITIONS)}", "python prepare.py ecgfm labels makes them")
    return found


def read_record_labels(folder: Path) -> RecordLabels:
    """labels.csv of labels/computed_labels; study_id_mapping.csv says whose its rows are, without it `idx` is the
    study. UserError for tables that do not fit each other."""
    names = tuple(row[0] for row in read_rows(definition_of(folder))[1:] if row)
    path = folder / "labels.csv"
    if not path.is_file():
        raise UserError(f"{path} is not there", "python prepare.py ecgfm labels makes it")
    rows = stream_rows(path)
    header = next(rows, [])
    missing = [name for name in ("idx", *names) if name not in header]
    if missing:
        raise UserError(f"{path}: no column {missing[0]}; found {', '.join(header[:8]) or 'an empty file'}")
    idx, columns, values, index = header.index("idx"), [header.index(name) for name in names], [], {}
    for line, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise UserError(f"{path}: line {line} has {len(row)} cells, the first line {len(header)}")
        index[to_study(row[idx], f"{path}, line {line}")] = len(values)
        values.append(bytes(_bit(row[column], path, line) for column in columns))
    table = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), len(names)).astype(np.float32)
    mapping = folder / "study_id_mapping.csv"
    return RecordLabels(names, _rows_of(mapping, index) if mapping.is_file() else index, table)


def _bit(cell: str, path: Path, line: int) -> int:
    if cell not in ("0", "1", "0.0", "1.0"):
        raise UserError(f"{path}: line {line} holds {cell[:20]!r}; labels are 0 or 1")
    return cell[0] == "1"


def _rows_of(path: Path, index: dict[int, int]) -> dict[int, int]:
    """Study -> row of the labels; studies whose idx is in no line of the labels are left out."""
    rows = stream_rows(path)
    header = next(rows, [])
    if not {"idx", "study_id"} <= set(header):
        raise UserError(f"{path}: expected the columns idx and study_id; found {', '.join(header[:8])}")
    idx, study, found = header.index("idx"), header.index("study_id"), {}
    for line, row in enumerate(rows, 2):
        where = f"{path}, line {line}"
        number = to_study(row[idx], where) if len(row) == len(header) else -1
        if number not in index:
            raise UserError(f"{where}: names a row that labels.csv does not have", "label the reports again")
        found[to_study(row[study], where)] = index[number]
    return found
