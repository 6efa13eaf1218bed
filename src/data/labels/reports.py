"""The table of machine statements -> one text per record, without keeping the table in memory.

Columns `study_id` and `report_0`, `report_1`, ... as in MIMIC-IV-ECG's machine_measurements.csv; others are not read.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.errors import UserError

BLANK, SEMICOLON = " ", "; "  # the lead-I pipeline's joint, and that of fairseq-signals
LONGEST = 18  # digits of a study's number, so that it fits 64 bits
REPEATED = re.compile(r"(?:;\s*){2,}")


class Reports(NamedTuple):
    """`study` (records,) int64 and one text per record, in the order of the table; equal texts are one object."""

    study: np.ndarray
    texts: list[str]


def read_reports(path: Path, joint: str = BLANK) -> Reports:
    """Each record's statements, stripped and joined in the order of their columns' numbers.

    Raises UserError for tables without these columns, for lines that do not fit and for studies that are there twice.
    """
    rows = stream_rows(path)
    header = next(rows, [])
    study, reports = _columns(path, header)
    studies, texts, known = [], [], {}
    for line, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise UserError(f"{path}: line {line} has {len(row)} cells, the first line {len(header)}",
                            "quote cells that hold a comma")
        studies.append(to_study(row[study], f"{path}, line {line}"))
        text = join_statements([row[place] for place in reports], joint)
        texts.append(known.setdefault(text, text))
    return Reports(unique_studies(studies, path), texts)


def join_statements(statements: Sequence[str], joint: str = BLANK) -> str:
    """Empty ones are left out; joined with semicolons, none of these is repeated."""
    text = joint.join(filter(None, map(str.strip, statements)))
    return REPEATED.sub(SEMICOLON, text) if joint == SEMICOLON else text


def stream_rows(path: Path) -> Iterator[list[str]]:
    """The cells of each line that is not empty; UserError where the file is no table in UTF-8."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield from filter(None, csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as a table ({error})", "save it as CSV in UTF-8") from error


def to_study(cell: str, where: str) -> int:
    """The number of a study; UserError for anything else."""
    cell = cell.strip()
    if not (cell.isascii() and cell.isdigit() and len(cell) <= LONGEST):
        raise UserError(f"{where}: study_id is {cell[:40]!r}, expected a whole number")
    return int(cell)


def unique_studies(studies: Sequence[int], path: Path) -> np.ndarray:
    """(records,) int64; UserError where a study is there twice."""
    found = np.array(studies, np.int64)
    values, counts = np.unique(found, return_counts=True)
    if (counts > 1).any():
        raise UserError(f"{path}: {int((counts > 1).sum())} studies are there more than once, "
                        f"the first is {values[counts > 1][0]}", "keep one row per study")
    return found


def _columns(path: Path, header: Sequence[str]) -> tuple[int, list[int]]:
    names = [name.strip() for name in header]
    numbered = {int(name[7:]): place for place, name in enumerate(names)
                if name.startswith("report_") and name[7:].isdecimal()}
    if "study_id" not in names or not numbered:
        raise UserError(f"{path}: expected the columns study_id, report_0, report_1, ...; "
                        f"found {', '.join(names[:8]) or 'an empty file'}",
                        "give machine_measurements.csv of MIMIC-IV-ECG, or a table with these columns")
    return names.index("study_id"), [numbered[number] for number in sorted(numbered)]
