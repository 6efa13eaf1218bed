"""CSV tables of records: `record,label[,subject][,subset]`, under the names that people give these columns."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from src.errors import UserError

COLUMNS = {
    "record": ("record", "record_id", "record_name", "recording", "name", "file", "filename", "file_name", "id"),
    "label": ("label", "labels", "class", "target", "diagnosis", "y"),
    "subject": ("subject", "subject_id", "subjects", "patient", "patient_id", "group", "participant_id"),
    "subset": ("subset", "split", "part"),
}
LARGEST = 1 << 30  # bytes; a table is never larger


def read_table(path: Path) -> dict[str, np.ndarray]:
    """The known columns of a CSV (or tab-separated) file as arrays of str; UserError for rows that do not fit."""
    found = read_columns(path)
    chosen = {column: next((name for name in names if name in found), None) for column, names in COLUMNS.items()}
    return {column: found[name] for column, name in chosen.items() if name is not None}


def read_columns(path: Path) -> dict[str, np.ndarray]:
    """Every column of a CSV (or tab-separated) file by its lower-case name, as arrays of str."""
    rows = read_rows(path)
    if not rows:
        raise UserError(f"{path} is empty", "its first line names the columns")
    header = [name.strip().lower() for name in rows[0]]
    body = [row for row in rows[1:] if any(cell.strip() for cell in row)]
    short = [number for number, row in enumerate(rows[1:], start=2) if row and len(row) != len(header)]
    if short:
        raise UserError(f"{path}: {len(short)} lines do not have the {len(header)} columns of the first line: "
                        f"line {', '.join(map(str, short[:5]))}", "quote cells that hold a comma")
    columns = {name: place for place, name in reversed(list(enumerate(header)))}  # of equal names the first counts
    return {name: np.array([row[place].strip() for row in body], dtype=str) for name, place in columns.items()}


def read_rows(path: Path) -> list[list[str]]:
    """The cells of every line; UserError for files that are no table in UTF-8."""
    try:
        if path.stat().st_size > LARGEST:
            raise UserError(f"{path}: {path.stat().st_size >> 20} MiB is too large for a table")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a table ({error})", "save it as CSV in UTF-8") from error
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    try:
        return list(csv.reader(text.splitlines(), delimiter=delimiter))
    except csv.Error as error:
        raise UserError(f"{path}: cannot be read as a table ({error})", "save it as CSV in UTF-8") from error


def find_table(folder: Path, chosen: str = "", needed: tuple[str, ...] = ("record", "label")) -> Path | None:
    """The labels of a folder: `chosen`, or labels.csv, or the only CSV with the needed columns; None without any."""
    if chosen:
        if Path(chosen).name != chosen:
            raise UserError(f"labels={chosen}: expected the name of a file inside {folder}")
        return folder / chosen
    fitting = [path for path in sorted([*folder.glob("*.csv"), *folder.glob("*.tsv")]) if _has(path, needed)]
    named = [path for path in fitting if path.stem.lower() in ("labels", "label", "reference")]
    if len(fitting) > 1 and len(named) != 1:
        raise UserError(f"{folder} holds {len(fitting)} tables of labels: {', '.join(p.name for p in fitting[:5])}",
                        "choose one: --dataset_args labels=FILE.csv")
    return (named or fitting or [None])[0]


def _has(path: Path, needed: tuple[str, ...]) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        header = [cell.strip().strip('"').lower() for cell in stream.readline(1 << 20).replace("\t", ",").split(",")]
    return all(any(name in header for name in COLUMNS[column]) for column in needed)
