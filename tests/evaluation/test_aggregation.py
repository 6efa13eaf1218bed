import numpy as np
import pytest

from src.errors import UserError
from src.evaluation.aggregation import aggregate
from src.evaluation.predictions import probabilities

ROWS = np.array([4, 4, 4, 7, 2, 2])  # three windows, one, two
STARTS = [0, 3, 4]


def scores(size=6, seed=0):
    return (3 * np.random.default_rng(seed).normal(size=(size, 3))).astype(np.float32)


@pytest.mark.parametrize("kind", ["classes", "multilabel"])
def test_the_mean_is_that_of_the_probabilities(kind):
    raw = scores()
    starts, found = aggregate(kind, raw, ROWS, "mean")
    assert starts.tolist() == STARTS
    chances = probabilities(kind, raw)
    expected = [chances[:3].mean(0), chances[3], chances[4:].mean(0)]
    assert probabilities(kind, found) == pytest.approx(np.stack(expected), abs=1e-6)


def test_the_maximum_of_labels_is_element_wise():
    raw = scores()
    _, found = aggregate("multilabel", raw, ROWS, "max")
    assert np.array_equal(found, np.stack([raw[:3].max(0), raw[3], raw[4:].max(0)]))


def test_the_maximum_of_classes_is_in_proportion_to_their_largest_probabilities():
    raw = scores()
    _, found = aggregate("classes", raw, ROWS, "max")
    largest = probabilities("classes", raw)[:3].max(0)
    assert probabilities("classes", found)[0] == pytest.approx(largest / largest.sum(), abs=1e-6)


def test_certain_windows_stay_finite():
    raw = np.array([[200.0, -200], [200, -200]], np.float32)
    for kind in ("classes", "multilabel"):
        assert np.isfinite(aggregate(kind, raw, np.array([0, 0]), "mean")[1]).all()


def test_values_are_averaged_as_they_are():
    assert aggregate("value", np.array([[1.0], [3.0]], np.float32), np.zeros(2, int), "mean")[1].tolist() == [[2.0]]


def test_records_of_one_window_stay_as_they_are_whatever_their_target():
    raw = np.zeros((2, 3, 5), np.float32)
    assert aggregate("tokens", raw, np.array([0, 1]), "mean")[1] is raw
    with pytest.raises(UserError, match=r"stride_s: several windows .* this target is tokens"):
        aggregate("tokens", raw, np.array([1, 1]), "mean")
