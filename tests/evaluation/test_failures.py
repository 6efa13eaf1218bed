from __future__ import annotations

import numpy as np

from src.data.signal import TargetSpec
from src.evaluation.evaluate import evaluate
from src.evaluation.failures import cases, examples, worst
from src.evaluation.fitted import Fitted
from src.evaluation.predictions import Predictions
from tests.evaluation.invented import records


def logit(chances):
    chances = np.array(chances, np.float32)
    return np.log(chances / (1 - chances))


def of_labels(thresholds=None):
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 0]], np.float32)
    chances = [[0.9, 0.2], [0.1, 0.3], [0.8, 0.6], [0.3, 0.7]]
    target = TargetSpec("multilabel", ("AF", "PVC"))
    fitted = None if thresholds is None else Fitted("f1", np.array(thresholds), None, 4)
    return evaluate(Predictions(np.arange(4), logit(chances), labels), target, records(labels), fitted)


def of_classes():
    labels = np.array([0, 0, 1, 1])
    scores = np.log(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.1, 0.9]], np.float32))
    return evaluate(Predictions(np.arange(4), scores, labels), TargetSpec("classes", ("no", "yes")), records(labels))


def test_labels_are_right_missed_or_false_alarms_and_absent_ones_are_no_case():
    found = {(case.place, case.about): case.kind for case in cases(of_labels())}
    assert found == {(0, 0): "right", (1, 0): "missed", (2, 0): "false alarm", (2, 1): "right", (3, 1): "false alarm"}


def test_the_threshold_decides_and_says_how_sure_an_answer_is():
    found = cases(of_labels(thresholds=(0.5, 0.65)))
    assert {(case.place, case.about): case.kind for case in found}[2, 1] == "missed"
    assert [(case.place, case.about) for case in found if not case.is_right] == [(1, 0), (2, 0), (3, 1), (2, 1)]


def test_a_wrong_class_is_about_what_was_said():
    found = [(case.place, case.about, case.kind) for case in cases(of_classes()) if not case.is_right]
    assert found == [(1, 1, "mistaken"), (2, 0, "mistaken")]


def test_the_gallery_holds_the_most_confident_errors_one_per_record():
    assert [case.place for case in worst(of_labels(), 2)] == [1, 2]
    assert [case.place for case in worst(of_classes(), 5)] == [1, 2]


def test_examples_are_right_and_wrong_ones_of_every_class():
    found = [(case.about, case.is_right, case.place) for case in examples(of_labels(), 1)]
    assert found == [(0, True, 0), (0, False, 1), (1, True, 2), (1, False, 3)]


def test_values_and_unlabelled_records_have_no_cases():
    scores = np.zeros((3, 1), np.float32)
    table = records(np.zeros(3, int))
    assert cases(evaluate(Predictions(np.arange(3), scores), TargetSpec("classes", ("a",)), table)) == []
