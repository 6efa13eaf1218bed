from __future__ import annotations

import csv

import numpy as np
import pytest

from src.data.labels.split_tables import make_split_tables
from src.errors import UserError

LABELS = "idx,a,b\n0,1,0\n2,0,1\n3,1,1\n9,1,0\n"
SPLIT = "idx,save_file,split\n0,r0,train\n1,r1,train\n2,r2,train\n3,r3,valid\n4,r4,test\n"


def make(folder, labels: str = LABELS, split: str = SPLIT):
    (folder / "labels.csv").write_text(labels)
    (folder / "split.csv").write_text(split)
    return make_split_tables(folder / "labels.csv", folder / "split.csv", folder / "out")


def test_rows_are_found_by_their_number_and_only_labelled_ones_count(tmp_path):
    assert make(tmp_path) == {"train": 2, "valid": 1}
    y = np.load(tmp_path / "out" / "y.npy")
    assert y.shape == (10, 2)
    assert y.dtype == np.float64
    assert not y[[1, 4, 5]].any()
    assert (tmp_path / "out" / "meta_split_labeled.csv").read_text().splitlines()[1:] == [
        "0,r0,train", "2,r2,train", "3,r3,valid"]
    with (tmp_path / "out" / "label_def.csv").open(newline="") as stream:
        first = next(csv.DictReader(stream))
    assert (first["pos_count_train"], first["pos_percent_train"], first["pos_count_all"]) == ("1.0", "0.5", "2.0")
    assert (tmp_path / "out" / "pos_weight.txt").read_text() == "[1.0,1.0]"


@pytest.mark.parametrize(("labels", "split", "says"), [
    ("idx,a\n0,0\n2,0\n", SPLIT, "no training record is a"),
    (LABELS, "idx,save_file,split\n0,r0,valid\n", "no labelled record of the part train"),
    ("a,b\n1,0\n", SPLIT, "no column idx"),
    ("idx,a\nx,1\n", SPLIT, "whole numbers"),
    ("idx,a\n99999999999,1\n", SPLIT, "expected rows from 0"),
    ("idx,a\n0,yes\n", SPLIT, "labels are 0 or 1"),
    ("idx,a\n0\n", SPLIT, "different numbers of cells")])
def test_tables_that_do_not_fit_are_refused(tmp_path, labels, split, says):
    with pytest.raises(UserError, match=says):
        make(tmp_path, labels, split)
