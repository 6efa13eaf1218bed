"""The pure scores are held to stored numbers by tests/golden; here is what stands around them."""

from __future__ import annotations

import numpy as np
import pytest

from src.data.dataset import Records
from src.data.signal import TargetSpec
from src.errors import UserError
from src.evaluation.evaluate import Evaluation
from src.evaluation.fitted import Fitted
from src.evaluation.predictions import Predictions
from src.evaluation.protocols import cinc2021, ptbxl
from src.evaluation.protocols.confusion import f1_of, places
from src.evaluation.protocols.judge import PROTOCOLS, judge


def judged(kind, names, labels, scores, thresholds=None):
    """An evaluation without its slow parts."""
    labels, n = np.asarray(labels), len(labels)
    empty = np.full(n, "")
    records = Records(np.arange(n).astype(str), empty, labels, empty, np.ones(n))
    return Evaluation(TargetSpec(kind, tuple(names)), Predictions(np.arange(n), np.asarray(scores, np.float32), labels),
                      records, Fitted(thresholds=thresholds), {}, {}, [], [])


def of_answers(names, labels, answers):
    return judged("classes", names, labels, np.eye(len(names))[answers])


def test_the_order_and_spelling_of_names_do_not_matter_to_a_protocol():
    labels, answers = np.array([0, 0, 1, 2, 3, 3, 2]), np.array([0, 1, 1, 2, 3, 0, 2])
    first = judge("cinc2017", of_answers(("N", "A", "O", "~"), labels, answers), {})
    turned = np.array([2, 0, 3, 1])  # N is now the third
    other = judge("cinc2017", of_answers(("af", "Noisy", "Normal", "OTHER"), turned[labels], turned[answers]), {})
    assert first.values == other.values
    assert first.values["F1_final"] == pytest.approx((f1_of(np.array(first.values["confusion"]))[:3]).mean())
    assert first.text.startswith("score 0.7")


def test_labels_of_another_set_are_said_and_keep_nobody_from_the_report():
    found = judge("cinc2017", of_answers(("NORM", "MI"), np.array([0, 1]), np.array([0, 1])), {})
    assert found.text.startswith("not computed: NORM, MI: no class of this protocol")
    multilabel = judged("multilabel", ("N", "A"), np.eye(2), np.eye(2))
    assert "one class per record is judged here" in judge("mitbih", multilabel, {}).text
    assert "two of N, normal are one class" in judge("cinc2017", of_answers(("N", "normal"), np.array([0]),
                                                                           np.array([1])), {}).text


def test_without_protocol_or_labels_there_is_no_section_and_an_unknown_one_is_refused():
    evaluation = of_answers(("N", "A"), np.array([0, 1]), np.array([0, 1]))
    assert judge("", evaluation, {}) is None
    with pytest.raises(UserError, match="unknown protocol 'ptb-xl'; did you mean ptbxl"):
        judge("ptb-xl", evaluation, {})
    evaluation.predictions.labels = None
    assert judge("cinc2017", evaluation, {}) is None


def test_every_protocol_of_the_table_can_be_called():
    evaluation = judged("value", ("age",), np.ones((2, 1)), np.ones((2, 1)))
    for name in PROTOCOLS:
        assert judge(name, evaluation, {}).text.startswith("not computed: ")


def test_mit_bih_speaks_of_common_classes_alone():
    labels = np.array([0] * 50 + [2] * 30 + [4])
    answers = np.array([0] * 45 + [2] * 35 + [0])
    found = judge("mitbih", of_answers(("N", "S", "V", "F", "Q"), labels, answers), {})
    assert found.text == "accuracy 92.6 %; N Se 90.0 % +P 97.8 %, V Se 100.0 % +P 85.7 %."
    assert found.values["per_class"]["S"]["FPR"] == 0
    assert np.isnan(found.values["per_class"]["S"]["Se"])
    assert found.table.rows[4][:3] == ["Q", "1", "0.000"]


def test_cpsc_counts_any_label_as_right_and_a_wrong_answer_against_the_first():
    names, labels = ("AF", "PVC", "RBBB"), [[1, 1, 0], [1, 0, 1], [0, 0, 0]]
    scores = [[0, 3, 0], [0, 3, 0], [3, 0, 0]]  # answers PVC, PVC, AF; the third record has none of the labels
    info = {"all_labels": np.array(["PVC;AF", "RBBB;AF", ""])}
    counts = np.array(judge("cpsc2018", judged("multilabel", names, labels, scores), info).values["confusion"])
    assert counts[6, 6] == 1  # PVC is a label of the first record
    assert counts[4, 6] == 1  # RBBB is the first label of the second, not AF
    assert counts.sum() == 2
    without = judge("cpsc2018", judged("multilabel", names, labels, scores), {})
    assert np.array(without.values["confusion"])[1, 6] == 1
    assert "in the order of this table" in without.caption
    assert "1 records carry none" in without.caption
    assert 0 < without.values["G_beta2"] < without.values["F_beta2"] < 1
    first_alone = of_answers(names, np.array([0, 1]), np.array([0, 2]))
    assert np.array(judge("cpsc2018", first_alone, {}).values["confusion"])[[1, 6], [1, 4]].tolist() == [1, 1]
    every = {"all_labels": np.array(["AF", "PVC;RBBB"])}
    assert np.array(judge("cpsc2018", first_alone, every).values["confusion"])[[1, 4], [1, 4]].tolist() == [1, 1]


