from __future__ import annotations

import numpy as np
import pytest

from src.evaluation.duin_report import logged_cross_entropy, reported_epoch


def test_the_first_best_epoch_is_reported_whatever_the_test_set_says():
    valid, test = np.array([[0.1], [0.5], [0.50001], [0.2]]), np.array([[0.9], [0.3], [0.4], [0.0]])
    assert reported_epoch(valid, test).tolist() == [1]
    assert reported_epoch(valid, test, replica=True).tolist() == [2]


def test_each_subject_has_an_epoch_of_its_own():
    assert reported_epoch(np.array([[0.1, 0.6], [0.5, 0.2]]), np.zeros((2, 2))).tolist() == [1, 0]


def test_scaling_the_predictions_does_not_change_the_logged_loss():
    predicted, target = np.array([[0.2, 0.6, 0.2], [0.5, 0.25, 0.25]]), np.eye(3)[[1, 0]]
    assert logged_cross_entropy(predicted, target) == pytest.approx(-(np.log(0.6) + np.log(0.5)) / 2)
    assert logged_cross_entropy(3 * predicted, target) == pytest.approx(logged_cross_entropy(predicted, target))
