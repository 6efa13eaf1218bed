from __future__ import annotations

import numpy as np
import pytest

from src.data.targets import encode, subset_names
from src.errors import UserError


def test_words_are_classes_in_alphabetical_order():
    target, label, bad = encode(np.array(["N", "A", "N", "", "NaN"]))
    assert (target.kind, target.names, label[:3].tolist()) == ("classes", ("A", "N"), [1, 0, 1])
    assert bad.tolist() == [False, False, False, True, True]


def test_joined_words_are_multilabel_and_an_empty_one_is_none_of_them():
    target, label, bad = encode(np.array(["MI;STTC", "NORM", "", "nan"]))
    assert (target.kind, target.names) == ("multilabel", ("MI", "NORM", "STTC"))
    assert label[:3].tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert bad.tolist() == [False, False, False, True]


def test_whole_numbers_are_classes_also_as_floats():
    target, label, bad = encode(np.array([2.0, 7.0, np.nan, 2.0]))
    assert (target.names, label[[0, 1, 3]].tolist()) == (("2", "7"), [0, 1, 0])
    assert bad.tolist() == [False, False, True, False]
    assert encode(np.array([10, 9]))[0].names == ("9", "10")


def test_whole_numbers_are_positions_where_names_are_given():
    target, label, _ = encode(np.array([2, 0], np.uint8), ["a", "b", "c"])
    assert (target.names, label.tolist()) == (("a", "b", "c"), [2, 0])


def test_other_numbers_are_values_and_tables_multilabel_or_values():
    assert encode(np.array([0.5, 2.0]))[0].kind == "value"
    assert encode(np.array(["0.5", "2"]), kind="value")[1].tolist() == [[0.5], [2.0]]
    target, label, _ = encode(np.array([[1, 0, 1], [0, 0, 0]]))
    assert (target.kind, label.dtype, target.names[0]) == ("multilabel", np.float32, "label_0")
    assert encode(np.array([[0.1, 3.0]]))[0].kind == "value"
    assert encode(np.array([[1], [0]]))[0].kind == "classes"


@pytest.mark.parametrize(("labels", "names", "kind", "said"), [
    (["A", "C"], ["A", "B"], "auto", "not among the classes: C"), ([0, 5], ["a", "b"], "auto", "not among the classes"),
    (["a;b"], [], "classes", "several labels"), ([0.5], [], "classes", "one number per record"),
    ([[1, 0]], ["a"], "auto", "1 label names for a table of 2"), (["x"], [], "value", "not a number"),
])
def test_labels_that_do_not_fit_are_refused(labels, names, kind, said):
    with pytest.raises(UserError, match=said):
        encode(np.array(labels), names, kind)


def test_parts_are_known_under_their_usual_names():
    assert subset_names(np.array(["Training", "val", "dev", "TEST", "", "night"])).tolist() == \
        ["train", "valid", "valid", "test", "", "night"]
