import numpy as np
import pytest
import torch
from invented import invented, records

from src.data.signal import TargetSpec
from src.errors import UserError
from src.evaluation.evaluate import evaluate
from src.evaluation.fitted import FITTED, Fitted, fit, stored
from src.evaluation.predictions import Predictions, probabilities

LABELS = TargetSpec("multilabel", ("a", "b", "c"))


def predictions(kind: str, n: int = 120, seed: int = 0) -> Predictions:
    labels, scores = invented(kind, 3, n, seed)
    return Predictions(np.arange(n), scores, labels)


def test_what_is_fitted_passes_through_a_file_that_holds_plain_values_alone(tmp_path):
    fitted = fit(LABELS, predictions("multilabel"))
    torch.save(fitted, tmp_path / "x.pth")
    state = torch.load(tmp_path / "x.pth", weights_only=True)
    assert set(state) == set(FITTED)
    found = stored(state, "f1")
    assert found.records == 120
    assert found.thresholds is not None
    assert found.thresholds.tolist() == fitted["thresholds"]["f1"]
    assert stored(state, "half").thresholds is None


def test_one_class_of_many_has_a_temperature_and_no_thresholds():
    state = fit(TargetSpec("classes", ("a", "b", "c")), predictions("classes"))
    assert state["temperature"] > 0
    with pytest.raises(UserError, match="carry no thresholds"):
        stored(state, "f1")


def test_where_there_is_nothing_to_fit_nothing_is():
    assert fit(TargetSpec("value", ("a", "b", "c")), predictions("value")) == {}
    assert fit(LABELS, Predictions(np.arange(3), np.zeros((3, 3)))) == {}
    broken = predictions("multilabel")
    broken.scores[0, 0] = np.nan
    assert fit(LABELS, broken) == {}
    assert stored({}, "half") == Fitted()


def test_decisions_follow_the_thresholds_and_the_probabilities_stay():
    found, test = fit(LABELS, predictions("multilabel", seed=1)), predictions("multilabel")
    judged = stored(found, "youden")
    evaluation = evaluate(test, LABELS, records(test.labels), judged)
    plain = evaluate(test, LABELS, records(test.labels))
    said = probabilities("multilabel", test.scores) >= judged.thresholds
    assert np.array_equal(evaluation.decisions, said)
    assert evaluation.scores["auroc"] == plain.scores["auroc"]
    assert evaluation.scores["f1_macro"] != plain.scores["f1_macro"]
    assert [row["threshold"] for row in evaluation.by_class] == judged.thresholds.tolist()
    assert evaluation.scaled is not None
    assert evaluation.scaled.ece != evaluation.calibration.ece
