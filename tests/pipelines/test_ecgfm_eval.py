from __future__ import annotations

import numpy as np
import pytest

from src.data.dataset import Records
from src.errors import UserError
from src.evaluation.predictions import Predictions, probabilities
from src.pipelines.ecgfm_eval import per_record, scores_of, scores_table

NAMES = ("Sinus rhythm", "Ventricular tachycardia", "Supraventricular tachycardia with aberrancy")


def segments(*names: str) -> Records:
    column, rows = np.array(names), np.zeros(len(names), np.int64)
    return Records(column, column, rows, column, rows)


@pytest.mark.parametrize(("layout", "expected"), [("ecgfm", [0.5, 0.8, 0.8]), ("ecgfm_readme", [0.5, 0.8, 0.5])])
def test_segments_become_records_by_their_mean_or_their_largest(layout, expected):
    records = segments("mimic_iv_ecg_7_0", "mimic_iv_ecg_9_0", "mimic_iv_ecg_7_1")
    chance = np.array([[0.2] * 3, [0.3] * 3, [0.8] * 3])
    scores = np.log(chance / (1 - chance)).astype(np.float32)
    labels = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]], np.float32)
    found = per_record(Predictions(np.arange(3), scores, labels), records, NAMES, layout)
    assert found.rows.tolist() == [0, 1]
    assert np.allclose(probabilities("multilabel", found.scores), [expected, [0.3] * 3], atol=1e-6)
    assert found.labels is not None
    assert found.labels.tolist() == [[1, 0, 0], [0, 1, 0]]


def test_what_is_not_defined_is_not_a_number():
    never = scores_of(np.zeros(4), np.array([0.1, 0.2, 0.3, 0.6]))
    assert np.isnan([never["auroc"], never["auprc"], never["recall"], never["f1"]]).all()
    assert (never["precision"], never["specificity"], never["npv"], never["accuracy"]) == (0, 0.75, 1, 0.75)


def test_the_mean_of_labels_leaves_out_what_is_not_defined():
    labels = np.array([[1, 0], [0, 0], [1, 0]])
    table = scores_table(("a", "b"), labels, np.array([[0.9, 0.1], [0.2, 0.3], [0.4, 0.2]]), "ecgfm")
    assert list(table) == ["a", "b", "__macro__", "__micro__"]
    assert table["__macro__"]["auroc"] == table["a"]["auroc"] == 1
    assert table["__macro__"]["n_pos"] == table["__micro__"]["n_pos"] == 2
    readme = scores_table(("a", "b"), labels, np.full((3, 2), 0.5), "ecgfm_readme")
    assert list(readme) == ["a", "b", "__micro__"]
    assert np.isnan(readme["__micro__"]["auprc"])


def test_the_layout_chooses_the_data_itself(tmp_path, capsys):
    import test as door

    for more, said in ((["--data_path", "x"], "--data_path: --layout ecgfm tests on what lies below --base_dir"),
                       ([], "test.tsv is not there")):
        assert door.main(["--weights", "w.pt", "--layout", "ecgfm", "--base_dir", str(tmp_path), *more]) == 2
        assert said in capsys.readouterr().err
    assert door.main(["--weights", "w.pt", "--leads", "II"]) == 2
    assert "--leads: has no effect without --layout ecgfm" in capsys.readouterr().err


def test_other_names_of_records_are_refused():
    with pytest.raises(UserError, match="no segment of this pipeline"):
        per_record(Predictions(np.arange(1), np.zeros((1, 3), np.float32)), segments("abc"), NAMES, "ecgfm")


def test_labels_that_are_not_known_count_in_no_score():
    label = np.array([1, 0, np.nan, 1, 0, np.nan, 0])
    found = np.array([0.9, 0.2, 0.1, 0.4, 0.6, 0.8, 0.3])
    known = ~np.isnan(label)
    assert scores_of(label, found) == scores_of(label[known], found[known])
