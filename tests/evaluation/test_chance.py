import numpy as np
import pytest
from invented import invented

from src.data.signal import TargetSpec
from src.evaluation.chance import chance_level
from src.evaluation.metrics import compute, names


def test_chance_of_classes_is_what_the_most_frequent_class_scores():
    target, labels = TargetSpec("classes", tuple("abc")), np.array([0] * 6 + [1] * 3 + [2])
    constant = compute(target, labels, np.eye(3)[np.zeros(10, int)])
    assert chance_level(target, labels) == pytest.approx(constant)


def test_chance_of_labels_is_what_constant_answers_score():
    target, (labels, _) = TargetSpec("multilabel", tuple("abc")), invented("multilabel", 3, 100)
    chance = chance_level(target, labels)
    always, never = compute(target, labels, np.ones((100, 3))), compute(target, labels, -np.ones((100, 3)))
    for name in ("f1_macro", "f1_micro", "f1_weighted", "auroc", "auprc"):
        assert chance[name] == pytest.approx(always[name])
    assert chance["accuracy"] == pytest.approx(never["accuracy"])  # all labels are rarer than one half
    assert chance["exact_match"] >= never["exact_match"]


def test_chance_of_values_is_the_mean_and_the_median():
    target, (labels, _) = TargetSpec("value", ("age",)), invented("value", 1, 100)
    assert chance_level(target, labels)["rmse"] == pytest.approx(labels.std())
    assert chance_level(target, labels)["mae"] <= np.abs(labels - labels.mean()).mean()


@pytest.mark.parametrize("kind", ["classes", "multilabel", "value", "tokens", "samples", "signal"])
def test_chance_is_given_for_every_metric_of_a_target(kind):
    labels = {"multilabel": np.eye(2), "value": np.ones((2, 2)), "signal": np.zeros((2, 5))}.get(kind, np.array([0, 1]))
    target = TargetSpec(kind, ("a", "b"))
    assert set(chance_level(target, labels)) == set(names(target))
