"""Scores of the public ECG benchmarks, against numbers of their own scorers."""

from __future__ import annotations

import numpy as np

from src.evaluation.protocols import cinc2017, cinc2021, cpsc2018, mitbih, ptbxl, tensor_pipeline
from src.evaluation.protocols.beta_scores import at_least_one, beta_scores
from src.evaluation.protocols.confusion import confusion, f1_of
from src.evaluation.thresholds import choose
from tests.golden.folder import Case

YEARS = {26: 2021, 24: 2020}  # scored classes -> challenge


def _numbers(expected: dict) -> dict[str, np.ndarray]:
    """What JSON writes null is NaN."""
    return {name: np.array(value, dtype=np.float64) for name, value in expected.items()}


def cinc_2017(case: Case) -> None:
    order = case.json()["order"]
    for one in case.json()["cases"]:
        places = [np.array([order.index(letter) for letter in one[side]]) for side in ("reference", "answers")]
        counts, expected = confusion(*places, 4), dict(one["expected"])
        case.same("confusion", counts, expected.pop("confusion_rows_reference"))
        found = cinc2017.scores(counts)
        assert set(found) == set(expected)
        for name, value in _numbers(expected).items():
            case.same(name, found[name], value)


def cpsc_2018(case: Case) -> None:
    assert list(case.json()["labels"].values()) == list(cpsc2018.ORDER)
    for one in case.json()["cases"]:
        counts = cpsc2018.confusion_of([[label - 1 for label in row] for row in one["reference"]],
                                       [answer - 1 for answer in one["answers"]])
        found = cpsc2018.scores(counts) | {"Total File Number": float(counts.sum())}
        assert set(found) == set(one["expected"])
        for name, value in _numbers(one["expected"]).items():
            case.same(name, found[name], value)


def mit_bih(case: Case) -> None:
    assert list(case.json()["order"]) == list(mitbih.ORDER)
    for one in case.json()["cases"]:
        places = {name: place for place, name in enumerate(mitbih.ORDER)}
        beats = [places[name] for name in one["classes"] if name is not None]
        counts = confusion(np.array(beats), np.array([places[name] for name in one["predicted"]]), 5)
        case.same("confusion", counts, one["confusion"])
        case.same("accuracy", mitbih.overall_accuracy(counts), one["overall_accuracy"])
        case.same("F1", f1_of(counts), [one["per_class"][name]["F1"] for name in mitbih.ORDER])
        found = mitbih.scores(counts)
        for name, expected in one["per_class"].items():
            for key, value in _numbers(expected).items():
                case.same(f"{key} of {name}", found[name][key], value)


def cinc_2021(case: Case) -> None:
    arrays = case.arrays()
    table = cinc2021.scored(YEARS[len(arrays["class_order"])])
    case.same("weights", table.weights, arrays["weights"])
    assert [set(codes) for codes in table.classes] == [_codes(name, table) for name in arrays["class_order"].tolist()]
    for one in sorted(name.removesuffix("_challenge") for name in arrays if name.endswith("_challenge")):
        labels, said, sure = (arrays[f"{one}_{part}"] for part in ("labels", "outputs", "scores"))
        found = cinc2021.scores(labels, said, sure, table) | {
            "modified_confusion": cinc2021.modified_confusion(labels, said)}
        for name, value in found.items():
            if f"{one}_{name}" in arrays:
                case.same(f"{one} {name}", np.array(value), arrays[f"{one}_{name}"])


def _codes(name: str, table: cinc2021.Scored) -> set[str]:
    """2020 writes the first code of a class alone."""
    return next(set(codes) for codes in table.classes if name.split("|")[0] in codes)


def cinc_2021_text(case: Case) -> None:
    stored, table = case.json(), cinc2021.scored(2021)
    assert table.names == stored["class_order"]
    labels = [cinc2021.gather(np.ones((1, len(row["dx"]))), cinc2021.columns_of(row["dx"], table), 26, "any")[0] > 0
              for row in stored["records"]]
    read = [cinc2021.read_answer(row["classes"], row["binary"], row["scalar"], table) for row in stored["records"]]
    said, sure = (np.stack(part) for part in zip(*read))
    case.same("labels", np.stack(labels).astype(int), stored["labels"])
    case.same("binary", said.astype(int), stored["binary"])
    case.same("scalar", sure, stored["scalar"])
    found = cinc2021.scores(np.stack(labels), said, sure, table)
    for name, value in _numbers(stored["expected"]).items():
        case.same(name, np.array(found[name], dtype=np.float64), value)


def ptb_xl(case: Case) -> None:
    arrays = case.arrays()
    for one in sorted(name.removesuffix("_point") for name in arrays if name.endswith("_point")):
        labels, chances, draws = (arrays[f"{one}_{part}"] for part in ("y", "p", "boot_idx"))
        counts = np.stack([np.bincount(draw, minlength=len(labels)) for draw in draws], 1)
        drawn = ptbxl.auroc_of_draws(labels, chances, counts)[0].mean(0)
        auroc, precision = (part[:, 0] for part in ptbxl.auroc_of_draws(labels, chances, np.ones((len(labels), 1))))
        best = choose("gbeta", labels, chances)
        said = at_least_one(chances, best)
        f_beta, g_beta = beta_scores(labels, said)
        found = {"point": auroc.mean(), "boot_auc": drawn, "summary": ptbxl.summary(float(auroc.mean()), drawn),
                 "auc_per_class": auroc, "ap_per_class": precision, "gbeta_thresholds": best,
                 "youden_thresholds": choose("youden", labels, chances), "binary": said.astype(int),
                 "F_beta2": f_beta, "G_beta2": g_beta}
        for name, value in found.items():
            case.same(f"{one} {name}", value, arrays[f"{one}_{name}"])


def tensor_metrics(case: Case) -> None:
    stored = case.json()
    found = tensor_pipeline.compute_metrics(np.array(stored["y_true"]), np.array(stored["y_pred"]),
                                            stored["label_names"])
    _same_tree(case, "metrics", found, stored["metrics"])


def _same_tree(case: Case, name: str, found, expected) -> None:
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            _same_tree(case, f"{name}/{key}", found[key], expected[key])
    elif isinstance(expected, list) and isinstance(expected[0], dict):
        assert len(found) == len(expected)
        for place, (one, other) in enumerate(zip(found, expected)):
            _same_tree(case, f"{name}/{place}", one, other)
    else:
        case.same(name, found, expected)


ADAPTERS = {"cinc2017": cinc_2017, "cpsc2018": cpsc_2018, "mitbih": mit_bih, "cinc2021/cinc2020.npz": cinc_2021,
            "cinc2021/cinc2021.npz": cinc_2021, "cinc2021/cinc2021_text.json": cinc_2021_text,
            "ptbxl/ptbxl_auc.npz": ptb_xl, "tensor_pipeline/metrics.json": tensor_metrics}
