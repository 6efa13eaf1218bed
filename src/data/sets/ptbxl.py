"""PTB-XL: 10-second 12-lead ECGs with SCP statements, the six tasks and folds of its benchmark.

A task's labels are all statements of a record, whatever their likelihood (0 included), mapped through
`scp_statements.csv`; a record without any is not in the task, so the parts of the tasks differ in size. Folds 1-8
train, 9 validates, 10 tests; no patient is in two folds. Sources: Wagner et al., Scientific Data 7:154, 2020; tasks and
protocol: Strodthoff et al., IEEE JBHI 25(5), 2021.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from src.data.prepare.raw import RawRecord, RawSet
from src.data.sets.raw_files import PublicSet, RawFiles, beside, counted, person, whole
from src.errors import BadRecord, UserError

PTBXL = PublicSet("ptbxl", "PTB-XL", "https://physionet.org/content/ptb-xl/", "CC BY 4.0", "ptbxl")
TABLE, STATEMENTS = "ptbxl_database.csv", "scp_statements.csv"
COLUMNS = {"diag": "diagnostic", "sub": "diagnostic_subclass", "super": "diagnostic_class", "form": "form",
           "rhythm": "rhythm"}
FOLDS = {"9": "valid", "10": "test"}  # 1 to 8: train
LONGEST_CODES = 4096  # characters of one record's scp_codes; the longest published have about 200
SEX = {"0": "male", "1": "female"}


@dataclass(frozen=True)
class Options:
    task: Literal["all", "diag", "sub", "super", "form", "rhythm"] = "super"  # 71, 44, 23, 5, 19, 12 labels
    rate_hz: int = 100  # 100 or 500: which of the two published versions
    min_likelihood: float = 0.0  # statements below it (0 to 100) do not count; the benchmark counts all
    table: str = TABLE  # another table of the same columns, for a subset

    def __post_init__(self) -> None:
        if self.rate_hz not in (100, 500):
            raise ValueError(f"rate_hz={self.rate_hz}: the set is published at 100 and at 500 Hz")


def find(root: Path, options: Options) -> RawSet:
    """The records of the task; BadRecord where a cell of scp_codes is no dictionary of statements."""
    files = RawFiles(root)
    path, statements = files.named(options.table), files.named(STATEMENTS)
    if path is None or statements is None:
        raise PTBXL.lacks(f"{options.table if path is None else STATEMENTS} below {root}")
    column = "filename_lr" if options.rate_hz == 100 else "filename_hr"
    table = files.read(path, ["ecg_id", "patient_id", "age", "sex", "device", "scp_codes", "strat_fold", column])
    labels = task_labels([parse_codes(text, record) for record, text in zip(table["ecg_id"], table["scp_codes"])],
                         read_statements(files, statements), options.task, options.min_likelihood)
    records, missing = [], {}
    for row, name in enumerate(table[column].tolist()):
        if not labels[row]:
            continue
        record = PurePosixPath(name).name
        if (file := beside(path, f"{name}.hea")) not in files:
            missing[record] = f"no such file: {name}.hea"
            continue
        about = person(table["age"][row], SEX.get(whole(table["sex"][row]), ""), device=table["device"][row])
        records.append(RawRecord(record, file, labels[row], subject=whole(table["patient_id"][row]),
                                 subset=FOLDS.get(whole(table["strat_fold"][row]), "train"), info=about))
    none = sum(not names for names in labels)
    return PTBXL.raw_set(classes_of(labels), "multilabel", records, missing,
                         counted(none, f"records have no label of the task {options.task}: they are not part of it"))


def parse_codes(text: str, record: str) -> dict[str, float]:
    """A cell of scp_codes, a Python dictionary as text -> statement: likelihood from 0 to 100."""
    try:
        codes = ast.literal_eval(text) if len(text) <= LONGEST_CODES else None
        if isinstance(codes, dict):
            return {str(code): float(likelihood) for code, likelihood in codes.items()}
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        pass
    raise BadRecord(record, f"scp_codes is no dictionary of statements: {text[:60]!r}", "take the table as published")


def read_statements(files: RawFiles, path: str) -> dict[str, dict[str, str]]:
    """Statement -> column -> cell, of the five columns that make the tasks; the codes' column has no name."""
    table = files.read(path, list(COLUMNS.values()))
    codes = table.get("", next(iter(table.values()))).tolist()
    return {code: {column: str(table[column][row]) for column in COLUMNS.values()} for row, code in enumerate(codes)}


def task_labels(codes: Sequence[Mapping[str, float]], statements: Mapping[str, Mapping[str, str]], task: str,
                min_likelihood: float = 0.0) -> list[tuple[str, ...]]:
    """The labels of every record, sorted; none where the task has no label for it."""
    name_of = {code: _label(code, row, task) for code, row in statements.items()}
    if task == "all":
        name_of = {code: code for record in codes for code in record}
    elif task not in COLUMNS:
        raise UserError(f"task={task}: unknown", f"known: all, {', '.join(COLUMNS)}")
    return [tuple(sorted({name_of[code] for code, likelihood in record.items()
                          if likelihood >= min_likelihood and name_of.get(code)})) for record in codes]


def classes_of(labels: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The labels that occur, sorted."""
    return tuple(sorted({name for names in labels for name in names}))


def _label(code: str, row: Mapping[str, str], task: str) -> str:
    """What the statement is called in the task; empty where it is none of its labels."""
    if task in ("sub", "super"):
        return row[COLUMNS[task]] if _yes(row["diagnostic"]) else ""
    return code if task in COLUMNS and _yes(row[COLUMNS[task]]) else ""


def _yes(cell: str) -> bool:
    return whole(cell) == "1"
