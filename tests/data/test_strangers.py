"""Strangers in a gallery and among probes: told apart from people trained on, and from labels."""

from __future__ import annotations

from argparse import Namespace

import numpy as np
import pytest

from src.data.census import census
from src.data.run_data import limited_parts
from src.data.splits import check_leaks
from src.data.strangers import roles_of
from src.errors import UserError

TRAIN, TEST = np.arange(6), np.arange(6, 10)


@pytest.fixture
def people(make_tiny):
    """Three people trained on, twice each; s3 and s4 in a gallery and among probes."""
    data = make_tiny(10)
    data.within_subject = True
    data.records.subject = np.array([f"s{n}" for n in (0, 1, 2, 0, 1, 2, 3, 4, 3, 4)])
    data.info = {"role": np.array([""] * 6 + ["gallery"] * 2 + ["probe"] * 2)}
    return data


def test_strangers_are_compared_with_the_people_trained_on(people):
    assert check_leaks(people, {"train": TRAIN, "test": TEST}).startswith("nothing leaks: 5 subjects")
    people.records.subject[7] = "s0"
    with pytest.raises(UserError, match="1 subject in both train and test: s0") as refused:
        check_leaks(people, {"train": TRAIN, "test": TEST})
    assert "prepare.py identify" in refused.value.hint


def test_people_trained_on_may_be_met_again_and_strangers_may_not(people):
    known = {"train": TRAIN[:3], "valid": TRAIN[3:]}
    assert check_leaks(people, {**known, "test": TEST}).startswith("nothing leaks: 5 subjects")
    assert "different trials of the same subjects" in check_leaks(people, known)
    people.records.subject[7] = "s2"
    with pytest.raises(UserError, match="1 subject in both train and valid and test: s2"):
        check_leaks(people, {**known, "test": TEST})


def test_people_without_a_name_cannot_be_compared(people):
    people.records.subject[:6] = ""
    assert check_leaks(people, {"train": TRAIN, "test": TEST}).startswith("leaks cannot be seen")


def test_the_census_counts_roles_and_no_labels_of_strangers(people):
    lines = census(people, {"train": TRAIN, "test": TEST})
    assert [line for line in lines if line.startswith(("labels", "train", "test"))] == [
        "labels    x 2, y 2, z 2, gallery 2, probe 2", "train     6 records, 3 subjects; x 2, y 2, z 2",
        "test      4 records, 2 subjects; gallery 2, probe 2"]


def test_a_column_of_other_words_names_no_stranger(tiny):
    assert not roles_of(tiny).any()
    tiny.info = {"role": np.array(["nurse", "", "probe"] * 4)}
    assert roles_of(tiny).tolist() == ["", "", "probe"] * 4


@pytest.mark.parametrize(("limit", "kept"), [(1, 2), (2, 2), (3, 2), (4, 4)])
def test_a_limit_takes_whole_strangers(people, limit, kept):
    rows = limited_parts(people, {"train": TRAIN, "test": TEST}, Namespace(limit=limit, seed=3))
    assert len(rows["train"]) == limit
    assert len(rows["test"]) == kept
    assert (np.unique(people.records.subject[rows["test"]], return_counts=True)[1] == 2).all()
