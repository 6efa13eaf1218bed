"""CODE-15 %: 12-lead tele-ECGs of 7 or 10 s at 400 Hz with six abnormalities, a sixth of the CODE study.

Exams lie in HDF5 files, 20,000 in each, zero-padded on both sides to 4,096 samples; preparation takes the padding away
(trim). An exam may have none of the labels. There is no official split, patients are known. The last exam of a file may
be empty, with the number 0: no table names it.
Source: Ribeiro et al., CODE-15%, Zenodo 4916206, 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data.prepare.raw import RawRecord, RawSet
from src.data.sets.raw_files import PublicSet, RawFiles, beside, counted, person, whole
from src.errors import UserError

CODE15 = PublicSet("code15", "CODE-15%", "https://zenodo.org/records/4916206", "CC BY 4.0")
CLASSES = ("1dAVb", "RBBB", "LBBB", "SB", "ST", "AF")
YES = ("true", "1")


@dataclass(frozen=True)
class Options:
    table: str = "exams.csv"  # another table of the same columns, for a subset


def find(root: Path, options: Options) -> RawSet:
    """The exams whose part is there. A table that names a file of its own for each exam (save_file) is read too."""
    files = RawFiles(root)
    path = files.named(options.table)
    if path is None:
        raise CODE15.lacks(f"{options.table} below {root}")
    table = files.read(path, ["exam_id", "patient_id", "age", "is_male", *(name.lower() for name in CLASSES)])
    own_files = "save_file" in table
    if not own_files and "trace_file" not in table:
        raise UserError(f"{root / path} has no column trace_file", "take the table as published")
    parts = table["save_file" if own_files else "trace_file"].tolist()
    paths = {part: beside(path, part) for part in dict.fromkeys(parts)}
    there = {part for part, file in paths.items() if file in files}
    labels = _labels(table)
    records, missing = [], {}
    for exam, part, own, patient, age, male in zip(table["exam_id"].tolist(), parts, labels, *(
            table[name].tolist() for name in ("patient_id", "age", "is_male"))):
        if part not in there:
            missing[exam] = f"no such file: {part}"
            continue
        records.append(RawRecord(exam, paths[part], own, subject=whole(patient), record=None if own_files else exam,
                                 info=person(age, "male" if male.lower() in YES else "female")))
    absent = sorted(set(paths) - there)
    none = sum(not record.labels for record in records)
    return CODE15.raw_set(CLASSES, "multilabel", records, missing, (
        *counted(none, "exams have none of the six abnormalities"),
        *counted(len(absent), f"files of exams are not there: {', '.join(absent[:5])}")))


def _labels(table: dict[str, np.ndarray]) -> list[tuple[str, ...]]:
    """The abnormalities of every exam."""
    there = np.stack([np.isin(np.char.lower(table[name.lower()]), YES) for name in CLASSES], axis=1)
    return [tuple(name for name, yes in zip(CLASSES, row) if yes) for row in there.tolist()]
