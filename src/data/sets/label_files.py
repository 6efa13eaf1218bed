"""Label files of fairseq-signals: `y.npy` (rows, labels), the names in `label_def.csv` beside it, and which to use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from src.data.readers.npz import read_npy
from src.data.signal import TargetSpec
from src.data.tables import read_rows
from src.data.targets import without_missing
from src.errors import UserError, did_you_mean

NAMES = "label_def.csv"
SEGMENTS = "original_idx_order.npy"  # beside manifests of segments: the record of each row of their y.npy


def read_labels(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """(rows, labels) mapped from a y.npy, and their names: of label_def.csv, else their numbers."""
    if not path.is_file():
        raise UserError(f"{path}: no such file of labels", "--dataset_args label_file=y.npy names it")
    table = read_npy(path)
    if table.dtype.kind not in "biuf" or table.ndim not in (1, 2):
        raise UserError(f"{path}: {table.dtype}{table.shape}; numbers (rows, labels) are expected")
    table = table[:, None] if table.ndim == 1 else table
    return table, label_names(path.parent, table.shape[1])


def check_rows(path: Path, rows: int, folder: Path) -> None:
    """UserError where `folder` holds manifests of segments and the label file has another number of rows: a table of
    whole records would give segments the labels of others."""
    if not (folder / SEGMENTS).is_file():
        return
    segments = len(read_npy(folder / SEGMENTS))
    if rows != segments:
        raise UserError(f"{path}: {rows} rows of labels for {segments} segments", "a row for each segment is expected: "
                        f"{folder / 'y.npy'}; a table of whole records is for `prepare.py ecgfm build` alone")


def label_names(folder: Path, count: int) -> tuple[str, ...]:
    """The first column of label_def.csv, where there is one; else label_0, label_1, ..."""
    path = folder / NAMES
    if not path.is_file():
        return numbered(count)
    return read_names(path, count)


def numbered(count: int) -> tuple[str, ...]:
    """Names for labels that have none."""
    return tuple(f"label_{number}" for number in range(count))


def read_names(path: Path, count: int | None = None) -> tuple[str, ...]:
    """The first column of a label_def.csv; UserError unless it names so many labels (None: any number of them)."""
    names = tuple(row[0].strip() for row in read_rows(path)[1:] if row and row[0].strip())
    count = len(names) if count is None else count
    if len(names) != count or len(set(names)) != count:
        raise UserError(f"{path}: {len(names)} names for {count} labels", "a line for each label, all different")
    return names


def chosen_columns(names: Sequence[str], indexes: Sequence[str], classes: Sequence[str]) -> list[int]:
    """The columns that `label_indexes` asks for, numbers or names; else those of a trained model's `classes`."""
    if not indexes and classes and set(classes) <= set(names):
        return [list(names).index(name) for name in classes]
    found = []
    for word in indexes:
        word = word.strip().strip("'\"")
        if word in names:
            found.append(list(names).index(word))
        elif word.isdigit() and int(word) < len(names):
            found.append(int(word))
        else:
            raise UserError(f"label_indexes={word}: no such label{did_you_mean(word, names)}",
                            f"numbers 0 to {len(names) - 1}, or names: {', '.join(names[:12])}")
    return found or list(range(len(names)))


def target_of(table: np.ndarray, names: Sequence[str], kind: str, classes: Sequence[str]
              ) -> tuple[TargetSpec, np.ndarray, np.ndarray]:
    """Target, (n, K) float32 labels, and (n,) bool: True where they are missing: one of the values, or all of several
    labels. Tables of 0 and 1 are several labels, one column too (a binary label), NaN where it is not known; others are
    values."""
    table = table.astype(np.float32)
    if kind == "classes":
        raise UserError("target=classes: these labels are columns of 0 and 1", "leave it out, or target=value")
    several = kind == "multilabel" or (kind == "auto" and bool((np.isin(table, (0, 1)) | ~np.isfinite(table)).all()))
    table, missing = without_missing(table, several)
    if classes and len(classes) != len(names):
        raise UserError(f"these data have {len(names)} labels, {len(classes)} are expected: {', '.join(classes[:8])}",
                        "choose them: --dataset_args label_indexes=0,3,7")
    return TargetSpec("multilabel" if several else "value", tuple(classes or names)), table, missing
