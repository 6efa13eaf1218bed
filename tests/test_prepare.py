"""prepare.py simulate and inspect, as a person types them."""

from __future__ import annotations

import numpy as np
import pytest

import prepare
import train
from src.data.open import open_dataset

TINY = ["--dataset_args", "patients=6", "cache_mb=1"]


def simulate(folder, *more):
    return prepare.main(["simulate", "--output", str(folder), *TINY, *more])


def test_simulate_writes_a_data_set_that_trains(tmp_path, capsys):
    assert simulate(tmp_path / "ecg") == 0
    said = capsys.readouterr().out
    assert "8 records in" in said
    assert f"next: python train.py --data_path {tmp_path / 'ecg'}" in said
    argv = ["--data_path", str(tmp_path / "ecg"), "--dry_run", "--preset", "tiny", "--device", "cpu",
            "--save_dir", str(tmp_path / "runs")]
    assert train.main(argv) == 0
    assert "records   8" in capsys.readouterr().err


@pytest.mark.parametrize(("layout", "kind"), [("npz", ".npz"), ("wfdb", ".dat"), ("mat", ".mat")])
def test_layout_is_the_kind_of_file(tmp_path, layout, kind):
    assert simulate(tmp_path / "ecg", "--layout", layout, "--limit", "2") == 0
    assert kind in {path.suffix for path in (tmp_path / "ecg").rglob("*")}


def test_written_recordings_are_the_simulated_ones(tmp_path):
    assert simulate(tmp_path / "ecg", "--limit", "3") == 0
    made, read = open_dataset("simulated_ecg", None, {"patients": "6"}), open_dataset(None, tmp_path / "ecg")
    assert read.records.record.tolist() == made.records.record[:3].tolist()
    for row in range(3):
        assert np.array_equal(read.read(row)[0].signal, made.read(row)[0].signal)


def test_limit_writes_so_many_records(tmp_path, capsys):
    assert simulate(tmp_path / "ecg", "--limit", "4", "--layout", "wfdb") == 0
    assert "4 records" in capsys.readouterr().out
    assert len((tmp_path / "ecg" / "labels.csv").read_text().splitlines()) == 5


def test_seeg_is_written_by_name(tmp_path):
    argv = ["simulate", "--dataset", "simulated_seeg", "--output", str(tmp_path / "seeg"), "--limit", "2"]
    assert prepare.main(argv) == 0
    assert list((tmp_path / "seeg").glob("sub-*.npz"))


def test_simulate_overwrites_nothing(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("kept")
    assert simulate(tmp_path) == 2
    assert "is not an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(("argv", "message"), [
    ([], "no action"), (["simulat"], "'simulat': unknown action; did you mean simulate?"),
    (["inspect"], "inspect: no file"), (["inspect", "nowhere.npz"], "nowhere.npz: no such file"),
    (["simulate", "--layout", "edf"], "not one of npz, wfdb, mat"),
    (["simulate", "--limit", "0"], "--limit 0: must be at least 1"),
    (["simulate", "--dataset", "arrays"], "--dataset arrays needs --data_path"),
    (["simulate", "--dataset", "simulated_seeg", "--layout", "wfdb", "--output", "new"], "wfdb"),
    (["simulate", "--dataset_args", "patient=3"], "did you mean patients?"),
    (["simulate", "--epochs", "3"], "--epochs: not a flag of prepare.py; it belongs to train.py"),
    (["inspect", "a", "b"], "b"),
])
def test_what_cannot_be_prepared_is_refused_by_name(tmp_path, capsys, monkeypatch, argv, message):
    monkeypatch.chdir(tmp_path)
    assert prepare.main(argv) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""
    assert list(tmp_path.iterdir()) == []
