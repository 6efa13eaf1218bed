"""The runner itself: what 'equal' means in a folder, and that it can fail."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.golden.folder import Case, cases_of, golden_folders

OF_THE_LARGEST = {"comparison": "|a-b| <= tolerance*(1+max|b|)"}
OF_EACH = {"format": "tolerance: |a-b| <= atol + rtol*|b|"}


def case(about: dict, tolerance) -> Case:
    return Case(Path(), {"file": "x.npz", "kind": "x", "tolerance": tolerance}, about)


def test_the_folder_says_whether_a_tolerance_is_of_the_largest_number_or_of_each():
    stored, found = np.array([0.0, 100.0]), np.array([0.05, 100.0])
    tolerance = {"atol": 1e-3, "rtol": 1e-3}
    case(OF_THE_LARGEST, tolerance).same("x", found, stored)
    case(OF_THE_LARGEST, 1e-3).same("x", found, stored)
    with pytest.raises(AssertionError, match="beyond the tolerance"):
        case(OF_EACH, tolerance).same("x", found, stored)


@pytest.mark.parametrize(("found", "stored"), [
    (np.array([1, 2]), np.array([1, 3])), (np.array([True]), np.array([False])), (np.zeros(2), np.zeros(3)),
    (np.array([np.nan]), np.array([0.0])), (np.array([0.0]), np.array([np.inf]))])
def test_what_is_not_equal_fails(found, stored):
    with pytest.raises(AssertionError):
        case(OF_THE_LARGEST, 1.0).same("x", found, stored)


def test_a_null_tolerance_marks_an_input_and_zero_means_exactly():
    assert case(OF_EACH, None).is_input
    assert not case(OF_EACH, 0).is_input
    with pytest.raises(AssertionError):
        case(OF_EACH, 0).same("x", np.array([1.0 + 1e-12]), np.array([1.0]))


def test_a_folder_of_folders_gives_all_of_them(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "golden.json").write_text(json.dumps({"files": [{"file": "x.npz", "kind": "k"}]}))
    (tmp_path / "c").mkdir()
    assert [folder.name for folder in golden_folders(tmp_path)] == ["a", "b"]
    assert golden_folders(tmp_path / "a") == [tmp_path / "a"]
    assert cases_of(tmp_path / "a")[0].kind == "k"
