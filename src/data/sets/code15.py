"""CODE-15 %: 12-lead tele-ECGs of 7 or 10 s at 400 Hz with six abnormalities, a sixth of the CODE study.

Exams lie in HDF5 files, 20,000 in each, zero-padded on both sides to 4,096 samples; preparation takes the padding away
(trim). An exam may have none of the labels. There is no official split, patients are known. The last exam of a file may
be empty, with the number 0: no table names it.
Source: Ribeiro et al., CODE-15%, Zenodo 4916206, 2021.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from src.data.prepare.raw import RawRecord, RawSet
from src.data.sets.raw_files import PublicSet, RawFiles, beside, counted, person, whole

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
    column = "save_file" if "save_file" in table else "trace_file"
    parts = files.read(path, [column])[column].tolist()
    flags = {name: table[name.lower()].tolist() for name in CLASSES}
    records, missing, absent = [], {}, set()
    for row, (exam, part) in enumerate(zip(table["exam_id"].tolist(), parts)):
        if (file := beside(path, part)) not in files:
            missing[exam] = f"no such file: {part}"
            absent.add(part)
            continue
        sex = "male" if table["is_male"][row].lower() in YES else "female"
        records.append(RawRecord(
            exam, file, tuple(name for name in CLASSES if flags[name][row].lower() in YES),
            subject=whole(table["patient_id"][row]), record=None if column == "save_file" else exam,
            info=person(table["age"][row], sex)))
    none = sum(not record.labels for record in records)
    return CODE15.raw_set(CLASSES, "multilabel", records, missing, (
        *counted(none, "exams have none of the six abnormalities"),
        *counted(len(absent), f"files of exams are not there: {', '.join(sorted(absent)[:5])}")))
