from __future__ import annotations

import numpy as np
import pytest

from src.data.open import open_dataset
from src.data.subjects import choose_subjects
from src.errors import UserError
from tests.helpers import TinyDataset

SMALL = {"words": "2", "trials_per_word": "2", "test_trials_per_word": "1", "samples": "400"}


def test_some_subjects_are_their_records_alone():
    dataset = TinyDataset()
    some = choose_subjects(dataset, ["s003", "s001"])
    assert some.records.record.tolist() == ["r001", "r003"]
    assert some.subjects == ["s001", "s003"]
    assert np.array_equal(some.read(1)[0].signal, dataset.signal[3])
    assert some.spec == dataset.spec


def test_all_subjects_are_the_data_as_they_are():
    dataset = TinyDataset()
    assert choose_subjects(dataset, ["all"]) is dataset
    assert choose_subjects(dataset, None) is dataset


def test_one_subject_is_decoded_from_its_own_trials():
    dataset = TinyDataset()
    assert not dataset.within_subject
    assert choose_subjects(dataset, ["s001"]).within_subject
    assert not choose_subjects(dataset, ["s001", "s002"]).within_subject


def test_numbers_of_another_training_are_kept():
    some = choose_subjects(TinyDataset(), ["s003", "s001"], [0, 4])
    assert len(some.subjects) == 5
    assert (some.subjects[0], some.subjects[4]) == ("s003", "s001")
    assert not set(some.subjects[1:4]) & set(some.records.subject)


@pytest.mark.parametrize(("subjects", "places", "found"), [
    (["s1"], None, "no such subject"),
    (["s001"], [0, 1], "one number for each of the 1 subjects"),
    (["s001", "s002"], [3, 3], "none twice"),
])
def test_what_does_not_fit_is_refused(subjects, places, found):
    with pytest.raises(UserError, match=found) as caught:
        choose_subjects(TinyDataset(), subjects, places)
    if found == "no such subject":
        assert "they have: s000, s001" in caught.value.hint


def test_simulated_people_are_there_when_they_are_named():
    dataset = open_dataset("simulated_seeg", None, SMALL, subjects=["002", "012"])
    assert dataset.subjects == ["002", "012"]
    assert len(dataset) == 12


def test_a_number_of_subjects_that_was_typed_counts():
    with pytest.raises(UserError, match="no such subject"):
        open_dataset("simulated_seeg", None, SMALL | {"subjects": "2"}, subjects=["003"])
    assert open_dataset("simulated_seeg", None, SMALL, subjects=["003"], recipe={"subjects": "2"}).subjects == ["003"]


def test_data_without_subjects_say_so():
    dataset = TinyDataset()
    dataset.records.subject[:] = ""
    with pytest.raises(UserError, match="do not say whose a recording is"):
        choose_subjects(dataset, ["a"])
