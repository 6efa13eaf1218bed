from __future__ import annotations

import numpy as np
import pytest

from src.data.labels.record_splits import by_patient, make_split
from src.errors import UserError


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "record_list.csv"
    path.write_text("subject_id,study_id,path\n" + "".join(f"{row // 3},{100 + row},p\n" for row in range(90))
                    + "5,100,again\n")
    return path


def read(path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text().splitlines()[1:]]


def test_no_patient_is_in_two_parts_and_a_study_counts_once(records, tmp_path):
    made = make_split(records, tmp_path / "meta_split.csv")
    rows = read(tmp_path / "meta_split.csv")
    assert [file for file, _ in rows] == [f"mimic_iv_ecg_{100 + row}.mat" for row in range(90)]
    assert made.counts == {"train": 72, "valid": 9, "test": 9}
    assert (made.patients, made.shared) == (30, 0)
    assert all(len({part for _, part in rows[first:first + 3]}) == 1 for first in range(0, 90, 3))


def test_by_record_patients_are_shared_and_counted(records, tmp_path):
    made = make_split(records, tmp_path / "meta_split.csv", replica=True)
    assert made.counts == {"train": 72, "valid": 9, "test": 9}
    assert made.shared is not None
    assert made.shared > 5


def test_a_list_without_patients_is_split_by_record_only_on_request(tmp_path):
    path = tmp_path / "record_list.csv"
    path.write_text("study_id\n" + "".join(f"{row}\n" for row in range(20)))
    with pytest.raises(UserError, match="no column subject_id") as caught:
        make_split(path, tmp_path / "out.csv")
    assert "--replica" in caught.value.hint
    made = make_split(path, tmp_path / "out.csv", replica=True)
    assert (made.counts, made.shared) == ({"train": 16, "valid": 2, "test": 2}, None)


@pytest.mark.parametrize(("valid", "test", "sizes"), [
    (0, 0, (40, 0, 0)), (0.25, 0, (30, 10, 0)), (0, 0.25, (30, 0, 10))])
def test_a_part_may_be_left_out(valid, test, sizes):
    part = by_patient(np.arange(40), valid, test, seed=1)
    assert tuple(np.bincount(part, minlength=3)) == sizes


@pytest.mark.parametrize(("fractions", "says"), [((0.6, 0.4), "sum below 1"), ((-0.1, 0.1), "at least 0")])
def test_fractions_that_leave_nothing_are_refused(records, tmp_path, fractions, says):
    with pytest.raises(UserError, match=says):
        make_split(records, tmp_path / "out.csv", valid_frac=fractions[0], test_frac=fractions[1])


@pytest.mark.parametrize(("text", "says"), [
    ("subject_id,study_id\n1,5\n", "too few"), ("subject_id,study_id\n", "lists no record"),
    ("subject_id,study_id\n,5\n", "line 2 has no subject_id"), ("a,b\n1,2\n", "no column study_id")])
def test_lists_that_cannot_be_split_are_refused(tmp_path, text, says):
    (tmp_path / "record_list.csv").write_text(text)
    with pytest.raises(UserError, match=says):
        make_split(tmp_path / "record_list.csv", tmp_path / "out.csv")
