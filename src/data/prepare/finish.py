"""From the journals of all blocks to a data set: tables, labels, parts, the store's index, and prepare.json at last.

A folder is a prepared data set from the moment it has prepare.json; everything before can be repeated.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from src.data.dataset import Records
from src.data.prepare.blocks import encode_labels, journal_path
from src.data.prepare.journal import read_journal
from src.data.prepare.options import describe, from_plain, unit_after
from src.data.prepare.plan import Plan
from src.data.prepare.raw import RawRecord
from src.data.prepare.stores import VECTORS, Entry, open_store
from src.data.recorded import usual_length
from src.data.signal import SignalSpec, TargetSpec
from src.data.splits import PARTS, save_splits, split
from src.errors import UserError
from src.files import whole, whole_text, write_json
from src.interop.layouts.tensor_pipeline import INDENT, original_parts, split_table

MANIFEST, TABLE, FAILURES, SPLITS, LABEL_MAP, LABELS = ("prepare.json", "records.csv", "failures.csv", "splits.json",
                                                        "label_map.json", "labels.npy")
COLUMNS = ("record", "label", "subject", "subset", "samples", "file")
VERSION = 1


@dataclass
class Summary:
    """What came of a preparation, for people and for scripts."""

    output: Path
    records: int
    failed: dict[str, str] = field(default_factory=dict)  # record -> reason
    notes: tuple[str, ...] = ()


def lacking(output: Path, plan: Plan) -> list[int]:
    """The blocks that are not finished."""
    store = open_store(plan.store, output, from_plain(plan.config).dtype)
    found = []
    for block in range(plan.blocks):
        entries = read_journal(journal_path(output, block))[0]
        rows = plan.rows(block)
        if store.intact(block, entries) < rows.stop - rows.start:
            found.append(block)
    return found


def finish(output: Path, plan: Plan) -> Summary:
    """Write the data set; UserError where no record could be prepared."""
    good = _Collected(plan)
    with whole_text(output / TABLE) as table, whole_text(output / FAILURES) as failures:
        info = plan.info
        write_row, write_failure = csv.writer(table, lineterminator="\n"), csv.writer(failures, lineterminator="\n")
        write_row.writerow((*COLUMNS, *info))
        write_failure.writerow(("record", "path", "reason"))
        for name, why in plan.missing.items():
            good.fail(name, why)
            write_failure.writerow((name, "", why))
        for _, entry in entries_of(output, plan):
            if "reason" in entry:
                good.fail(entry["record"], entry["reason"])
                write_failure.writerow((entry["record"], entry["path"], entry["reason"]))
            else:
                good.add(entry)
                write_row.writerow((entry["record"], ";".join(entry["labels"]), entry["subject"], entry["subset"],
                                    entry["samples"], entry["file"], *(entry["info"].get(name, "") for name in info)))
    if not good.names:
        reasons = "".join(f"\n{name}: {why}" for name, why in list(good.failed.items())[:5])
        raise UserError(f"none of {plan.records} records could be prepared{reasons}", f"all are in {output / FAILURES}")
    return _write(output, plan, good)


def entries_of(output: Path, plan: Plan) -> Iterator[tuple[int, Entry]]:
    """(block, entry) of all records, in order."""
    for block in range(plan.blocks):
        for entry in read_journal(journal_path(output, block))[0]:
            yield block, entry


class _Collected:
    """What is kept of all entries while they go by."""

    def __init__(self, plan: Plan):
        self.plan, self.failed, self.odd = plan, {}, Counter()
        self.names: list[str] = []
        self.subjects: list[str] = []
        self.subsets: list[str] = []
        self.samples: list[int] = []
        self.labels: list[Any] = []
        self.files: list[str] = []
        self.sources: list[str] = []

    def fail(self, name: str, why: str) -> None:
        self.failed[name] = why

    def add(self, entry: Entry) -> None:
        record = RawRecord(entry["record"], entry["path"], tuple(entry["labels"]))
        self.labels.append(encode_labels(record, self.plan.classes, self.plan.kind))
        self.names.append(entry["record"])
        self.subjects.append(entry["subject"])
        self.subsets.append(entry["subset"])
        self.samples.append(entry["samples"])
        self.files.append(entry["file"])
        self.sources.append(entry["info"].get("source", "unknown"))
        for what in ("absent", "flat", "missing"):
            if what in entry:
                self.odd[what] += 1
        if "missing" in entry:
            self.odd["samples"] += entry["missing"]
        if "rate_hz" in entry:
            self.odd[float(entry["rate_hz"])] += 1

    def records(self) -> Records:
        return Records(np.array(self.names), np.array(self.subjects), np.array(self.labels), np.array(self.subsets),
                       np.array(self.samples, np.int64))

    def notes(self) -> list[str]:
        """What was odd, counted."""
        config, odd = from_plain(self.plan.config), self.odd
        flat = {"keep": "kept", "zero": "set to 0", "drop": "taken out (masked)"}[config.flat]
        gaps = {"keep": "masked", "interpolate": "bridged", "zero": "set to 0"}[config.gaps]
        notes = [f"{odd['absent']} records lack some of the leads: masked"] if odd["absent"] else []
        notes += [f"{odd['flat']} records have flat leads: {flat}"] if odd["flat"] else []
        notes += [f"{odd['missing']} records lack {odd['samples']} samples within their leads: {gaps}"] \
            if odd["missing"] else []
        rates = sorted(rate for rate in odd if isinstance(rate, float))
        to = f"to {config.resample_hz:g} Hz ({config.resampling})"
        return notes + [f"{odd[rate]} records resampled from {rate:g} {to}" for rate in rates]


def _write(output: Path, plan: Plan, good: _Collected) -> Summary:
    config, records = from_plain(plan.config), good.records()
    store = open_store(plan.store, output, config.dtype)
    store.finish(((block, entry) for block, entry in entries_of(output, plan) if "reason" not in entry),
                 len(config.leads))
    parts, how = _parts(records, plan)
    with whole(output / LABELS) as stream:
        np.save(stream, records.label)
    write_json(output / LABEL_MAP, {"label_order": list(plan.classes),
                                    "label_to_int": {name: number for number, name in enumerate(plan.classes)}})
    if plan.store == VECTORS:
        write_json(output / SPLITS, split_table(good.files, records.label.tolist(), good.sources, plan.classes,
                                                {part: rows.tolist() for part, rows in parts.items()}), INDENT)
    else:
        save_splits(output / SPLITS, records, parts)
    seconds = usual_length(records.length / config.resample_hz)
    spec = SignalSpec(config.leads, config.resample_hz, unit_after(config, config.unit),
                      round(seconds * config.resample_hz), describe(config), config.resampling, plan.config)
    notes = (*plan.notes, *good.notes(), how)
    write_json(output / MANIFEST, {
        "version": VERSION, "set": plan.set, "source": plan.source, "licence": plan.licence, "options": plan.options,
        "protocol": plan.protocol, "asked": plan.asked, "signal_spec": spec.to_dict(),
        "target_spec": TargetSpec(plan.kind, plan.classes).to_dict(), "store": plan.store,  # type: ignore[arg-type]
        "records": len(records), "failed": len(good.failed), "parts": {name: len(rows) for name, rows in parts.items()},
        "notes": list(notes), "versions": {name: version(name) for name in ("numpy", "scipy", "wfdb")}})
    return Summary(output, len(records), good.failed, notes)


def _parts(records: Records, plan: Plan) -> tuple[dict[str, np.ndarray], str]:
    """Part -> rows, and how they were cut; a replica's in the order of its original, where that can cut them."""
    note = ""
    if plan.is_replica:
        try:
            parts = {part: np.array(rows, np.int64) for part, rows in original_parts(records.label.tolist()).items()}
            return parts, f"parts as the ECG tensor pipeline deals them ({_counts(parts)})"
        except UserError as error:
            note = f"; {error.message}"
    parts, how = cut_parts(records, plan.split[:3], int(plan.split[3]))
    return parts, how + note


def _counts(parts: dict[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {len(rows)}" for name, rows in parts.items())


def cut_parts(records: Records, ratio: tuple[float, ...], seed: int) -> tuple[dict[str, np.ndarray], str]:
    """Part -> rows, and how they were cut; never an error: a set too small for three parts has fewer."""
    official = any(records.subset.tolist())
    by = "by subject" if any(records.subject.tolist()) else "stratified by label"
    try:
        parts = split(records, ratio=ratio, seed=seed)
        how = f"parts as the source has them, what it lacks cut from its training part {by}" if official \
            else f"parts cut {by}"
    except UserError as error:
        subset = np.where(records.subset == "", "train", records.subset)
        parts = {name: np.flatnonzero(subset == name) for name in PARTS}
        how = f"{'parts as the source has them' if official else 'all records train'}: {error.message}"
    return parts, f"{how} ({_counts(parts)})"
