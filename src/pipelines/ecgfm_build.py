"""The stage `build` of the lead-I pipeline: 10 s files and labels -> the test set, and segments of 5 s with manifests.

A segment's number (`idx`) is its row of y.npy. Numbers follow from the split and the lengths alone, so a file that is
there with its number and newer than its record stays; others are written anew, and segments that belong to no record
any more are removed. The manifests go first and come back last: a build that was stopped cannot be trained on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.data.labels.files import write_array, write_text
from src.data.labels.tables import csv_line, read_meta_split
from src.data.readers.mat_places import variables
from src.data.tables import read_rows
from src.errors import BadRecord, UserError
from src.files import remove_half_written
from src.interop.layouts.ecgfm import LABELS, PARTS, RATE_HZ, RECORDS, SEGMENT, SPLIT, Tree, manifest, saved_name
from src.interop.mat_files import write_mat
from src.pipelines.ecgfm_labels import RecordLabels, definition_of, read_record_labels
from src.pipelines.ecgfm_preprocess import read_column
from src.pipelines.many_files import in_processes

OURS = re.compile(r"mimic_iv_ecg_\d+_\d+\.mat")


class Piece(NamedTuple):
    """A 10 s file to cut: its study, the number of its first segment, how many, and whose recording it is."""

    study: int
    first: int
    segments: int
    patient: int | None


def build_stage(tree: Tree, *, raw_root: Path | None = None, replica: bool = False, workers: int | None = None
                ) -> list[str]:
    """labels/computed_labels, meta_split.csv and the 10 s files -> both folders of build/data; lines for people."""
    split, labels = tree.base / SPLIT, tree.base / LABELS
    if not tree.mats.is_dir():
        raise UserError(f"{tree.mats} is not there", "python prepare.py ecgfm preprocess makes it")
    if not split.is_file():
        raise UserError(f"{split} is not there", "python prepare.py ecgfm split makes it")
    parts, known = read_meta_split(split), read_record_labels(labels)
    with os.scandir(tree.mats) as entries:
        there = {entry.name for entry in entries}
    test = build_test(tree, parts, known, there)
    patients = {} if replica else _patients(tree, raw_root)
    return [f"read       {labels}, {split}, {tree.mats}: {len(there)} files", *test,
            *build_segments(tree, parts, known, there, patients, workers)]


# ------------------------------------------------------------------------------------------------- the test set
def build_test(tree: Tree, parts: dict[int, str], known: RecordLabels, there: set[str]) -> list[str]:
    """Links to the 10 s files of the test part, their list, and the labels of the part."""
    studies = [study for study, part in parts.items() if part == "test"]
    linked = [study for study in studies if saved_name(study) in there]
    _link(tree, {saved_name(study) for study in linked})
    rows = [[number, study, saved_name(study)] for number, study in enumerate(linked)]
    _write_table(tree.test / "test_file_list.csv", ["idx", "study_id", "save_file"], rows)
    labelled = sorted(study for study in studies if study in known.row)
    _write_table(tree.test / "test_labels.csv", ["idx", *known.names],
                 [[study, *known.of(study).tolist()] for study in labelled])
    _write_table(tree.test / "study_id_mapping.csv", ["study_id", "save_file"],
                 [[study, saved_name(study)] for study in studies])
    write_text(tree.test / "label_def.csv", _definition(tree))
    lost = len(set(labelled) - set(linked))
    return [f"wrote      {tree.test}: {len(linked)} of {len(studies)} test records"] + [
        f"note       {lost} labelled test records have no 10 s file: they are in test_labels.csv, and not tested"
    ] * bool(lost)


def _link(tree: Tree, names: set[str]) -> None:
    """Relative links, copies where the file system has none; those of other records go."""
    folder = tree.test / "mats"
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("mimic_iv_ecg_*.mat"):
        if path.name not in names:
            path.unlink()
    for name in names:
        link, target = folder / name, os.path.relpath(tree.mats / name, folder)
        if link.is_symlink() and os.readlink(link) == target:
            continue
        link.unlink(missing_ok=True)
        try:
            link.symlink_to(target)
        except OSError:
            link.write_bytes((tree.mats / name).read_bytes())


# ------------------------------------------------------------------------------------------------- fine-tuning
def build_segments(tree: Tree, parts: dict[int, str], known: RecordLabels, there: set[str],
                   patients: dict[int, int], workers: int | None) -> list[str]:
    """Segments, manifests, y.npy and what the training reads beside them."""
    in_order = [study for part in PARTS for study in parts if parts[study] == part]
    with_file = [study for study in in_order if saved_name(study) in there]
    studies = [study for study in with_file if study in known.row]
    counts = _segments_of(tree, studies, workers)
    first = np.cumsum([0, *(counts[study] for study in studies)]).tolist()
    pieces = [Piece(study, start, counts[study], patients.get(study)) for study, start in zip(studies, first)]
    stale = _remove_stale(tree, {name for piece in pieces for name in _names(piece)})
    written = _write_segments(tree, pieces, workers)
    _write_tables(tree, pieces, parts, known)
    unlabelled, short = len(with_file) - len(studies), sum(not piece.segments for piece in pieces)
    sizes = {part: sum(piece.segments for piece in pieces if parts[piece.study] == part) for part in PARTS}
    notes = [f"{unlabelled} records have a 10 s file and no labels: left out"] * bool(unlabelled)
    notes += [f"{short} records are shorter than 5 s: left out"] * bool(short)
    notes += [f"{stale} segments of other builds removed"] * bool(stale)
    return [f"wrote      {tree.segments}: {first[-1]} segments of {len(pieces) - short} records, {written} now",
            f"wrote      {tree.manifests}: " + ", ".join(f"{part}={size}" for part, size in sizes.items()),
            *(f"note       {note}" for note in notes)]


def _names(piece: Piece) -> list[str]:
    stem = saved_name(piece.study).removesuffix(".mat")
    return [f"{stem}_{number}.mat" for number in range(piece.segments)]


def _segments_of(tree: Tree, studies: Sequence[int], workers: int | None) -> dict[int, int]:
    return dict(pair for found in in_processes(partial(count_segments, folder=tree.mats), studies, workers)
                for pair in found)


def count_segments(study: int, *, folder: Path) -> tuple[int, int]:
    """A study and its whole 5 s; UserError for files at another rate, or of another kind."""
    path = folder / saved_name(study)
    held = variables(path, ("feats", "curr_sample_rate"))
    if "feats" not in held or len(held["feats"].shape) != 2 or "curr_sample_rate" not in held:
        raise UserError(f"{path}: holds no feats of leads and samples, or no curr_sample_rate",
                        "python prepare.py ecgfm preprocess makes these files")
    rate = held["curr_sample_rate"].read().ravel()
    if rate.tolist() != [RATE_HZ]:
        raise UserError(f"{path}: is at {rate.tolist()} Hz; segments are cut at {RATE_HZ} Hz")
    return study, held["feats"].shape[1] // SEGMENT


def _remove_stale(tree: Tree, wanted: set[str]) -> int:
    tree.segments.mkdir(parents=True, exist_ok=True)
    remove_half_written(tree.segments)
    with os.scandir(tree.segments) as entries:
        stale = [entry.name for entry in entries if OURS.fullmatch(entry.name) and entry.name not in wanted]
    for name in stale:
        (tree.segments / name).unlink()
    return len(stale)


def _write_segments(tree: Tree, pieces: Sequence[Piece], workers: int | None) -> int:
    for part in PARTS:
        (tree.manifests / f"{part}.tsv").unlink(missing_ok=True)
    work = partial(cut_record, source=tree.mats, folder=tree.segments)
    return sum(sum(written) for written in in_processes(work, pieces, workers))


def cut_record(piece: Piece, *, source: Path, folder: Path) -> int:
    """How many of a record's segments had to be written."""
    origin = source / saved_name(piece.study)
    paths = [folder / name for name in _names(piece)]
    stale = [number for number, path in enumerate(paths) if not _is_current(path, origin, piece, number)]
    if not stale:
        return 0
    feats = variables(origin, ("feats",))["feats"].read()
    about = {"curr_sample_rate": np.array([[RATE_HZ]], np.float64),
             "original_idx": np.array([[piece.study]], np.int64)}
    if piece.patient is not None:
        about["patient_id"] = np.array([[piece.patient]], np.int64)
    for number in stale:
        write_mat(paths[number], {"feats": feats[:, number * SEGMENT:(number + 1) * SEGMENT].astype(np.float32),
                                  "idx": np.array([[piece.first + number]], np.int64), **about})
    return len(stale)