def test_tensor_pipeline_keeps_the_row_of_a_class_that_does_not_occur():
    found = judge("tensor_pipeline", of_answers(("MI", "AF", "NORM"), np.array([0, 2, 2]), np.array([0, 2, 0])), {})
    assert [row["label"] for row in found.values["per_class"]] == ["MI", "AF", "NORM"]
    assert found.values["per_class"][1] == {"label": "AF", "precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert found.values["accuracy"] == pytest.approx(2 / 3)


# ------------------------------------------------------------------------------------------------ PTB-XL
def labels_and_scores(n=200, classes=3):
    rng = np.random.default_rng(0)
    labels = (rng.random((n, classes)) < 0.3).astype(np.float32)
    return labels, rng.normal(size=labels.shape) + 1.5 * labels


def test_ptb_xl_tells_the_point_and_leaves_out_what_is_undefined():
    labels, scores = labels_and_scores()
    labels[:, 2] = 0
    found = judge("ptbxl", judged("multilabel", ("NORM", "MI", "HYP"), labels, scores), {})
    values = found.values
    assert values["left_out"] == ["HYP"]
    assert values["macro_auroc"] == pytest.approx(np.mean(list(values["auroc"].values())))
    assert values["quantile_5"] < values["mean_of_draws"] < values["quantile_95"]
    assert "100 draws" in found.text
    assert found.values == judge("ptbxl", judged("multilabel", ("NORM", "MI", "HYP"), labels, scores), {}).values


def test_every_draw_has_a_positive_of_every_class():
    labels, _ = labels_and_scores(40)
    labels[:, 0] = 0
    labels[3, 0] = 1
    counts = ptbxl.draw_counts(labels, 30, np.random.default_rng(0))
    assert (counts.T @ labels > 0).all()
    assert (counts.sum(0) == 40).all()


def test_classes_too_rare_for_a_draw_leave_the_point_alone():
    labels, scores = np.eye(60, dtype=np.float32), np.eye(60)
    found = judge("ptbxl", judged("multilabel", [f"c{k}" for k in range(60)], labels, scores), {})
    assert found.values["macro_auroc"] == 1
    assert "mean_of_draws" not in found.values
    assert "too rare" in found.text


def test_tables_tell_the_larger_distance_in_thousandths():
    assert ptbxl.as_in_tables(0.925, 0.918, 0.930) == ".925(07)"
    assert ptbxl.as_in_tables(1.0, 0.99, 1.0) == "1.000(10)"


# --------------------------------------------------------------------------------------------- CinC 2020, 2021
def test_the_tables_of_both_years_are_symmetric_and_pay_the_truth_fully():
    for year, classes in ((2020, 24), (2021, 26)):
        table = cinc2021.scored(year)
        assert len(table.classes) == classes
        assert np.array_equal(table.weights, table.weights.T)
        assert (table.weights.diagonal() == 1).all()


def test_codes_abbreviations_and_joined_names_are_the_same_class():
    table = cinc2021.scored(2021)
    columns = cinc2021.columns_of(("AF", "164889003", "CRBBB", "59118001", "713427006|59118001", "sbrad", "nonsense"),
                                  table)
    assert columns[0] == columns[1]
    assert len(set(columns[2:5].tolist())) == 1
    assert columns[5:].tolist() == [-1, -1]


def test_sinus_rhythm_always_scores_nothing_and_the_truth_everything():
    names = ("AF", "NSR", "PVC")
    labels = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1]], np.float32)
    truth = judge("cinc2021", judged("multilabel", names, labels, 8 * labels - 4), {})
    assert truth.values["challenge"] == 1
    always = np.tile([-4.0, 4.0, -4.0], (4, 1))
    assert judge("cinc2020", judged("multilabel", names, labels, always), {}).values["challenge"] == 0
    assert truth.caption.startswith("3 of the 26 scored classes")


def test_thresholds_decide_what_the_challenge_is_told():
    names, labels = ("AF", "NSR"), np.array([[1, 0], [0, 1]], np.float32)
    scores = np.array([[-1.0, -3], [-3, 2]])  # AF at a probability of 0.27
    plain = judge("cinc2021", judged("multilabel", names, labels, scores), {})
    tuned = judge("cinc2021", judged("multilabel", names, labels, scores, np.array([0.2, 0.5])), {})
    assert plain.values["challenge"] < tuned.values["challenge"] == 1


def test_labels_that_the_challenge_does_not_score_are_said():
    found = judge("cinc2021", judged("multilabel", ("x", "y"), np.eye(2), np.eye(2)), {})
    assert found.text == "not computed: none of the labels is one that the challenge scores."


def test_a_name_that_is_no_class_is_named():
    with pytest.raises(UserError, match="Z: no class of this protocol; its classes are N, A"):
        places(("N", "Z"), {"N": (), "A": ()})
