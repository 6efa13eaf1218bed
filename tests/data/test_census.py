from __future__ import annotations

import numpy as np
import pytest

from src.data.census import census
from src.data.splits import split
from src.errors import UserError


def test_the_census_tells_records_labels_lengths_parts_and_that_nothing_leaks(make_tiny):
    data = make_tiny(60, subjects=20)
    data.notes = ("left out: 2 records",)
    lines = census(data, split(data.records, seed=0))
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    for said in ("60, 20 subjects", "2 channels, 8 samples at 100 Hz in mV: a, b", "0.08 s", "x 20, y 20, z 20",
                 "left out: 2 records", "train", "valid", "test", "nothing leaks: 20 subjects"):
        assert said in text


def test_the_census_refuses_a_leak(tiny):
    with pytest.raises(UserError, match="in both train and test"):
        census(tiny, {"train": np.arange(8), "test": np.arange(8, 12)})
