"""prepare.py as a person types it: simulate, inspect, sets of raw recordings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """24 simulated WFDB records and their labels.csv."""
    folder = tmp_path_factory.mktemp("simulated") / "raw"
    assert prepare.main(["simulate", "--output", str(folder), "--layout", "wfdb", "--dataset_args", "patients=18",
                         "cache_mb=1", "--limit", "24"]) == 0
    return folder


def ready(raw, output, *more):
    return prepare.main(["folder", "--raw_root", str(raw), "--output", str(output), "--num_workers", "0", *more])


@pytest.mark.parametrize("store", ["npz", "shards"])
def test_a_folder_of_recordings_becomes_a_data_set_that_trains(raw, tmp_path, capsys, store):
    assert ready(raw, tmp_path / "out", "--store", store, "--prepare_args", "bandpass=0.5,40", "leads=I,II") == 0
    said = capsys.readouterr().out
    assert f"24 records in {tmp_path / 'out'}" in said
    assert f"next: python train.py --data_path {tmp_path / 'out'}" in said
    argv = ["--data_path", str(tmp_path / "out"), "--dry_run", "--preset", "tiny", "--device", "cpu",
            "--save_dir", str(tmp_path / "runs")]
    assert train.main(argv) == 0
    said = capsys.readouterr().err
    assert "records   24" in said
    assert "2 channels, 1000 samples at 100 Hz in mV" in said


def test_flags_reach_the_preparation(raw, tmp_path):
    assert ready(raw, tmp_path / "out", "--limit", "9", "--split_ratio", "0.5", "0.25", "0.25", "--seed", "3",
                 "--store", "shards", "--prepare_args", "resample_hz=50", "dtype=float32", "--dataset_args",
                 "labels=labels.csv") == 0
    about = json.loads((tmp_path / "out" / "prepare.json").read_text())
    assert about["records"] == 9
    assert about["signal_spec"]["rate_hz"] == 50
    assert about["options"] == {"labels": "labels.csv"}
    with np.load(tmp_path / "out" / "shards" / "index.npz") as index:
        assert str(index["dtype"]) == "float32"


def test_the_set_s_own_recipe_counts_less_than_what_is_typed(raw, tmp_path, monkeypatch):
    from dataclasses import replace

    from src import registry

    row = replace(registry.RAW_SETS["folder"], prepare={"leads": ("V1",), "resample_hz": 50})
    monkeypatch.setitem(registry.RAW_SETS, "folder", row)
    assert ready(raw, tmp_path / "out", "--prepare_args", "resample_hz=25") == 0
    spec = json.loads((tmp_path / "out" / "prepare.json").read_text())["signal_spec"]
    assert (spec["channels"], spec["rate_hz"]) == (["V1"], 25)


def test_the_engine_is_the_one_that_is_named(raw, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("src.data.prepare.engine._with_ray", lambda *given: asked.append("ray"))
    monkeypatch.setattr("src.data.prepare.engine._finish_together", lambda *given: None)
    assert ready(raw, tmp_path / "out", "--engine", "ray") == 0
    assert asked == ["ray"]


def test_shards_of_a_batch_system_and_merge(raw, tmp_path, capsys):
    assert ready(raw, tmp_path / "out", "--shard", "1/2") == 0
    assert "part 1/2 is finished" in capsys.readouterr().out
    assert prepare.main(["merge", str(tmp_path / "out")]) == 2
    assert "are not finished" in capsys.readouterr().err
    assert ready(raw, tmp_path / "out", "--shard", "2/2") == 0
    assert "24 records in" in capsys.readouterr().out
    assert prepare.main(["merge", str(tmp_path / "out")]) == 0
    assert "24 records in" in capsys.readouterr().out


def test_a_bad_record_stops_only_where_asked(raw, tmp_path, capsys):
    labels = (raw / "labels.csv").read_text()
    (raw / "broken.hea").write_text("broken 1 x\n")
    (raw / "labels.csv").write_text(labels + "broken,NORM,p1,train\n")
    try:
        assert ready(raw, tmp_path / "strict", "--on_bad_record", "error") == 2
        assert "broken" in capsys.readouterr().err
        assert ready(raw, tmp_path / "out") == 0
        assert "24 records in" in (said := capsys.readouterr().out)
        assert "1 could not be used, see" in said
    finally:
        (raw / "labels.csv").write_text(labels)
        (raw / "broken.hea").unlink()


@pytest.mark.parametrize(("argv", "message"), [
    (["folder"], "--raw_root is not given"), (["folder", "--raw_root", "nowhere"], "nowhere: no such folder"),
    (["foldr", "--raw_root", "."], "did you mean folder?"), (["merge"], "merge: no folder"),
    (["merge", "nowhere"], "no preparation was begun here"),
    (["folder", "--raw_root", ".", "--prepare_args", "lead=I"], "did you mean leads?"),
    (["folder", "--raw_root", ".", "--prepare_args", "bandpass=40,1"], "expected low,high in Hz"),
    (["folder", "--raw_root", ".", "--dataset_args", "label=x"], "did you mean labels?"),
    (["folder", "--raw_root", ".", "--shard", "3/2"], "expected i/n"),
    (["folder", "--raw_root", ".", "--store", "zarr"], "not one of npz, shards"),
    (["folder", "--raw_root", "."], "no table of labels"),
    (["simulate", "--store", "shards"], "--store: has no effect on prepare.py simulate"),
    (["inspect", "a.npz", "--raw_root", "."], "--raw_root: has no effect on prepare.py inspect"),
    (["folder", "--raw_root", ".", "--seconds", "3"], "--seconds: has no effect on prepare.py folder"),
])
def test_what_cannot_become_a_data_set_is_refused_by_name(tmp_path, capsys, monkeypatch, argv, message):
    monkeypatch.chdir(tmp_path)
    assert prepare.main(argv) == 2
    assert message in capsys.readouterr().err
    assert not any(tmp_path.rglob("prepare.json"))


def test_ctrl_c_stops_with_75_and_the_same_command_goes_on(raw, tmp_path):
    slow = ("import sys, time, prepare; from src.data.prepare import blocks; done = blocks._prepared\n"
            "blocks._prepared = lambda *more: (time.sleep(0.2), done(*more))[1]\n"
            "sys.exit(prepare.main(sys.argv[1:]))")
    words = ["folder", "--raw_root", str(raw), "--output", str(tmp_path / "out"), "--num_workers", "0"]
    root = Path(__file__).resolve().parents[1]
    process = subprocess.Popen([sys.executable, "-c", slow, *words], env={**os.environ, "PYTHONPATH": str(root)},
                               stderr=subprocess.PIPE, text=True)
    while not any((tmp_path / "out" / "journal").glob("*.jsonl")):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 75
    assert "the same command goes on" in said
    assert not (tmp_path / "out" / "prepare.json").exists()
    assert prepare.main(words) == 0
    assert (tmp_path / "out" / "prepare.json").exists()


def test_help_does_not_import_numpy():
    code = ("import sys, prepare\ntry:\n prepare.main(['--help'])\nexcept SystemExit: pass\n"
            "sys.exit('numpy' in sys.modules)")
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0
    assert "ptbxl" in done.stdout
