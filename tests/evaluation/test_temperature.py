import numpy as np
import pytest
from invented import invented

from src.data.signal import TargetSpec
from src.evaluation.calibration import calibration
from src.evaluation.predictions import probabilities
from src.evaluation.temperature import BOUNDS, fit_temperature


@pytest.mark.parametrize("kind", ["classes", "multilabel"])
@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_that_spoilt_honest_logits_is_found(kind, true):
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(8000, 3))
    if kind == "classes":
        labels = (probabilities(kind, logits).cumsum(1) < rng.random((8000, 1))).sum(1)
    else:
        labels = (rng.random(logits.shape) < probabilities(kind, logits)).astype(float)
    found = fit_temperature(kind, labels, true * logits)
    assert found == pytest.approx(true, rel=0.06)
    target = TargetSpec(kind, tuple("abc"))
    assert calibration(target, labels, true * logits / found).ece < 0.02


def test_without_an_error_the_temperature_stays_within_its_bounds():
    labels = np.arange(30) % 3
    assert fit_temperature("classes", labels, np.eye(3)[labels]) >= BOUNDS[0]


def test_values_have_no_temperature():
    assert fit_temperature("value", *invented("value", 2, 10)) is None
