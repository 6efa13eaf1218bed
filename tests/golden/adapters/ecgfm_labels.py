"""The ECG-FM pattern labeler and the tables of labels and splits of the lead-I pipeline.

The labeler's own files need the published configuration, which lies beside them in the folder that --golden names.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np

from src.data.labels.labeler import PHRASES, TERMS, Labeler, Normaliser, label_names, label_texts
from src.data.labels.matching import MODES
from src.data.labels.record_splits import by_patient, by_record, make_split, part_sizes
from src.data.labels.reports import BLANK, SEMICOLON, read_reports
from src.data.labels.split_tables import make_split_tables
from src.data.labels.tables import make_labels
from tests.golden.folder import Case

JOINTS = {"space": BLANK, "semicolon": SEMICOLON}
AGREEMENT = 0.99  # of our own configuration with the published one, of all labels and of each


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def labeler(case: Case) -> None:
    normaliser = Normaliser.read(case.folder / PHRASES, case.folder / TERMS)
    if case.path.suffix == ".npz":
        label_arrays(case)
    else:
        compare_readings(case, case.folder / "labeler_config", normaliser)


def labeler_toy(case: Case) -> None:
    compare_readings(case, case.path.parent / "config", None)


def compare_readings(case: Case, config: Path, normaliser: Normaliser | None) -> None:
    """One of the files cases, matches, entities_text and labels, over all texts of the cases beside it."""
    prefix, _, what = case.path.stem.partition("_")
    texts = read_table(case.path.with_name(f"{prefix}_cases.csv"))
    stored = read_table(case.path)
    for mode in MODES if what == "labels" else MODES[:2] if what == "entities_text" else MODES[:1]:
        made = Labeler(config, mode, normaliser)
        readings = {row["idx"]: made.read(row["text"]) for row in texts}
        if what == "cases":
            same_rows([(row["idx"], readings[row["idx"]].normalised, readings[row["idx"]].unmatched) for row in texts],
                      [(row["idx"], row["preprocessed"], row["unmatched"]) for row in stored])
        elif what == "matches":
            same_rows([(idx, str(order), match.text, match.kind) for idx, reading in readings.items()
                       for order, match in enumerate(reading.matches)], [tuple(row.values()) for row in stored])
        elif what == "entities_text":
            same_rows([(idx, entity.name, "|".join(entity.descriptors)) for idx, reading in readings.items()
                       for entity in reading.entities],
                      [(row["idx"], row["name"], row[f"descriptors_{mode}"]) for row in stored])
        else:
            expected = {(row["idx"], row["name"]): float(row[f"prob_{mode}"]) for row in stored
                        if row[f"prob_{mode}"]}
            found = {(idx, name): value for idx, reading in readings.items() for name, value in reading.labels.items()}
            same_rows(sorted(found), sorted(expected))
            case.same(mode, [found[key] for key in expected], list(expected.values()))


def same_rows(found: Iterable, expected: Iterable) -> None:
    found, expected = list(found), list(expected)
    differing = [pair for pair in zip(found, expected) if pair[0] != pair[1]]
    assert not differing, f"{len(differing)} rows differ, the first: {differing[0][0]}, expected {differing[0][1]}"
    assert len(found) == len(expected)


def label_arrays(case: Case) -> None:
    arrays, config = case.arrays(), case.folder / "labeler_config"
    texts = [row["text"] for row in read_table(case.folder / "labeler_cases.csv")]
    same_rows(label_names(config), arrays["label_names"].tolist())
    for mode in MODES:
        soft = label_texts(texts, config, mode, workers=1)
        case.same(mode, soft, arrays[f"y_soft_{mode}"])
        case.same(mode, (soft > 0).astype(np.float32), arrays[f"y_{mode}"])


def labeler_agreement(case: Case) -> None:
    """Our own configuration against the labels of the published one."""
    arrays = case.arrays()
    texts = [row["text"] for row in read_table(case.folder / "labeler_cases.csv")]
    same_rows(label_names(), arrays["label_names"].tolist())
    for mode in MODES:
        same = (label_texts(texts, mode=mode, workers=1) > 0) == (arrays[f"y_{mode}"] > 0)
        assert same.mean() >= AGREEMENT, f"{mode}: {same.mean():.4f}"
        assert same.mean(axis=0).min() >= AGREEMENT, dict(zip(arrays["label_names"].tolist(), same.mean(axis=0)))


@cache
def label_tables(folder: Path) -> dict[str, bytes]:
    """The stage's files as the original makes them."""
    with tempfile.TemporaryDirectory() as out:
        make_labels(folder / "pipeline" / "machine_measurements.csv", Path(out), config=folder / "labeler_config",
                    meta_split=folder / "pipeline" / "expected" / "meta_split.csv", replica=True, workers=1)
        return {path.name: path.read_bytes() for path in Path(out).iterdir()}


