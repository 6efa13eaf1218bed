"""Labels that are not known (NaN) count in no number, picture or table."""

from __future__ import annotations

import csv
import warnings

import numpy as np
import pytest
from invented import invented, records

from src.data.signal import TargetSpec
from src.evaluation import metrics
from src.evaluation.calibration import calibration
from src.evaluation.chance import chance_level
from src.evaluation.evaluate import Evaluation, evaluate, label_counts
from src.evaluation.failures import cases
from src.evaluation.fitted import fit
from src.evaluation.predictions import Predictions, probabilities
from src.evaluation.protocols.judge import judge
from src.evaluation.ranking import auroc
from src.evaluation.recordings import choose_examples
from src.evaluation.report import say
from src.evaluation.subgroups import judge_groups
from src.evaluation.temperature import fit_temperature
from src.evaluation.thresholds import RULES, choose
from src.evaluation.words import what_was_left_out
from src.evaluation.write import draw, write_predictions

FINDINGS = TargetSpec("multilabel", tuple("abcd"))


def halved(n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of which about half are NaN, scores, and which are known."""
    labels, scores = invented("multilabel", 4, n)
    known = np.random.default_rng(3).random(labels.shape) < 0.5
    known[0] = True
    return np.where(known, labels, np.nan).astype(np.float32), scores, known


def halved_evaluation() -> Evaluation:
    labels, scores, _ = halved()
    return evaluate(Predictions(np.arange(len(labels)), scores, labels, 0.5), FINDINGS, records(labels))


def test_scores_are_those_of_the_known_labels():
    from sklearn import metrics as sk

    labels, scores, known = halved()
    found, said = metrics.compute(FINDINGS, labels, scores), scores > 0
    sides = [(labels[known[:, k], k], scores[known[:, k], k]) for k in range(4)]
    told = known.any(1)
    expected = {"auroc": np.mean([sk.roc_auc_score(*side) for side in sides]),
                "auprc": np.mean([sk.average_precision_score(*side) for side in sides]),
                "f1_macro": np.mean([sk.f1_score(label, score > 0) for label, score in sides]),
                "f1_micro": sk.f1_score(labels[known], said[known]),
                "accuracy": (labels == said)[known].mean(),
                "exact_match": ((labels == said) | ~known).all(1)[told].mean()}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    rows = metrics.per_class(FINDINGS, labels, scores)
    assert [row["support"] for row in rows] == [label.sum() for label, _ in sides]
    assert [row["precision"] for row in rows] == pytest.approx([sk.precision_score(label, score > 0)
                                                                for label, score in sides])


@pytest.mark.parametrize("told", [np.nan, 0.0, 1.0])
def test_a_label_that_is_not_known_of_both_kinds_has_no_value_and_is_left_out(told):
    labels, scores, _ = halved()
    labels[:, 2] = np.where(np.isnan(labels[:, 2]), np.nan, told)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = metrics.per_class(FINDINGS, labels, scores)
        chance = chance_level(FINDINGS, labels)
        found = evaluate(Predictions(np.arange(len(labels)), scores, labels), FINDINGS, records(labels))
    assert np.isnan(rows[2]["auroc"])
    assert found.left_out == metrics.left_out(FINDINGS, labels) == ["c"]
    assert np.isfinite([*found.scores.values(), *chance.values()]).all()
    assert found.scores["auroc"] == pytest.approx(np.mean([rows[k]["auroc"] for k in (0, 1, 3)]))


def test_all_labels_unknown_give_no_values_and_no_trouble():
    labels, scores, _ = halved(30)
    labels[:] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = evaluate(Predictions(np.arange(30), scores, labels), FINDINGS, records(labels))
        assert fit(FINDINGS, found.predictions)["temperature"] is None
    assert np.isnan([found.scores["auroc"], found.scores["accuracy"], found.scores["exact_match"]]).all()
    assert found.calibration is None


def test_weights_of_draws_and_the_fast_area_agree():
    labels, scores, known = halved()
    weights = np.random.default_rng(0).integers(0, 3, (len(labels), 5)).astype(float)
    _, by_class = metrics.weighted(FINDINGS, labels, scores, weights)
    for k in range(4):
        alone = auroc(labels[known[:, k], k], scores[known[:, k], k], weights[known[:, k]])
        np.testing.assert_allclose(auroc(labels[:, k], scores[:, k], weights), alone)
        np.testing.assert_allclose(by_class["auroc"][k], alone)


def test_thresholds_and_temperature_are_fitted_on_the_known_labels():
    labels, scores, known = halved()
    chances = probabilities("multilabel", scores)
    for rule in RULES[1:]:
        alone = [choose(rule, labels[known[:, k], k:k + 1], chances[known[:, k], k:k + 1])[0] for k in range(4)]
        assert choose(rule, labels, chances).tolist() == alone
    one = fit_temperature("multilabel", labels[known][:, None], scores[known][:, None])
    assert fit_temperature("multilabel", labels, scores) == pytest.approx(one)


def test_calibration_is_of_the_known_labels():
    labels, scores, known = halved()
    found = calibration(FINDINGS, labels, scores)
    alone = calibration(TargetSpec("multilabel", ("all",)), labels[known][:, None], scores[known][:, None])
    assert found is not None
    assert alone is not None
    assert (found.ece, found.brier, found.count.sum()) == (pytest.approx(alone.ece), pytest.approx(alone.brier),
                                                           known.sum())


def test_chance_of_the_known_labels_is_what_a_constant_answer_reaches():
    labels = halved()[0]
    found = chance_level(FINDINGS, labels)
    never = metrics.compute(FINDINGS, labels, np.full(labels.shape, -1.0))
    assert found["accuracy"] == pytest.approx(never["accuracy"])
    assert found["exact_match"] == pytest.approx(never["exact_match"])
    always = metrics.compute(FINDINGS, labels, np.ones(labels.shape))
    assert found["f1_macro"] == pytest.approx(always["f1_macro"])
    assert found["f1_weighted"] == pytest.approx(always["f1_weighted"])


def test_intervals_hold_the_score_and_are_wider_than_with_all_labels():
    labels, scores = invented("multilabel", 4, 200)
    whole = evaluate(Predictions(np.arange(200), scores, labels), FINDINGS, records(labels, 200)).interval("auroc")
    halved_labels, _, _ = halved()
    found = evaluate(Predictions(np.arange(200), scores, halved_labels), FINDINGS, records(labels, 200))
    interval = found.interval("auroc")
    assert interval is not None
    assert whole is not None
    assert interval.low < found.scores["auroc"] < interval.high
    assert interval.high - interval.low > whole.high - whole.low


def test_counts_failures_examples_and_words_leave_them_out():
    found = halved_evaluation()
    labels, known = np.asarray(found.predictions.labels), ~np.isnan(np.asarray(found.predictions.labels))
    assert label_counts(found).sum() == known.sum()
    assert all(known[case.place, case.about] for case in cases(found))
    wrong = [example.place for example in choose_examples(FINDINGS, labels, found.predictions.scores)
             if example.why == "wrong"]
    assert ((labels != found.decisions) & known)[wrong].any(1).all()
    assert say(found, np.array([1, np.nan, 0, np.nan])) == "a (not known: b, d)"
    assert f"{(~known).sum()} of 800 labels are not known" in what_was_left_out(found)
    assert {"roc", "confusion", "reliability"} <= set(draw(found, []))


def test_the_table_of_predictions_says_what_is_not_known(tmp_path):
    found = halved_evaluation()
    write_predictions(found, tmp_path / "predictions.csv")
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    labels = np.asarray(found.predictions.labels)
    for row, label in zip(rows, labels):
        assert row["label"] == ";".join(np.array(FINDINGS.names)[label == 1])
        assert row["unknown"] == ";".join(np.array(FINDINGS.names)[np.isnan(label)])


def test_groups_are_compared_by_labels_known_in_both():
    found = halved_evaluation()
    labels = np.asarray(found.predictions.labels)
    sex = np.where(np.arange(len(labels)) % 2, "F", "M")
    labels[sex == "F", 1] = np.nan
    groups = judge_groups(found, {"sex": sex})
    assert [group.classes for group in groups] == [3, 3]
    assert all(np.isfinite(group.value) for group in groups)  # type: ignore[arg-type]


def test_a_protocol_that_asks_for_all_labels_is_not_computed():
    section = judge("ptbxl", halved_evaluation(), {})
    assert section is not None
    assert "some labels are not known" in section.text
