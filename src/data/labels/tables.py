"""The label tables of a set of records: labels.csv, y.npy, y_soft.npy, definitions, weights and the studies.

File names, columns and formats are those of the lead-I pipeline built on ECG-FM, so that either reads the other's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.data.labels.configuration import DEFAULT, LABEL_DEFINITION
from src.data.labels.files import write_array, write_text
from src.data.labels.labeler import label_names, label_texts
from src.data.labels.reports import BLANK, LONGEST, read_reports, stream_rows, to_study
from src.data.tables import read_rows
from src.errors import UserError

TRAIN, PARTS = "train", ("train", "valid", "test")
ALL = "all"
UNSPLIT = ""  # the part of a study that the table of splits does not name


class Labels(NamedTuple):
    """What was labelled; `notes` are lines that a person should read."""

    names: list[str]
    counts: list[int]
    records: int
    texts: int  # distinct ones
    notes: list[str]


class Balance(NamedTuple):
    """Positives of each label among some records, and the weight of a positive against a negative."""

    count: np.ndarray
    share: np.ndarray
    weight: np.ndarray


def make_labels(measurements: Path, out: Path, *, config: Path | None = None, meta_split: Path | None = None,
                mode: str = "upstream", part: str = ALL, max_rows: int = 0, joint: str = BLANK, replica: bool = False,
                workers: int | None = None) -> Labels:
    """machine_measurements.csv -> the label tables in the folder `out`.

    - `meta_split` (`save_file`, `split`) gives each study its part; without it every study is of the training part.
    - `part` labels one part only, `max_rows` (0 = all) the first rows after that.
    - Weights and counts are those of the training part, and 1 for a label that never occurs there. `replica` counts
      over all rows, test included, and gives such a label 0, as the original does.
    - Raises UserError for tables that lack columns and for studies that are in a table twice.
    """
    if part not in (ALL, *PARTS):
        raise UserError(f"part {part!r}: expected {', '.join((*PARTS, ALL))}")
    if max_rows < 0:
        raise UserError(f"max_rows {max_rows}: expected 0 (all) or more")
    names = label_names(config)
    reports = read_reports(measurements, joint)
    parts, notes = _parts(reports.study, meta_split)
    rows = np.flatnonzero((parts == part) | (part == ALL))[:max_rows or None]
    if len(rows) == 0:
        raise UserError(f"{measurements}: no record of the part {part} is left to label")
    texts = [reports.texts[row] for row in rows.tolist()]
    soft = label_texts(texts, config, mode, workers)
    hard = soft > 0  # any mention counts, however uncertain
    counted = np.ones(len(rows), bool) if replica else parts[rows] == TRAIN
    if not counted.any():
        notes.append("no training record among the labelled ones: positive weights are counted over all of them")
        counted[:] = True
    balance = count_positives(hard[counted], never=0.0 if replica else 1.0)
    notes += _never(names, balance, replica)
    _write(out, names, reports.study[rows], parts[rows], soft, balance)
    write_text(out / "label_def_official_17.csv", _definition(config))
    return Labels(names, hard.sum(axis=0).tolist(), len(rows), len(set(texts)), notes)


def count_positives(labels: np.ndarray, never: float) -> Balance:
    """(records, labels) bool -> counts, shares and (1 - share) / share; `never` where a label does not occur."""
    count = labels.sum(axis=0)
    share = count / len(labels)
    with np.errstate(divide="ignore"):
        return Balance(count, share, np.where(count > 0, (1 - share) / share, never))


def read_meta_split(path: Path) -> dict[int, str]:
    """Study -> part; the study is the number after the last `_` of `save_file`. UserError for a study listed twice."""
    rows = stream_rows(path)
    header = next(rows, [])
    if not {"save_file", "split"} <= set(header):
        raise UserError(f"{path}: expected the columns save_file and split; found "
                        f"{', '.join(header[:8]) or 'an empty file'}")
    file, split = header.index("save_file"), header.index("split")
    parts: dict[int, str] = {}
    for line, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise UserError(f"{path}: line {line} has {len(row)} cells, the first line {len(header)}")
        study = to_study(row[file].removesuffix(".mat").rpartition("_")[2], f"{path}, line {line}")
        if study in parts:
            raise UserError(f"{path}: study {study} is there twice", "keep one row per study")
        if len(row[split]) > LONGEST:
            raise UserError(f"{path}: line {line} names the part {row[split][:LONGEST]!r}..., expected "
                            f"{', '.join(PARTS)}")
        parts[study] = row[split]
    return parts


def _parts(study: np.ndarray, meta_split: Path | None) -> tuple[np.ndarray, list[str]]:
    if meta_split is None:
        return np.full(len(study), TRAIN), ["no split is given: every record counts as training record; "
                                            "split first, so that weights come from the training part alone"]
    given = read_meta_split(meta_split)
    parts = np.array([given.get(number, UNSPLIT) for number in study.tolist()], dtype=str)
    lost = int((parts == UNSPLIT).sum())
    note = f"{lost} of {len(study)} studies are not in {meta_split.name}: labelled without a part"
    return parts, [note] if lost else []


def _never(names: Sequence[str], balance: Balance, replica: bool) -> list[str]:
    absent = [name for name, count in zip(names, balance.count.tolist()) if count == 0]
    effect = "0: their positives elsewhere count nothing in the loss" if replica else "1"
    return [f"never positive: {', '.join(absent)}; positive weight {effect}"] if absent else []


def _write(out: Path, names: Sequence[str], study: np.ndarray, parts: np.ndarray, soft: np.ndarray,
           balance: Balance) -> None:
    hard = soft > 0
    write_array(out / "y.npy", hard.astype(np.float32))
    write_array(out / "y_soft.npy", soft.astype(np.float32))
    write_text(out / "labels.csv", csv_line(["idx", *names]) + "".join(
        f"{number}{cells}\n" for number, cells in enumerate(_cells(hard))))
    write_text(out / "study_id_mapping.csv", "idx,study_id,split\n" + "".join(
        f"{number},{name},{part}\n" for number, (name, part) in enumerate(zip(study.tolist(), parts.tolist()))))
    columns = (names, balance.count.tolist(), balance.share.tolist(), balance.weight.tolist())
    write_text(out / "label_def_recomputed.csv", csv_line(["name", "count", "pos_percent", "pos_weight"])
               + "".join(map(csv_line, zip(*columns))))
    write_text(out / "pos_weight.txt", " ".join(f"{weight:.8f}" for weight in balance.weight))


def _cells(hard: np.ndarray) -> list[str]:
    """(records, labels) bool -> ",0,1,..." for each record."""
    characters = np.full((len(hard), 2 * hard.shape[1]), ord(","), np.uint8)
    characters[:, 1::2] = hard + ord("0")
    return [row.decode() for row in characters.view(f"S{characters.shape[1]}")[:, 0].tolist()]


def csv_line(cells: Sequence[object]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(cells)
    return stream.getvalue()


def _definition(config: Path | None) -> str:
    """The configuration's own label_def.csv, with an end of its last line."""
    rows = read_rows((config or DEFAULT) / LABEL_DEFINITION)
    return "".join(csv_line(row) for row in rows if row)
