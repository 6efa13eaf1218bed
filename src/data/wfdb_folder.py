"""`--dataset wfdb`: a folder of WFDB records and a CSV of `record,label[,subject][,subset]` (several labels: a;b).

Headers alone build the table of records (about 0.3 ms each); a signal is read when its record is drawn, and of it only
the samples that the window needs.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data.bad_records import BadRecords
from src.data.dataset import Records
from src.data.readers.wfdb import read_range
from src.data.readers.wfdb_header import Header, read_header
from src.data.recorded import RecordedConfig, RecordedDataset
from src.data.tables import find_table, read_table
from src.data.targets import encode, subset_names
from src.data.units import VOLTS, unit_factor, unit_name
from src.errors import BadRecord, UserError, did_you_mean

SUFFIXES = (".hea", ".dat", ".mat")


class WfdbDataset(RecordedDataset):
    """Labelled WFDB records of one folder (records may lie in subfolders: the CSV names their paths)."""

    @dataclass(frozen=True)
    class Config(RecordedConfig):
        labels: str = ""  # the CSV; empty = labels.csv, or the only CSV that has the columns record and label

    config: Config

    def __init__(self, config: Config | None = None, data_path: str | Path | None = None):
        self.config = config or self.Config()
        if data_path is None or not Path(data_path).is_dir():
            found = "a file, not a folder" if data_path is not None and Path(data_path).exists() else "not found"
            raise UserError(f"{data_path}: {found}", "--data_path names a folder of WFDB records with a labels.csv")
        self.path = Path(data_path)
        path = find_table(self.path, self.config.labels)
        if path is None:
            raise UserError(f"{self.path}: no table of labels",
                            "write labels.csv with the columns record,label and, if known, subject and subset")
        table, bad = read_table(path), BadRecords()
        if "record" not in table or "label" not in table:
            raise UserError(f"{path} has no column {'label' if 'record' in table else 'record'}",
                            "its first line is record,label[,subject][,subset]")
        self._collect(table, self._read_headers(table["record"], bad), bad)
        self.source = f"{self.path} (WFDB, labels from {path.name})"

    def _read_headers(self, names: np.ndarray, bad: BadRecords) -> list[Header | None]:
        """One per line of the table; None where it cannot be used."""
        headers: list[Header | None] = []
        seen: set[str] = set()
        for name in (_plain(name) for name in names.tolist()):
            try:
                if name in seen:
                    raise BadRecord(name, "is there more than once")
                headers.append(read_header(self.path, name))
            except BadRecord as error:
                bad.add(f"{name} (again)" if name in seen else name, error.reason)
                headers.append(None)
            seen.add(name)
        return headers

    def _collect(self, table: dict[str, np.ndarray], headers: list[Header | None], bad: BadRecords) -> None:
        names = np.array([_plain(name) for name in table["record"].tolist()])
        self.target, label, missing = encode(table["label"], self.config.classes, self.config.target)
        for name in names[missing].tolist():
            bad.add(name, "has no label")
        labelled = [header for header, none in zip(headers, missing) if header is not None and not none]
        self._choose_channels(labelled)
        plans = [None if header is None or none else self._plan(header, bad)
                 for header, none in zip(headers, missing)]
        rows = np.array([row for row, plan in enumerate(plans) if plan is not None], np.int64)
        self.notes += bad.settle(self.config.on_bad_record, len(rows)) + self._unlabelled(names, headers)
        self._headers = [header for header, plan in zip(headers, plans) if header is not None and plan is not None]
        self._plans = [plan for plan in plans if plan is not None]
        empty = np.full(len(names), "")
        self.records = Records(names[rows], table.get("subject", empty)[rows], label[rows],
                               subset_names(table.get("subset", empty)[rows]),
                               np.array([header.samples for header in self._headers], np.int64))
        self._arrange(np.array([header.rate_hz for header in self._headers]), self._channels, self._unit)

    def _choose_channels(self, headers: list[Header]) -> None:
        """The stated channels and unit, or those that most records have."""
        if not headers:
            self._channels, self._unit = self.config.channels, self.config.to_unit or "mV"
            return
        sets = Counter(frozenset(_folded(header.channels)) for header in headers)
        usual = next(header for header in headers if frozenset(_folded(header.channels)) == sets.most_common(1)[0][0])
        units = Counter(line.unit for header in headers for line in header.signals)
        volts = [unit for unit, _ in units.most_common() if unit in VOLTS]
        self._unit = unit_name(self.config.to_unit) or (volts or [units.most_common(1)[0][0]])[0]
        fitting = tuple(name for name, line in zip(usual.channels, usual.signals)
                        if unit_factor(line.unit, self._unit) is not None)
        self._channels = self.config.channels or fitting
        left = [name for name in usual.channels if name.lower() not in _folded(self._channels)]
        if left and not self.config.channels:
            self.notes += (f"channels left out, they are not in {self._unit}: {', '.join(left)}",)
        converted = Counter(line.unit for header in headers for line in header.signals
                            if line.unit != self._unit and unit_factor(line.unit, self._unit) is not None)
        self.notes += tuple(f"{count} signals converted from {unit} to {self._unit}"
                            for unit, count in converted.most_common())

    def _plan(self, header: Header, bad: BadRecords) -> tuple[list[int], np.ndarray] | None:
        """Which signals of a record, in which order, and by what to multiply each; None where one is not there."""
        place = {name.lower(): number for number, name in enumerate(header.channels)}
        lost = [name for name in self._channels if name.lower() not in place]
        if lost:
            near = did_you_mean(lost[0], header.channels)
            bad.add(header.record, f"lacks channels: {', '.join(lost[:5])}{near}; it has {', '.join(header.channels)}")
            return None
        order = [place[name.lower()] for name in self._channels]
        factors = [unit_factor(header.signals[number].unit, self._unit) for number in order]
        if None in factors:
            unit = header.signals[order[factors.index(None)]].unit
            bad.add(header.record, f"cannot be turned into {self._unit}: a channel is in {unit}")
            return None
        return order, np.array(factors, np.float32)[:, None]

    def _unlabelled(self, names: np.ndarray, headers: list[Header | None]) -> tuple[str, ...]:
        """Records beside the labelled ones that no line names."""
        folders = {str(Path(name).parent) for name in names.tolist()}
        there = {str(Path(folder) / path.stem) for folder in folders if (self.path / folder).is_dir()
                 and ".." not in Path(folder).parts and not Path(folder).is_absolute()
                 for path in (self.path / folder).glob("*.hea")}
        segments = {str(Path(header.record).parent / segment)
                    for header in headers if header is not None for segment in header.segments}
        more = sorted(there - set(names.tolist()) - segments)
        if not more:
            return ()
        return (f"{len(more)} records of the folder have no label: left out ({', '.join(more[:5])}"
                f"{', ...' * (len(more) > 5)})",)

    def read_range(self, row: int, low: int, high: int) -> np.ndarray:
        order, factors = self._plans[row]
        signal = read_range(self._headers[row], low, high)
        signal = signal if order == list(range(len(signal))) else signal[order]
        return signal if (factors == 1).all() else signal * factors

    def content_hash(self, row: int) -> str | None:
        """Of the signal files as they are on disk."""
        digest = hashlib.blake2b(digest_size=16)
        for path in self._headers[row].files:
            with path.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()


def _plain(name: str) -> str:
    """The record's name without the suffix that some tables give it."""
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)


def _folded(names: tuple[str, ...]) -> set[str]:
    return {name.lower() for name in names}