def labels(case: Case) -> None:
    if case.path.name in ("labels.csv", "pos_weight.txt", "study_id_mapping.csv"):
        assert label_tables(case.folder)[case.path.name].decode().split() == case.path.read_text().split()
    elif case.path.name == "label_def_recomputed.csv":
        found = [line.split(",") for line in label_tables(case.folder)[case.path.name].decode().splitlines()]
        stored = [line.split(",") for line in case.path.read_text().splitlines()]
        same_rows([row[0] for row in found], [row[0] for row in stored])
        case.same("numbers", np.array([row[1:] for row in found[1:]], float),
                  np.array([row[1:] for row in stored[1:]], float))
    elif case.path.name == "joined_y_soft.npz":
        same_joined_labels(case)
    else:
        same_texts(case)


def same_texts(case: Case) -> None:
    """texts.csv as joined, texts_preprocessed.csv as normalised."""
    normalised = "preprocessed" in case.path.name
    normaliser = Normaliser.read(case.folder / PHRASES, case.folder / TERMS)
    for name, joint in JOINTS.items():
        texts = read_reports(case.folder / "pipeline" / "machine_measurements.csv", joint).texts
        column = name if normalised else f"text_{name}_join"
        same_rows(map(normaliser, texts) if normalised else texts, [row[column] for row in read_table(case.path)])


def same_joined_labels(case: Case) -> None:
    arrays = case.arrays()
    for name, joint in JOINTS.items():
        texts = read_reports(case.folder / "pipeline" / "machine_measurements.csv", joint).texts
        for mode in MODES:
            case.same(f"{name} {mode}", label_texts(texts, case.folder / "labeler_config", mode, workers=1),
                      arrays[f"y_soft_{name}_{mode}"])


def split(case: Case) -> None:
    if case.path.suffix == ".csv":
        with tempfile.TemporaryDirectory() as out:
            make_split(case.folder / "pipeline" / "record_list.csv", Path(out) / "meta_split.csv", replica=True)
            assert (Path(out) / "meta_split.csv").read_text() == case.path.read_text()
        return
    arrays = case.arrays()
    for name, stored in arrays.items():
        parts = name.split("_")
        if name == "fractions_points_1000":
            case.same(name, np.cumsum(part_sizes(1000, 0.1, 0.1))[None, :2], stored)
        elif parts[-1] == "split":
            groups = arrays[f"{parts[0]}_{parts[1]}_groups"]
            case.same(name, by_patient(groups, 0.1, 0.1, int(parts[1].removeprefix("rs"))), stored)
        elif parts[-1] != "groups":
            records, seed = int(parts[0][1:]), int(parts[1].removeprefix("seed"))
            case.same(name, by_record(records, float(parts[2][1:]), float(parts[3][1:]), seed), stored)


def clf_labels(case: Case) -> None:
    inputs = case.path.parents[1]
    with tempfile.TemporaryDirectory() as out:
        make_split_tables(inputs / "labels.csv", inputs / "meta_split.csv", Path(out))
        if case.path.suffix == ".npz":
            case.same("y", np.load(Path(out) / "y.npy"), case.arrays()["y"])
        elif case.path.name == "label_def.csv":
            found, stored = read_table(Path(out) / "label_def.csv"), read_table(case.path)
            same_rows(found[0], stored[0])
            same_rows([row["name"] for row in found], [row["name"] for row in stored])
            case.same("numbers", numbers(found), numbers(stored))
        else:
            assert (Path(out) / case.path.name).read_text() == case.path.read_text()


def numbers(rows: list[dict[str, str]]) -> np.ndarray:
    """All columns but the first."""
    return np.array([list(row.values())[1:] for row in rows], float)


ADAPTERS = {"labeler": labeler, "labeler_toy": labeler_toy, "labeler_agreement": labeler_agreement, "labels": labels,
            "split": split, "clf_labels": clf_labels}
