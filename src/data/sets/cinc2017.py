"""CinC 2017: single-lead hand-held ECGs of 9 to 61 s, normal (N), atrial fibrillation (A), other (O) or noise (~).

The third version of the labels counts, as in the final scores. The `validation` folder repeats 300 training records, so
it is left out; there is no official split and no patient is known. Some recordings are upside down.
Source: Clifford et al., Computing in Cardiology 2017, doi 10.22489/CinC.2017.065-469.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from src.data.prepare.raw import RawRecord, RawSet
from src.data.sets.raw_files import PublicSet, RawFiles, counted
from src.data.tables import read_rows
from src.errors import UserError

CINC2017 = PublicSet("cinc2017", "PhysioNet/CinC Challenge 2017", "https://physionet.org/content/challenge-2017/",
                     "ODC-By 1.0", "cinc2017")
CLASSES = ("N", "A", "O", "~")
REFERENCES = ("REFERENCE-v3.csv", "REFERENCE.csv")
COPIES = ("validation", "sample2017")  # folders of records that are among the training records


@dataclass(frozen=True)
class Options:
    reference: str = ""  # the table of record,label; empty = REFERENCE-v3.csv, or REFERENCE.csv


def find(root: Path, options: Options) -> RawSet:
    """The training records; UserError where the table holds a label that is none of N, A, O, ~."""
    files = RawFiles(root)
    original = [path for path in files.paths if not set(COPIES) & set(PurePosixPath(path).parts[:-1])]
    names = (options.reference,) if options.reference else REFERENCES
    tables = [path for name in names for path in original if PurePosixPath(path).name == name]
    if not tables:
        raise CINC2017.lacks(f"{' or '.join(names)} below {root}")
    labels = read_reference(root / tables[0])
    recordings = {PurePosixPath(path).stem: path for path in original if path.endswith(".hea")}
    records = [RawRecord(name, recordings[name], (label,)) for name, label in labels.items() if name in recordings]
    missing = {name: f"no such file: {name}.hea" for name in labels if name not in recordings}
    copies = sum(path.endswith(".hea") for path in files.paths) - len(recordings)
    return CINC2017.raw_set(CLASSES, "classes", records, missing, (
        f"labels from {PurePosixPath(tables[0]).name}",
        *counted(copies, "recordings left out, they are copies of training records (the validation folder)")))


def read_reference(path: Path) -> dict[str, str]:
    """Record -> label of a table with or without a first line of names."""
    rows = [[cell.strip() for cell in row] for row in read_rows(path) if len(row) >= 2]
    if rows and rows[0][1] not in CLASSES:
        rows = rows[1:]
    wrong = [row for row in rows if row[1] not in CLASSES]
    if wrong or not rows:
        raise UserError(f"{path}: {f'label {wrong[0][1]!r} of {wrong[0][0]}' if wrong else 'no labels'}",
                        f"expected lines of record,label with one of {' '.join(CLASSES)}")
    return {row[0]: row[1] for row in rows}
