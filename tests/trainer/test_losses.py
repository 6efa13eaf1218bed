"""The objectives by name, against torch's own, and the weights of classes and labels."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from src.data.signal import TargetSpec
from src.errors import UserError
from src.trainer.losses import build_criterion, class_weights

CLASSES, LABELS = TargetSpec("classes", ("x", "y", "z")), TargetSpec("multilabel", ("p", "q"))
SCORES = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.5]])
PAIRS, TRUTH = torch.tensor([[0.5, -2.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize(("target", "scores", "label", "expected"), [
    (CLASSES, SCORES, torch.tensor([0, 2]), functional.cross_entropy(SCORES, torch.tensor([0, 2]))),
    (LABELS, PAIRS, TRUTH, functional.binary_cross_entropy_with_logits(PAIRS, TRUTH)),
    (TargetSpec("value", ("age", "ef")), PAIRS, TRUTH, functional.mse_loss(PAIRS, TRUTH))], ids=["ce", "bce", "mse"])
def test_the_target_gives_the_default_objective(target, scores, label, expected):
    torch.testing.assert_close(build_criterion(None, target)(scores, label), expected)


def test_label_smoothing_reaches_the_cross_entropy():
    label = torch.tensor([0, 2])
    torch.testing.assert_close(build_criterion("ce", CLASSES, 0.2)(SCORES, label),
                               functional.cross_entropy(SCORES, label, label_smoothing=0.2))


@pytest.mark.parametrize(("name", "target", "says"), [
    ("bce", CLASSES, r"--loss bce: does not fit targets of kind classes\n  for these data: --loss ce"),
    ("ce", LABELS, "--loss bce or mse"), ("none", TargetSpec("none"), "does not fit targets of kind none"),
    ("mse", TargetSpec("tokens", ("a",)), "--loss ce")])
def test_an_objective_that_does_not_fit_is_refused_with_those_that_do(name, target, says):
    with pytest.raises(UserError, match=says):
        build_criterion(name, target)


def test_smoothing_and_weights_are_refused_where_they_do_nothing():
    with pytest.raises(UserError, match=r"--label_smoothing 0\.1: holds only with --loss ce; here it is bce"):
        build_criterion("bce", LABELS, 0.1)
    with pytest.raises(UserError, match="--class_weights: holds only with --loss ce or bce; here it is mse"):
        build_criterion("mse", TargetSpec("value", ("age",)), class_weights=torch.ones(1))


def test_rare_classes_weigh_more_and_absent_ones_nothing():
    found = class_weights(torch.tensor([0, 0, 0, 1]), CLASSES)
    torch.testing.assert_close(found, torch.tensor([4 / 9, 4 / 3, 0.0]))


def test_weighted_records_count_alike_in_sum():
    labels = torch.tensor([0] * 6 + [1] * 3 + [2])
    found = class_weights(labels, CLASSES)[labels]
    for kind in range(3):
        assert found[labels == kind].sum().item() == pytest.approx(10 / 3)


def test_labels_weigh_by_negatives_over_positives():
    labels = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(class_weights(labels, LABELS), torch.tensor([1 / 3, 3.0]))


def test_a_label_that_all_or_none_have_keeps_a_finite_weight():
    labels = torch.tensor([[1.0, 0.0]] * 5)
    torch.testing.assert_close(class_weights(labels, LABELS), torch.tensor([1 / 4, 4.0]))


def test_labels_that_are_not_known_weigh_neither_side():
    labels = torch.tensor([[1, 0], [0, float("nan")], [0, float("nan")], [float("nan"), 1], [0, 0]])
    torch.testing.assert_close(class_weights(labels, LABELS), torch.tensor([3.0, 2.0]))
    unknown = torch.full((4, 2), float("nan"))
    assert bool(torch.isfinite(class_weights(unknown, LABELS)).all())
