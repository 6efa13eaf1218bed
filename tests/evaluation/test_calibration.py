import numpy as np
import pytest
from invented import invented

from src.data.signal import TargetSpec
from src.evaluation.calibration import calibration
from src.evaluation.predictions import probabilities


def test_probabilities_that_are_meant_are_calibrated_and_sharpened_ones_are_not():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 3)) * 2
    labels = (probabilities("classes", logits).cumsum(1) < rng.random((20_000, 1))).sum(1)
    target = TargetSpec("classes", tuple("abc"))
    honest, sharpened = calibration(target, labels, logits), calibration(target, labels, 4 * logits)
    assert honest.ece < 0.02 < 0.15 < sharpened.ece
    assert honest.brier < sharpened.brier
    assert honest.count.sum() == 20_000


def test_bins_and_brier_of_labels_equal_scikit_learn():
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss

    labels, scores = invented("multilabel", 3, 500)
    found = calibration(TargetSpec("multilabel", tuple("abc")), labels, scores)
    chances = probabilities("multilabel", scores).ravel()
    observed, confidence = calibration_curve(labels.ravel(), chances, n_bins=10)
    assert found.observed[found.count > 0] == pytest.approx(observed)
    assert found.confidence[found.count > 0] == pytest.approx(confidence)
    assert found.brier == pytest.approx(brier_score_loss(labels.ravel(), chances))


def test_values_have_no_calibration():
    assert calibration(TargetSpec("value", ("age",)), np.ones((2, 1)), np.ones((2, 1))) is None
