"""Label files of records that are already split, as fairseq-signals' label preparation writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from src.data.labels.files import write_array, write_text
from src.data.labels.tables import csv_line
from src.data.tables import read_rows
from src.errors import UserError

DECIMALS = 6  # of pos_weight.txt


def make_split_tables(labels: Path, meta_split: Path, out: Path) -> dict[str, int]:
    """labels.csv (`idx`, one 0/1 column per label) and meta_split.csv (`idx`, `save_file`, `split`) -> part: records.

    Writes y.npy (largest idx + 1, labels) float64 with zeros where a record is unlabelled, meta_split_labeled.csv,
    label_def.csv (counts, shares and weights of every part) and pos_weight.txt (`[w1,w2,...]` of the training part).
    A label that a part lacks has the weight inf there; UserError where the training part lacks one.
    """
    header, body = _read(labels, ("idx",))
    names = [name for name in header if name != "idx"]
    rows = _whole_numbers([row[header.index("idx")] for row in body], labels)
    columns, records = _read(meta_split, ("idx", "split"))
    index = _whole_numbers([row[columns.index("idx")] for row in records], meta_split)
    y = np.zeros((max(rows.max(initial=-1), index.max(initial=-1)) + 1, len(names)))
    y[rows] = _values([[row[header.index(name)] for name in names] for row in body], labels, len(names))
    labelled = set(rows.tolist())
    kept = [row for row, number in zip(records, index.tolist()) if number in labelled]
    chosen = index[[number in labelled for number in index.tolist()]]
    part = np.array([row[columns.index("split")] for row in kept], dtype=str)
    if "train" not in part:
        raise UserError(f"{meta_split}: no labelled record of the part train")
    definition, weights = _define(names, y[chosen], part)
    if not np.isfinite(weights).all():
        absent = [name for name, weight in zip(names, weights) if not np.isfinite(weight)]
        raise UserError(f"{labels}: no training record is {absent[0]}", "leave the label out, or give more records")
    write_array(out / "y.npy", y)
    write_text(out / "meta_split_labeled.csv", "".join(map(csv_line, [columns, *kept])))
    write_text(out / "label_def.csv", definition)
    write_text(out / "pos_weight.txt", f"[{','.join(str(round(weight, DECIMALS)) for weight in weights.tolist())}]")
    return {str(name): int((part == name).sum()) for name in np.unique(part)}


def _define(names: list[str], y: np.ndarray, part: np.ndarray) -> tuple[str, np.ndarray]:
    """The text of label_def.csv, and the weights of the training part."""
    splits = [str(name) for name in np.unique(part)]
    counts = {name: y[part == name].sum(axis=0) for name in splits}
    shares = {name: counts[name] / (part == name).sum() for name in splits}
    with np.errstate(divide="ignore"):
        weights = {name: (1 - shares[name]) / shares[name] for name in splits}
    table = {"name": names, **{f"pos_count_{name}": counts[name].tolist() for name in splits},
             **{f"pos_percent_{name}": shares[name].tolist() for name in splits},
             **{f"pos_weight_{name}": weights[name].tolist() for name in splits},
             "pos_count_all": y.sum(axis=0).tolist(), "pos_percent_all": y.mean(axis=0).tolist()}
    return "".join(map(csv_line, [list(table), *zip(*table.values())])), weights["train"]


def _read(path: Path, needed: tuple[str, ...]) -> tuple[list[str], list[list[str]]]:
    rows = [row for row in read_rows(path) if row]
    missing = [name for name in needed if not rows or name not in rows[0]]
    if missing:
        raise UserError(f"{path}: no column {missing[0]}; found {', '.join(rows[0][:8]) if rows else 'an empty file'}")
    if any(len(row) != len(rows[0]) for row in rows):
        raise UserError(f"{path}: lines have different numbers of cells", "quote cells that hold a comma")
    return rows[0], rows[1:]


def _whole_numbers(cells: list[str], path: Path) -> np.ndarray:
    """Row numbers; UserError for others, and where the largest would make a table beyond reason."""
    try:
        numbers = np.array([int(cell) for cell in cells], np.int64)
    except (ValueError, OverflowError):
        raise UserError(f"{path}: the column idx holds something else than whole numbers") from None
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= 1 << 24):
        raise UserError(f"{path}: idx reaches from {numbers.min()} to {numbers.max()}, expected rows from 0")
    return numbers


def _values(cells: list[list[str]], path: Path, width: int) -> np.ndarray:
    try:
        return np.array(cells, dtype=float).reshape(len(cells), width)
    except ValueError as error:
        raise UserError(f"{path}: labels are 0 or 1; {error}") from None
