"""The stage `preprocess` of the lead-I pipeline: WFDB records -> a standardised MAT file of 10 s for each.

A journal beside the files says what became of every record: the same command goes on where one was stopped, tries
again what failed, and refuses other settings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from src.data.labels.files import write_text
from src.data.labels.reports import stream_rows, to_study
from src.data.labels.tables import csv_line, read_meta_split
from src.data.prepare.journal import Journal, read_journal
from src.data.readers.mat import read_mat
from src.data.readers.wfdb import read_wfdb
from src.data.sets.manifest_files import inside
from src.errors import UserError
from src.files import remove_half_written
from src.interop.layouts.ecgfm import RATE_HZ, RECORDS, SEGMENT, SPLIT, Tree, saved_name
from src.interop.mat_files import write_mat
from src.pipelines.ecgfm_signals import SignalOptions, as_record, originals, ten_seconds
from src.pipelines.ecgfm_tables import first_of
from src.pipelines.many_files import in_processes

CHECKED = 50  # files read back at the end


class Task(NamedTuple):
    """A study, and its record below the raw root."""

    study: int
    path: str


def preprocess_stage(tree: Tree, raw_root: Path, options: SignalOptions, *, replica: bool = False,
                     limit: int | None = None, workers: int | None = None) -> list[str]:
    """meta_split.csv, record_list.csv and the records below `raw_root` -> preprocess/data/lead_1_duplicated/*.mat.

    `limit` takes the first studies of the split. Lines for people: what was read, written and left out.
    """
    if not raw_root.is_dir():
        raise UserError(f"--raw_root {raw_root}: no such folder", "name the folder of MIMIC-IV-ECG: files/ is in it")
    options = originals(options) if replica else options
    tasks, unlisted = _tasks(tree, raw_root, limit)
    known = _begin(tree, options, replica)
    todo = [task for task in tasks if not _is_done(tree, known.get(task.study))]
    _run(tree, raw_root, options, replica, todo, known, workers)
    rows = [known[task.study] for task in tasks if task.study in known]
    failed = [row for row in rows if row["reason"]]
    _write_failures(tree, failed)
    checked = _check(tree, [row for row in rows if not row["reason"]])
    return [f"read       {tree.base / SPLIT}: {len(tasks)} records of {raw_root}",
            f"wrote      {tree.mats}: {len(rows) - len(failed)} files, {len(todo)} records now, "
            f"{len(tasks) - len(todo)} were there", *_notes(rows, unlisted, replica),
            f"checked    {checked} files read back: (12, samples), float32, {RATE_HZ} Hz"]


def read_column(path: Path, name: str, needed: bool = True) -> dict[int, str]:
    """Study -> a column of record_list.csv; of equal studies the first counts. {} where the column may be absent."""
    rows = stream_rows(path)
    header = [cell.strip() for cell in next(rows, [])]
    missing = [column for column in ("study_id", name) if column not in header]
    if missing == [name] and not needed:
        return {}
    if missing:
        raise UserError(f"{path}: no column {missing[0]}; found {', '.join(header[:8]) or 'an empty file'}",
                        "give record_list.csv of MIMIC-IV-ECG")
    study, place, found = header.index("study_id"), header.index(name), {}
    for line, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise UserError(f"{path}: line {line} has {len(row)} cells, the first line {len(header)}")
        found.setdefault(to_study(row[study], f"{path}, line {line}"), row[place].strip())
    return found


def _tasks(tree: Tree, raw_root: Path, limit: int | None) -> tuple[list[Task], int]:
    """The records to prepare in the order of the split, and how many of it the list does not name."""
    split = tree.base / SPLIT
    if not split.is_file():
        raise UserError(f"{split} is not there", "python prepare.py ecgfm split makes it")
    paths = read_column(first_of(tree.base, (RECORDS,), "the list of records of MIMIC-IV-ECG", raw_root), "path")
    studies = list(read_meta_split(split))[:limit]
    return [Task(study, paths[study]) for study in studies if study in paths], sum(s not in paths for s in studies)


def _journal(tree: Tree) -> Path:
    return tree.mats.with_suffix(".jsonl")


def _begin(tree: Tree, options: SignalOptions, replica: bool) -> dict[int, dict[str, Any]]:
    """What the journal says about each study. UserError where it was begun with other settings."""
    tree.mats.mkdir(parents=True, exist_ok=True)
    remove_half_written(tree.mats)
    settings = {"settings": asdict(options) | {"replica": replica}}
    entries, ends = read_journal(_journal(tree))
    if entries and entries[0] != settings:
        raise UserError(f"{tree.mats}: was begun with {entries[0].get('settings')}, now {settings['settings']}",
                        f"give the same settings, or remove {tree.mats} and {_journal(tree).name} to start anew")
    with Journal(_journal(tree)) as journal:
        journal.cut(ends[-1] if ends else 0)
        if not entries:
            journal.append(settings)
    return {entry["study"]: entry for entry in entries[1:]}


def _is_done(tree: Tree, entry: dict[str, Any] | None) -> bool:
    return entry is not None and not entry["reason"] and (tree.mats / saved_name(entry["study"])).is_file()


def _run(tree: Tree, raw_root: Path, options: SignalOptions, replica: bool, todo: list[Task],
         known: dict[int, dict[str, Any]], workers: int | None) -> None:
    work = partial(prepare_record, raw_root=raw_root, folder=tree.mats, leads=tree.leads, options=options,
                   replica=replica)
    with Journal(_journal(tree)) as journal:
        journal.cut(_journal(tree).stat().st_size)
        for results in in_processes(work, todo, workers):
            for entry in results:
                journal.append(entry)
                known[entry["study"]] = entry


def prepare_record(task: Task, *, raw_root: Path, folder: Path, leads: tuple[int, ...], options: SignalOptions,
                   replica: bool) -> dict[str, Any]:
    """One record to its file; what became of it: its samples, missing samples, flat leads, or why there is no file."""
    entry = {"study": task.study, "samples": 0, "missing": 0, "flat": 0, "reason": ""}
    target = folder / saved_name(task.study)
    try:
        if inside(raw_root, task.path) is None:
            raise UserError(f"{task.path}: lies outside the folder of the recordings")
        recording = read_wfdb(raw_root, task.path)
        found = ten_seconds(recording, leads, options)
    except UserError as error:
        target.unlink(missing_ok=True)  # of an earlier recording under this name
        return entry | {"reason": error.message}
    write_mat(target, as_record(found, task.study, recording, replica))
    return entry | {"samples": found.feats.shape[1], "missing": found.missing, "flat": found.flat}


def _write_failures(tree: Tree, failed: Iterable[dict[str, Any]]) -> None:
    lines = (csv_line([row["study"], row["reason"]]) for row in failed)
    write_text(tree.mats.with_name(f"{tree.mats.name}_failures.csv"), "study_id,reason\n" + "".join(lines))


def _notes(rows: list[dict[str, Any]], unlisted: int, replica: bool) -> list[str]:
    used = [row for row in rows if not row["reason"]]
    lengths = Counter(row["samples"] for row in used)
    other = {length: count for length, count in sorted(lengths.items()) if length != 2 * SEGMENT}
    reasons = Counter(row["reason"].partition(": ")[2] or row["reason"] for row in rows if row["reason"])
    missing, flat = sum(row["missing"] > 0 for row in used), sum(row["flat"] > 0 for row in used)
    notes = [f"{unlisted} studies of the split are not in record_list.csv"] if unlisted else []
    notes += [f"{count} records have no file: {reason}" for reason, count in reasons.most_common(8)]
    if other:
        notes.append(f"{sum(other.values())} files are not of 10 s ({_few(other)}): a segment for every whole 5 s")
    notes += [f"{missing} files have missing samples" + (", left as NaN" if replica else "")] * bool(missing)
    notes += [f"{flat} files have a flat lead"] * bool(flat)
    return [f"note       {note}" for note in notes]


def _few(lengths: dict[int, int]) -> str:
    shown = [f"{length} samples: {count}" for length, count in list(lengths.items())[:4]]
    return ", ".join(shown) + (", ..." if len(lengths) > len(shown) else "")


def _check(tree: Tree, rows: list[dict[str, Any]]) -> int:
    """Read some files back; UserError for the first that is not what it should be."""
    chosen = [rows[place] for place in np.unique(np.linspace(0, len(rows) - 1, CHECKED).astype(int))] if rows else []
    for row in chosen:
        path = tree.mats / saved_name(row["study"])
        feats, rate = read_mat(path, "feats"), read_mat(path, "curr_sample_rate")
        if feats.shape != (12, row["samples"]) or feats.dtype != np.float32 or rate.ravel().tolist() != [RATE_HZ]:
            raise UserError(f"{path}: {feats.dtype}{feats.shape} at {rate.ravel()} Hz; expected float32 "
                            f"(12, {row['samples']}) at {RATE_HZ} Hz", "remove it and give the command again")
    return len(chosen)
