"""The lead-I pipeline: 10 s files, the build, the objective, the evaluation; fairseq-signals' own preparation."""

from __future__ import annotations

import csv
import json
import math
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch

from src.data.dataset import Records
from src.data.leads import in_order
from src.data.readers.mat import read_mat
from src.data.signal import Recording, TargetSpec
from src.evaluation.predictions import Predictions, probabilities
from src.interop.layouts.ecgfm import NAME, README, SEGMENT, Tree, largest_of, saved_name, study_of
from src.interop.mat_files import write_mat
from src.pipelines import ecgfm_signals as signals
from src.pipelines.ecgfm_build import build_stage
from src.pipelines.ecgfm_eval import per_record, scores_table
from src.trainer.losses import build_criterion
from tests.golden.adapters.ecgfm_labels import label_tables, read_table, same_rows
from tests.golden.folder import Case

LABEL_FILES = ("labels.csv", "label_def_recomputed.csv", "pos_weight.txt", "study_id_mapping.csv")
ORIGINAL = signals.originals(signals.SignalOptions())
RATES = (400, 500, 1000, 257)


# ------------------------------------------------------------------------------------------------ preprocess
def preprocess(case: Case) -> None:
    if case.path.suffix == ".json":  # it describes the arrays beside it
        return
    if case.path.stem == "fairseq_preprocess":
        fairseq_preprocess(case)
        return
    arrays, kinds = case.arrays(), json.loads(case.path.with_suffix(".json").read_text())
    for kind in kinds:
        if kind.get("expected") == "skipped":
            continue
        key = kind["key"]
        lead = np.where(arrays[f"{key}_adc"] == kind["nan_code"], np.nan, arrays[f"{key}_adc"] / kind["gain"])
        recording = Recording(key, lead.astype(np.float32)[None], kind["fs"], ("I",), "mV")
        if f"{key}_resampled" in arrays:
            case.same(f"{key} resampled", signals.at_rate(recording.signal.astype(float), kind["fs"])[0],
                      arrays[f"{key}_resampled"])
        found = signals.ten_seconds(recording, (1,), ORIGINAL)
        case.same(key, found.feats, np.tile(arrays[f"{key}_feats"], (12, 1)))
        assert found.feats.shape[1] // SEGMENT == kind["n_segments_5s"]
        stored = signals.as_record(found, int(key[1:]), recording, replica=True)
        assert {name: value.dtype.name for name, value in stored.items()} == kind["mat_dtypes"]


def fairseq_preprocess(case: Case) -> None:
    """Flat leads under its strategy `nan` are what noise divided by nothing gives; ours are NaN."""
    arrays = case.arrays()
    for rate in RATES:
        raw, key = arrays[f"fs{rate}_raw"], f"fs{rate}"
        resampled = signals.at_rate(raw, rate)
        mean, deviation = signals.statistics(resampled)
        for name, found in (("resampled", resampled), ("mean", mean), ("sd", deviation),
                            ("std_zero", signals.standardised(resampled, "zero")),
                            ("std_constant", signals.standardised(resampled, "constant"))):
            case.same(f"{key}_{name}", found, arrays[f"{key}_{name}"])
        stored = arrays[f"{key}_std_nan"]
        case.same(f"{key}_std_nan", signals.standardised(resampled, "nan"),
                  np.where(np.isfinite(stored), stored, np.nan))


def resample_standardize(case: Case) -> None:
    arrays = case.arrays()
    feats = arrays["input/feats"]
    order = case.hyper["lead_order"]
    shuffled = Recording("x", feats, 500, tuple(order[place] for place in (3, 0, 1, 2)), "mV")
    found = {"resample_250_500": signals.linear(feats, 250, 500), "resample_500_400": signals.linear(feats, 500, 400),
             "standardized_zero": signals.standardised(feats), "std": signals.statistics(feats)[1],
             "standardized_constant": signals.standardised(feats, "constant"),
             "reordered_from_V6_I_II_V1": in_order(shuffled, order, derive=False).signal,
             "segments_of_50": np.stack([feats[:, first:first + 50] for first in (0, 50)])}
    assert {name.removeprefix("output/") for name in arrays if name.startswith("output/")} == set(found)
    for name, value in found.items():
        case.same(name, value, arrays[f"output/{name}"])


# ------------------------------------------------------------------------------------------------ build
@cache
def built(folder: Path) -> dict[str, object]:
    """What the build makes of the stored labels and of 10 s files of the stored lengths."""
    stored = folder / "pipeline" / "expected"
    with tempfile.TemporaryDirectory() as place:
        tree = Tree(Path(place))
        for target, names in ((tree.base / "labels/computed_labels", LABEL_FILES),
                              (tree.base / "split/data", ("meta_split.csv",))):
            target.mkdir(parents=True)
            for name in names:
                shutil.copy(stored / name, target)
        tree.mats.mkdir(parents=True)
        for row in read_table(folder / "pipeline" / "waves_kinds.csv"):
            if int(row["n_samples_mat"]):
                write_mat(tree.mats / saved_name(int(row["study_id"])), {
                    "feats": np.zeros((12, int(row["n_samples_mat"])), np.float32),
                    "curr_sample_rate": np.array([[500.0]])})
        build_stage(tree, replica=True, workers=0)
        texts = {path.name: path.read_text().replace(str(tree.segments.resolve()), "<ROOT>")
                 for path in (*tree.manifests.glob("*.tsv"), *tree.test.glob("*.csv"))}
        return {**texts, "segments": _segments(tree), "test_study_id_mapping.csv": texts["study_id_mapping.csv"],
                "manifest_y": np.load(tree.manifests / "y.npy"),
                "original_idx_order": np.load(tree.manifests / "original_idx_order.npy")}


