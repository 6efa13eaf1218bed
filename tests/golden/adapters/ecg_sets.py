"""Labels of public ECG sets: statements to tasks, codes to classes, symbols to beats, paths to rows of a mapping."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from src.data.sets import cinc2021, mitbih, ptbxl, unified
from src.data.sets.snomed import scored_classes
from tests.golden.folder import Case

TASKS = {"diagnostic": "diag", "subdiagnostic": "sub", "superdiagnostic": "super"}


def multi_hot(labels: Sequence[Sequence[str]], classes: Sequence[str]) -> np.ndarray:
    return np.array([[int(name in names) for name in classes] for names in labels])


def label_aggregation(case: Case) -> None:
    stored = case.json()
    with (case.path.parent / "scp_statements_min.csv").open() as table:
        statements = {row[""]: row for row in csv.DictReader(table)}
    codes = [ptbxl.parse_codes(str(record["scp_codes"]), str(record["ecg_id"])) for record in stored["records"]]
    for name, task in stored["tasks"].items():
        labels = ptbxl.task_labels(codes, statements, TASKS.get(name, name))
        kept = [(record, names) for record, names in zip(stored["records"], labels) if names]
        case.same(f"{name} classes", ptbxl.classes_of(labels), task["classes"])
        case.same(f"{name} records", [record["ecg_id"] for record, _ in kept], task["ecg_id"])
        case.same(f"{name} labels", multi_hot([names for _, names in kept], task["classes"]), task["y"])
        parts = [ptbxl.FOLDS.get(str(record["strat_fold"]), "train") for record, _ in kept]
        counts = [parts.count(part) for part in ("train", "valid", "test")]
        case.same(f"{name} parts", counts, [task["n_train"], task["n_val"], task["n_test"]])


def cinc2021_labels(case: Case) -> None:
    stored, classes = case.json(), scored_classes(2021)
    case.same("classes", ["|".join(codes) for codes in classes.values()], stored["class_order"])
    codes = {record["record"]: cinc2021.diagnosis_codes(",".join(record["dx"])) for record in stored["records"]}
    names, labels = cinc2021.label(codes, cinc2021.Options())
    case.same("labels", multi_hot([labels[record["record"]] for record in stored["records"]], names), stored["labels"])


def beats(case: Case) -> None:
    stored = case.json()
    assert stored["mapping"] == mitbih.CLASS_OF
    assert not set(stored["ignored_symbols"]) & set(mitbih.CLASS_OF)
    assert "".join(mitbih.AAMI) == stored["order"]
    for name, numbers in (("DS1", mitbih.DS1), ("DS2", mitbih.DS2), ("paced_excluded", mitbih.PACED)):
        case.same(name, numbers, stored[name])
    for each in stored["cases"]:
        assert mitbih.aami_classes(each["symbols"]) == each["classes"]


def path_variants(case: Case) -> None:
    for path, stored in case.json().items():
        assert sorted(unified.path_variants(path)) == sorted(stored), path


def sanitize(case: Case) -> None:
    for path, stored in case.json().items():
        assert unified.sanitize(path) == stored, path


def mapping(case: Case) -> None:
    """The records of a tree, in order, and their labels; the tree's files may be empty, since only names count."""
    stored, tree = case.json(), case.json(str(case.path.parent.relative_to(case.folder) / "tree.json"))
    with TemporaryDirectory() as folder:
        for name in (*tree["files"], *tree["broken"]):
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        options = unified.Options(str(case.path.parent / "unified_label_mapping.csv"))
        found = [record for record in unified.find(Path(folder), options).records if record.path not in tree["broken"]]
    parts = [item for part in ("train", "val", "test") for item in stored["splits"][part]]
    ours = {f"records/{record.name}.npz": record.labels[0] for record in found}
    assert ours == {item["path"]: item["mapped_label"] for item in parts}
    case.same("labels", [unified.CLASSES.index(record.labels[0]) for record in found], stored["labels"])


ADAPTERS = {"ptbxl/label_aggregation.json": label_aggregation, "cinc2021/cinc2021_text.json": cinc2021_labels,
            "mitbih/mitbih.json": beats, "tensor_pipeline/path_variants.json": path_variants,
            "tensor_pipeline/sanitize.json": sanitize, "tensor_pipeline/expected.json": mapping}
