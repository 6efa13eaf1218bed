"""`--dataset edf`: a folder of EDF, BDF, BrainVision, FIF, GDF or EEGLAB files with their events.

Beside FILE.edf may lie FILE_events.tsv (onset, duration, trial_type) and FILE_channels.tsv (name, type, status); a
table for the whole folder (record, subject and, if known, label and subset) says who a recording is from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data.readers.mne_files import READERS
from src.data.sets.continuous import ContinuousConfig, ContinuousDataset
from src.data.sets.sources import Source
from src.data.tables import find_table, read_table
from src.errors import UserError

SUBJECT = re.compile(r"sub-([A-Za-z0-9]+)")
TABLES = (".tsv", ".csv")


class EdfDataset(ContinuousDataset):
    """Recordings of one folder and of the folders in it."""

    what = "EDF and its kin"

    @dataclass(frozen=True)
    class Config(ContinuousConfig):
        labels: str = ""  # table of record, subject, label, subset; empty = the one of the folder that has record

    config: Config

    def sources(self) -> list[Source]:
        root = self.root
        files = [self.path] if self.path.is_file() else _recordings(root)
        if not files:
            raise UserError(f"{self.path}: no recording in it", f"known: {', '.join(READERS)}")
        table = _table(root, self.config.labels)
        sources = [_source(root, file, table) for file in files]
        lost = sorted(set(table) - {_key(root, file) for file in files} - {file.stem for file in files})
        if lost and not self.path.is_file():
            self.notes += (f"{len(lost)} lines of the table name no recording: {', '.join(lost[:5])}",)
        return sources


def _recordings(root: Path) -> list[Path]:
    """Sorted; hidden folders (versions, trash) hold none."""
    return [path for path in sorted(root.rglob("*")) if path.suffix.lower() in READERS and not path.is_dir()
            and not any(part.startswith(".") for part in path.relative_to(root).parts)]


def _table(root: Path, chosen: str) -> dict[str, dict[str, str]]:
    """Recording (its path without suffix, or its bare name) -> subject, label, subset."""
    path = find_table(root, chosen, ("record", "label")) or find_table(root, chosen, ("record", "subject"))
    if path is None:
        return {}
    columns = read_table(path)
    names = [_bare(name) for name in columns.get("record", np.empty(0, str)).tolist()]
    return {name: {column: str(columns[column][line]) for column in ("subject", "label", "subset") if column in columns}
            for line, name in enumerate(names)}


def _source(root: Path, file: Path, table: dict[str, dict[str, str]]) -> Source:
    key = _key(root, file)
    told = table.get(key, table.get(file.stem, {}))
    return Source(file, key, told.get("subject") or _subject(key), told.get("subset", ""), told.get("label", ""),
                  _beside(file, "events"), _beside(file, "channels"))


def _key(root: Path, file: Path) -> str:
    return file.relative_to(root).with_suffix("").as_posix()


def _bare(name: str) -> str:
    return Path(name).with_suffix("").as_posix() if Path(name).suffix.lower() in READERS else name


def _subject(key: str) -> str:
    """X of sub-X anywhere in the path; else the first folder; else what precedes the first _ of the name."""
    if found := SUBJECT.search(key):
        return found[1]
    first, _, rest = key.partition("/")
    return first if rest else key.partition("_")[0]


def _beside(file: Path, what: str) -> Path | None:
    """FILE_events.tsv, FILE.events.csv, or as BIDS has it: the suffix of the name (_ieeg, _eeg) replaced."""
    stems = dict.fromkeys((file.stem, re.sub(r"_(ieeg|eeg|raw)$", "", file.stem)))
    candidates = [file.parent / f"{stem}{mark}{what}{kind}" for stem in stems for mark in "_." for kind in TABLES]
    return next((path for path in candidates if path.is_file()), None)
