import warnings

import numpy as np
import pytest
import torch
from invented import invented

from src.data.signal import TargetSpec
from src.errors import UserError
from src.evaluation import metrics
from src.evaluation.predictions import probabilities
from src.evaluation.summaries import summarize_tokens

WORDS = TargetSpec("classes", tuple("abcde"))
FINDINGS = TargetSpec("multilabel", tuple("abcde"))


def test_scores_of_classes_equal_scikit_learn():
    from sklearn import metrics as sk

    labels, scores = invented("classes", 5, 300)
    found, said, chances = metrics.compute(WORDS, labels, scores), scores.argmax(1), probabilities("classes", scores)
    expected = {"accuracy": sk.accuracy_score(labels, said),
                "balanced_accuracy": sk.balanced_accuracy_score(labels, said),
                "auroc": sk.roc_auc_score(labels, chances, multi_class="ovr"),
                "auprc": sk.average_precision_score(np.eye(5)[labels], chances)}
    expected |= {f"f1_{how}": sk.f1_score(labels, said, average=how) for how in ("macro", "micro", "weighted")}
    assert found == pytest.approx(expected, abs=1e-12)
    assert tuple(found) == metrics.names(WORDS)


def test_scores_of_labels_equal_scikit_learn_also_with_ties_and_thresholds():
    from sklearn import metrics as sk

    labels, scores = invented("multilabel", 5, 300)
    scores = np.round(scores, 1)
    thresholds = [0.3, 0.4, 0.5, 0.6, 0.7]
    found = metrics.compute(FINDINGS, labels, scores, thresholds)
    said = probabilities("multilabel", scores) >= thresholds
    expected = {"auroc": sk.roc_auc_score(labels, scores), "auprc": sk.average_precision_score(labels, scores),
                "accuracy": np.mean(said == labels), "exact_match": sk.accuracy_score(labels, said)}
    expected |= {f"f1_{how}": sk.f1_score(labels, said, average=how) for how in ("macro", "micro", "weighted")}
    assert found == pytest.approx(expected, abs=1e-12)


def test_scores_of_values_equal_scikit_learn():
    from sklearn import metrics as sk

    labels, scores = invented("value", 2, 200)
    labels, scores = labels + 1000, scores + 1000
    found = metrics.compute(TargetSpec("value", ("age", "rate")), labels, scores)
    expected = {"mae": sk.mean_absolute_error(labels, scores), "rmse": sk.root_mean_squared_error(labels, scores),
                "r2": sk.r2_score(labels, scores),
                "pearson": np.mean([np.corrcoef(labels[:, k], scores[:, k])[0, 1] for k in range(2)])}
    assert found == pytest.approx(expected, rel=1e-4)


def test_tokens_and_samples_are_counted_without_the_ignored_ones():
    labels = np.array([[0, 1, -100], [2, 2, 1]])
    logits = np.eye(3)[[[0, 1, 2], [2, 0, 1]]]
    summaries = summarize_tokens(torch.from_numpy(logits), torch.from_numpy(labels)).numpy()
    tokens = metrics.compute(TargetSpec("tokens", tuple("abc")), labels, summaries)
    samples = metrics.compute(TargetSpec("samples", tuple("abc")), labels, logits.transpose(0, 2, 1))
    assert tokens["accuracy"] == pytest.approx(4 / 5)
    assert {name: tokens[name] for name in samples.keys() & tokens.keys()} == \
        {name: samples[name] for name in samples.keys() & tokens.keys()}


def test_per_class_equals_scikit_learn():
    from sklearn.metrics import precision_recall_fscore_support

    labels, scores = invented("classes", 5, 200)
    rows = metrics.per_class(WORDS, labels, scores)
    expected = np.array(precision_recall_fscore_support(labels, scores.argmax(1))).T
    assert [[row[key] for key in ("precision", "recall", "f1", "support")] for row in rows] == pytest.approx(expected)
    assert [row["name"] for row in rows] == list("abcde")


def test_one_class_only_gives_accuracy_and_no_auroc_without_a_warning():
    labels, scores = np.zeros(20, np.int64), invented("classes", 5, 20)[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = metrics.compute(WORDS, labels, scores)
    assert found["accuracy"] == np.mean(scores.argmax(1) == 0)
    assert np.isnan(found["auroc"])
    assert metrics.left_out(WORDS, labels) == list("abcde")


def test_a_class_that_is_absent_is_left_out_of_macro_auroc():
    labels, scores = invented("classes", 4, 200)
    names = TargetSpec("classes", tuple("abcde"))
    wider = np.hstack([scores, np.full((200, 1), -50.0, np.float32)])
    assert metrics.left_out(names, labels) == ["e"]
    assert metrics.compute(names, labels, wider)["auroc"] == pytest.approx(
        metrics.compute(TargetSpec("classes", tuple("abcd")), labels, scores)["auroc"])


@pytest.mark.parametrize(("labels", "scores", "message"), [
    (np.zeros(3, int), np.array([[0, 0.0]] * 2 + [[np.nan, 0]]), "1 of 3 predictions are not finite .*number 2"),
    (np.array([0, 1, 2]), np.zeros((3, 2)), "label 2.*0..1"),
    (np.zeros(3, int), np.zeros((3, 4)), "4 outputs, the target has 2"),
    (np.zeros(2, int), np.zeros((3, 2)), "2 labels for 3 predictions"),
    (np.zeros(0, int), np.zeros((0, 2)), "0 labels for 0 predictions"),
])
def test_unusable_predictions_are_refused_with_what_was_found(labels, scores, message):
    with pytest.raises(UserError, match=message):
        metrics.compute(TargetSpec("classes", ("a", "b")), labels, scores)


def test_labels_other_than_0_and_1_and_thresholds_that_do_not_fit_are_refused():
    labels, scores = invented("multilabel", 5, 10)
    with pytest.raises(UserError, match="not 0 or 1"):
        metrics.compute(FINDINGS, labels * 2, scores)
    with pytest.raises(UserError, match="2 thresholds for 5 labels"):
        metrics.compute(FINDINGS, labels, scores, [0.5, 0.5])


def test_every_metric_has_a_direction_and_unknown_ones_are_named():
    kinds = ("classes", "multilabel", "value", "tokens", "samples", "signal")
    every = {name for kind in kinds for name in metrics.names(TargetSpec(kind, ("a",)))}
    assert {metrics.direction(name) for name in every} == {"min", "max"}
    assert [metrics.direction(name) for name in ("val_loss", "auroc", "mae")] == ["min", "max", "min"]
    with pytest.raises(UserError, match="did you mean accuracy"):
        metrics.direction("acuracy")


def test_targets_without_metrics_give_none():
    assert metrics.compute(TargetSpec("embedding"), np.zeros(3), np.zeros((3, 1))) == {}


def test_confident_logits_keep_their_order():
    """A float32 softmax would round all three to 1 and tie them."""
    scores = np.array([[40.0, 0], [50.0, 0], [30.0, 0], [20.0, 0]], np.float32)
    assert metrics.compute(TargetSpec("classes", ("a", "b")), np.array([0, 0, 1, 1]), scores)["auroc"] == 1.0