def _is_current(path: Path, origin: Path, piece: Piece, number: int) -> bool:
    try:
        if path.stat().st_mtime_ns < origin.stat().st_mtime_ns:
            return False
        held = variables(path, ("idx", "patient_id"))
        patient = int(held["patient_id"].read()[0, 0]) if "patient_id" in held else None
        return int(held["idx"].read()[0, 0]) == piece.first + number and patient == piece.patient
    except (OSError, UserError, BadRecord, KeyError, IndexError, ValueError):
        return False


def _write_tables(tree: Tree, pieces: Sequence[Piece], parts: dict[int, str], known: RecordLabels) -> None:
    times = [piece.segments for piece in pieces]
    labels = np.stack([known.of(piece.study) for piece in pieces]) if pieces else np.zeros((0, len(known.names)))
    write_array(tree.manifests / "y.npy", np.repeat(labels, times, axis=0).astype(np.float32))
    write_array(tree.manifests / "original_idx_order.npy",
                np.repeat(np.array([piece.study for piece in pieces], np.int64), times))
    write_text(tree.manifests / "label_def.csv", _definition(tree))
    weights = tree.base / LABELS / "pos_weight.txt"
    if weights.is_file():
        write_text(tree.manifests / "pos_weight.txt", weights.read_text(encoding="utf-8"))
    for part in PARTS:
        names = [name for piece in pieces if parts[piece.study] == part for name in _names(piece)]
        write_text(tree.manifests / f"{part}.tsv", manifest(tree.segments, names))


def _definition(tree: Tree) -> str:
    """The label definition, every line with its end."""
    return "".join(csv_line(row) for row in read_rows(definition_of(tree.base / LABELS)) if row)


def _patients(tree: Tree, raw_root: Path | None) -> dict[int, int]:
    """Study -> patient, as far as there is a list of records that says it in whole numbers."""
    places = [tree.base / RECORDS] + ([raw_root / Path(RECORDS).name] if raw_root else [])
    path = next((path for path in places if path.is_file()), None)
    subjects = read_column(path, "subject_id", needed=False) if path else {}
    return {study: int(subject) for study, subject in subjects.items() if subject.isdecimal() and len(subject) <= 18}


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    write_text(path, "".join(map(csv_line, [header, *rows])))
