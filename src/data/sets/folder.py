"""`prepare.py folder`: any readable files below a folder, and a CSV of `record,label[,subject][,subset]`.

Further columns (age, sex, device, source) go with the records; several labels of one record: `a;b`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data.prepare.raw import RawRecord, RawSet
from src.data.tables import COLUMNS, find_table, read_columns, read_table
from src.data.targets import MISSING, subset_names
from src.errors import UserError

COMPANIONS = (".dat", ".atr", ".qrs", ".txt", ".md", ".csv", ".tsv")  # never what a name without suffix means first


@dataclass(frozen=True)
class Options:
    labels: str = ""  # the CSV; empty = labels.csv, or the only CSV that has the columns record and label
    classes: tuple[str, ...] = ()  # all labels, in order; empty = those found, sorted
    info: tuple[str, ...] = ("age", "sex", "device", "source")  # further columns to keep, where the table has them


def find(root: Path, options: Options) -> RawSet:
    """The records of the table whose files are there; a name in it is a path below `root`, with or without suffix."""
    if not root.is_dir():
        raise UserError(f"--raw_root {root}: no such folder", "it holds the recordings and their labels.csv")
    path = find_table(root, options.labels)
    if path is None or not path.is_file():
        raise UserError(f"{root}: no table of labels",
                        "write labels.csv with the columns record,label and, if known, subject and subset")
    table = read_table(path)
    if not {"record", "label"} <= set(table):
        raise UserError(f"{path} has no column {'label' if 'record' in table else 'record'}",
                        "its first line is record,label[,subject][,subset]")
    known = {name for names in COLUMNS.values() for name in names}
    info = {name: column for name, column in read_columns(path).items() if name in options.info and name not in known}
    labels = [tuple(part.strip() for part in text.split(";") if part.strip()) for text in table["label"].tolist()]
    records, missing = _records(root, table, labels, info)
    classes = _classes(records, options.classes)
    several = any(len(record.labels) > 1 for record in records)
    return RawSet("folder", classes, "multilabel" if several else "classes", records,
                  f"{root.name} (labels from {path.name})", "not stated", missing=missing)


def _records(root: Path, table: dict[str, np.ndarray], labels: list[tuple[str, ...]], info: dict[str, np.ndarray]
             ) -> tuple[list[RawRecord], dict[str, str]]:
    files = _files(root)
    empty = np.full(len(labels), "")
    subject, subset = table.get("subject", empty).tolist(), subset_names(table.get("subset", empty)).tolist()
    records: dict[str, RawRecord] = {}
    missing: dict[str, str] = {}
    for line, name in enumerate(table["record"].tolist()):
        file = files.get(name.replace("\\", "/").removeprefix("./"))
        if file is None:
            missing[name] = "no such file"
        elif not labels[line] or labels[line][0].lower() in MISSING:
            missing[name] = "has no label"
        elif (plain := str(Path(file).with_suffix(""))) in records:
            missing[f"{name} (again)"] = "is there more than once"
        else:
            own = {column: str(values[line]) for column, values in info.items()}
            records[plain] = RawRecord(plain, file, labels[line], subject[line], subset[line], info=own)
    return list(records.values()), missing


def _files(root: Path) -> dict[str, str]:
    """Path below `root`, with '/', whole and without suffix -> the file to read (a header before its signal file)."""
    found: dict[str, str] = {}
    paths = sorted((path.relative_to(root) for path in root.rglob("*") if path.is_file()),
                   key=lambda path: (path.suffix.lower() in COMPANIONS, path.suffix.lower() != ".hea", str(path)))
    for path in paths:
        found.setdefault(path.with_suffix("").as_posix(), path.as_posix())
        found[path.as_posix()] = found[path.with_suffix("").as_posix()] if path.suffix == ".dat" else path.as_posix()
    return found


def _classes(records: list[RawRecord], stated: tuple[str, ...]) -> tuple[str, ...]:
    found = sorted({label for record in records for label in record.labels})
    unknown = [label for label in found if stated and label not in stated]
    if unknown:
        raise UserError(f"{len(unknown)} labels are not among the classes: {', '.join(unknown[:5])}",
                        f"classes: {', '.join(stated)}")
    return stated or tuple(found)
