import numpy as np
import pytest

from src.evaluation.predictions import Predictions, decide, probabilities


def test_sorting_keeps_scores_and_labels_with_their_rows():
    found = Predictions(np.array([5, 1, 3]), np.array([[5.0], [1], [3]]), np.array([5, 1, 3]), 0.2).sorted()
    assert found.rows.tolist() == found.labels.tolist() == found.scores[:, 0].tolist() == [1, 3, 5]
    assert found.loss == 0.2
    assert Predictions(np.array([1, 0]), np.zeros((2, 1))).sorted().labels is None


def test_probabilities_of_extreme_logits_are_finite():
    scores = np.array([[1e4, -1e4], [0, 0]], np.float32)
    assert probabilities("classes", scores) == pytest.approx(np.array([[1, 0], [0.5, 0.5]]))
    assert probabilities("multilabel", scores) == pytest.approx(np.array([[1, 0], [0.5, 0.5]]))


def test_decisions_follow_the_kind_of_target():
    scores = np.array([[2.0, 1.0], [-1.0, 0.0]])
    assert decide("classes", scores).tolist() == [0, 1]
    assert decide("multilabel", scores).tolist() == [[1, 1], [0, 1]]
    assert decide("multilabel", scores, 0.8).tolist() == [[1, 0], [0, 0]]
    assert decide("value", scores) is scores
