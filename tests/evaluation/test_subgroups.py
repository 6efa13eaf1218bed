import copy
from functools import cache

import numpy as np
import pytest
from invented import invented, records

from src.data.signal import TargetSpec
from src.evaluation.evaluate import evaluate
from src.evaluation.predictions import Predictions
from src.evaluation.subgroups import FEWEST, groups, judge_groups
from src.evaluation.subgroups_page import subgroup_section


@cache
def _evaluation(fails, kind):
    labels, scores = invented(kind, 3, 600, seed=3)
    if fails:
        scores[sexes() == "F"] = np.random.default_rng(1).normal(size=(200, 3))
    return evaluate(Predictions(np.arange(600), scores, labels), TargetSpec(kind, ("a", "b", "c")),
                    records(labels, subjects=150))


def evaluation(fails=False, kind="multilabel"):
    """600 records of 150 people; where it `fails`, the answers about women are a coin's."""
    return copy.deepcopy(_evaluation(fails, kind))


def sexes():
    return np.where(np.arange(600) % 150 % 3 == 0, "F", "M")


def test_a_group_that_the_network_fails_stands_out_and_its_gap_is_told():
    found = judge_groups(evaluation(fails=True), {"sex": sexes()})
    female, male = found
    assert (female.name, female.records, female.subjects) == ("F", 200, 50)
    assert female.value == pytest.approx(0.5, abs=0.1)
    assert female.difference == pytest.approx(-male.difference)
    assert female.difference < -0.25
    assert female.gap.high < 0 < male.gap.low
    assert female.interval.low < female.value < female.interval.high
    section = subgroup_section(evaluation(fails=True), {"sex": sexes()})
    assert section.text.startswith("AUROC (macro) differs: ")
    assert "sex F" in section.text
    assert section.values["sex: F"]["records"] == 200
    assert section.figure is not None


def test_groups_alike_do_not_stand_out():
    section = subgroup_section(evaluation(), {"sex": sexes()})
    assert section.text == "AUROC (macro) of none of 2 groups is distinguishable from that of the others."


def test_few_records_are_listed_but_not_judged():
    device = np.where(np.arange(600) < FEWEST - 1, "rare", "common")
    found = {group.name: group for group in judge_groups(evaluation(), {"device": device})}
    assert (found["rare"].records, found["rare"].value) == (FEWEST - 1, None)
    assert found["common"].value is None  # nothing to compare it with
    assert "Too few records" in subgroup_section(evaluation(), {"device": device}).text


def test_auroc_is_compared_over_classes_that_both_sides_have():
    judged = evaluation()
    judged.predictions.labels[sexes() == "F", 2] = 0
    assert [group.classes for group in judge_groups(judged, {"sex": sexes()})] == [2, 2]


def test_one_class_per_record_is_judged_by_accuracy():
    judged = evaluation(kind="classes")
    female, male = judge_groups(judged, {"sex": sexes()})
    right = judged.decisions == judged.predictions.labels
    assert female.value == pytest.approx(right[sexes() == "F"].mean())
    assert male.value == pytest.approx(right[sexes() == "M"].mean())


def test_ages_are_ranges_and_unknown_ones_belong_to_none():
    found = groups("age", np.array(["39", "40", "59.5", "79", "80", "300", "", "-1", "old"]))
    assert found.tolist() == ["under 40", "40 to 59", "40 to 59", "60 to 79", "80 and over", "80 and over", "", "", ""]


def test_rare_devices_are_taken_together():
    device = np.array([f"d{k}" for k in range(12) for _ in range(12 - k)] + [""])
    found = groups("device", device)
    assert len(set(found.tolist()) - {""}) == 8
    assert found[-2:].tolist() == ["other", ""]


def test_data_that_tell_nothing_of_people_get_no_section():
    assert subgroup_section(evaluation(), {}) is None
    assert subgroup_section(evaluation(), {"sex": np.full(600, "F"), "age": np.full(600, "")}) is None