def _segments(tree: Tree) -> list[dict[str, str]]:
    rows = []
    for part in ("train", "valid", "test"):
        for line in (tree.manifests / f"{part}.tsv").read_text().splitlines()[1:]:
            name = line.partition("\t")[0]
            path, feats = tree.segments / name, read_mat(tree.segments / name, "feats")
            numbers = {key: str(int(read_mat(path, key)[0, 0])) for key in ("idx", "original_idx")}
            rows.append({"split": part, "file": name, **numbers, "n_samples": str(feats.shape[1]),
                         "dtype": feats.dtype.name})
    return rows


def build(case: Case) -> None:
    made = built(case.folder)
    if case.path.name == "segments.csv":
        same_rows(made["segments"], read_table(case.path))  # type: ignore[arg-type]
    elif case.path.name == "arrays.npz":
        arrays = case.arrays()
        for name in ("manifest_y", "original_idx_order"):
            case.same(name, made[name], arrays[name])
        if (case.folder / "labeler_config").is_dir():
            tables = label_tables(case.folder)
            for name in ("y", "y_soft"):
                case.same(name, _array(tables[f"{name}.npy"]), arrays[f"labels_{name}"])
    else:
        assert made[case.path.name] == case.path.read_text()


def _array(data: bytes) -> np.ndarray:
    with tempfile.TemporaryFile() as stream:
        stream.write(data)
        stream.seek(0)
        return np.load(stream, allow_pickle=False)


# ------------------------------------------------------------------------------------------------ training, evaluation
def criterion(case: Case) -> None:
    """The original's sums, and its loss in bits per element, from our mean."""
    arrays = case.arrays()
    target = TargetSpec("multilabel", tuple(f"label_{k}" for k in range(arrays["logits"].shape[1])))
    logits, label = torch.tensor(arrays["logits"], requires_grad=True), torch.tensor(arrays["target"])
    size = int(arrays["sample_size"])
    loss = build_criterion("bce", target, pos_weight=[str(weight) for weight in arrays["pos_weight"]])(logits, label)
    (loss * size).backward()
    case.same("loss_sum", (loss * size).detach(), arrays["loss_sum"])
    case.same("loss_sum_nopw", build_criterion("bce", target)(logits, label) * size, arrays["loss_sum_nopw"])
    case.same("logged_loss", float(loss.detach()) / math.log(2), arrays["logged_loss"])
    case.same("grad", logits.grad, arrays["grad"])
    found = probabilities("multilabel", arrays["logits"])
    micro = scores_table(target.names, arrays["target"], found, NAME)["__micro__"]
    for name in ("accuracy", "precision", "recall", "auroc", "auprc"):
        case.same(name, micro[name], arrays[name])
    case.same("em_accuracy", ((found > 0.5) == (arrays["target"] > 0)).all(1).mean(), arrays["em_accuracy"])


def evaluation(case: Case) -> None:
    if case.path.stem == "eval_transform":
        eval_transform(case)
        return
    with np.load(case.path.parent / "eval.npz", allow_pickle=False) as stored:
        arrays = dict(stored)
    names = arrays["label_names"].tolist()
    if case.path.suffix == ".json":
        methods = case.json()
        for layout, revision in ((NAME, "head"), (README, "readme")):
            assert methods[revision] == {name: "max" if name in largest_of(layout) else "mean" for name in names}
        return
    for layout, revision in ((NAME, "head"), (README, "readme")):
        found = _aggregated(arrays, names, layout)
        if case.path.suffix == ".npz":
            case.same(f"agg_{revision}", found, arrays[f"agg_{revision}"])
        elif case.path.stem == f"metrics_{revision}":
            same_scores(case, scores_table(names, arrays["y_true"], found, layout))


def _aggregated(arrays: dict[str, np.ndarray], names: list[str], layout: str) -> np.ndarray:
    segment = np.array([f"{saved_name(study).removesuffix('.mat')}_{k}"
                        for k, study in enumerate(arrays["segment_study_id"].tolist())])
    rows = np.arange(len(segment))
    records = Records(segment, segment, rows, segment, rows)
    found = per_record(Predictions(rows, arrays["segment_logits"]), records, names, layout)
    of = dict(zip([study_of(name) for name in segment[found.rows]], probabilities("multilabel", found.scores)))
    return np.stack([of[study] for study in arrays["study_id"].tolist()])


def same_scores(case: Case, found: dict[str, dict[str, float]]) -> None:
    with case.path.open(newline="", encoding="utf-8") as stream:
        stored = list(csv.DictReader(stream))
    assert [row.pop("label") for row in stored] == list(found)
    for name, row, expected in zip(found, found.values(), stored):
        assert list(row) == list(expected)
        case.same(name, np.array(list(row.values()), float),
                  np.array([float(cell) if cell else np.nan for cell in expected.values()]))


def eval_transform(case: Case) -> None:
    """Standardising with 1e-8 beside the deviation, as the original does here, is within the tolerance."""
    arrays = case.arrays()
    for name in ("a", "b", "c"):
        signal = signals.at_rate(arrays[f"{name}_x3"].astype(float), float(arrays[f"{name}_fs"]))
        scaled = signals.standardised(signal)
        pieces = [scaled[:, first:first + SEGMENT] for first in range(0, scaled.shape[1] - SEGMENT + 1, SEGMENT)]
        case.same(name, np.stack(pieces), arrays[f"{name}_out3"])


ADAPTERS = {"preprocess": preprocess, "build": build, "criterion": criterion, "eval": evaluation,
            "scripts preprocess": resample_standardize}
