"""From every public set, as it lies on disk, to a data set that can be trained."""

from __future__ import annotations

import numpy as np
import pytest

import prepare
from src.data.leads import STANDARD_12
from src.data.open import open_dataset
from tests.data.sets import fakes

SETS = {  # name -> records, channels, rate, longest record in samples
    "ptbxl": (18, STANDARD_12, 100, 1000), "cinc2017": (8, ("ECG",), 300, 4800),
    "cinc2021": (6, STANDARD_12, 500, 5000), "cpsc2018": (4, STANDARD_12, 500, 4500),
    "chapman": (4, STANDARD_12, 500, 5000), "code15": (3, STANDARD_12, 400, 4000), "mitbih": (51, ("MLII",), 360, 360),
    "unified": (9, ("single",), 500, 5000)}


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_prepared_by_one_command(name, tmp_path):
    if name == "code15":
        pytest.importorskip("h5py")
    (tmp_path / "raw").mkdir()
    mapping = getattr(fakes, f"write_{name}")(tmp_path / "raw")
    more = ["--dataset_args", f"label_mapping={mapping}"] if name == "unified" else []
    output = tmp_path / "out"
    assert prepare.main([name, "--raw_root", str(tmp_path / "raw"), "--output", str(output), "--num_workers", "0",
                         *more]) == 0
    data = open_dataset(None, output)
    records, channels, rate, longest = SETS[name]
    assert len(data) == records
    assert data.spec.channels == channels
    assert data.spec.rate_hz == rate
    assert data.records.length.max() == longest
    assert data.spec.unit == ("standard deviations" if name == "unified" else "mV")
    samples = [data.read(row)[0].signal for row in range(len(data))]
    assert all(np.isfinite(signal).all() and np.ptp(signal) > 0.3 for signal in samples)
    assert all(np.abs(signal).max() < (30 if name == "unified" else 5) for signal in samples)
    assert "train" in data.subsets


def test_the_stored_signal_is_the_recorded_one(tmp_path):
    fakes.write_ptbxl(tmp_path / "raw", records=4)
    assert prepare.main(["ptbxl", "--raw_root", str(tmp_path / "raw"), "--output", str(tmp_path / "out"),
                         "--num_workers", "0"]) == 0
    data = open_dataset(None, tmp_path / "out")
    signal = fakes.beats(12, 1000, 100, 1, 68)
    assert data.records.record[0] == "00002_lr"
    assert np.abs(data.read(0)[0].signal - signal).max() <= 5.01e-4
    assert data.protocol == "ptbxl"
    assert data.info["sex"].tolist() == ["female", "male"]
