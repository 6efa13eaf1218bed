"""prepare.py simulate and inspect, as a person types them."""

from __future__ import annotations

import numpy as np
import pytest

import prepare
import train
from src.data.open import open_dataset
from tests.data.continuous_files import write_edf

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


def test_a_long_recording_is_inspected(tmp_path, capsys):
    pytest.importorskip("edfio")
    write_edf(tmp_path / "a.edf", seconds=80)
    assert prepare.main(["inspect", str(tmp_path / "a.edf")]) == 0
    said = capsys.readouterr().out
    assert "4 channels, 6000 samples at 100 Hz (60 s) in uV" in said
    assert "events     stop 10, go 10" in said
    assert (tmp_path / "a.png").stat().st_size > 1000


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


@pytest.fixture
def recording(tmp_path):
    signal = np.zeros((2, 2, 400), np.float32)
    signal[0, 0] = np.linspace(-1, 3, 400)
    signal[0, 1, :100] = np.nan
    path = tmp_path / "two.npz"
    np.savez(path, signal=signal, label=[0, 1], fs=200.0, unit="mV", channels=np.array(["I", "II"]))
    return path


def test_inspect_says_what_a_file_holds_and_draws_it(recording, capsys):
    assert prepare.main(["inspect", str(recording)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{recording}: first of 2 records"
    assert "2 channels, 400 samples at 200 Hz (2 s) in mV" in lines[1]
    assert [line.split() for line in lines[3:5]] == [["I", "-1", "1", "3", "0.0%"], ["II", "0", "0", "0", "25.0%"]]
    assert recording.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_seconds_is_how_much_is_drawn(recording, monkeypatch):
    drawn = []
    from src.evaluation import recordings

    original = recordings.recording_figure
    monkeypatch.setattr(recordings, "recording_figure", lambda signal, spec: (drawn.append(signal.shape[1]),
                                                                              original(signal, spec))[1])
    assert prepare.main(["inspect", str(recording), "--seconds", "0.5"]) == 0
    assert prepare.main(["inspect", str(recording), "--seconds", "60"]) == 0
    assert drawn == [100, 400]


def test_inspect_draws_into_the_output_folder(recording, tmp_path):
    assert prepare.main(["inspect", str(recording), "--output", str(tmp_path / "new" / "pictures")]) == 0
    assert (tmp_path / "new" / "pictures" / "two.png").exists()
    assert not recording.with_suffix(".png").exists()


def test_inspect_reads_wfdb_with_and_without_a_suffix(tmp_path, capsys):
    assert simulate(tmp_path / "ecg", "--layout", "wfdb", "--limit", "1") == 0
    header = next((tmp_path / "ecg").rglob("*.hea"))
    for name in (header, header.with_suffix(".dat"), header.with_suffix("")):
        capsys.readouterr()
        assert prepare.main(["inspect", str(name)]) == 0
        assert "12 channels, 1000 samples at 100 Hz (10 s) in mV" in capsys.readouterr().out


def test_inspect_refuses_what_it_cannot_read(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not an archive")
    assert prepare.main(["inspect", str(tmp_path / "notes.txt")]) == 2
    assert "a .txt file is not read here" in capsys.readouterr().err
    assert prepare.main(["inspect", str(tmp_path / "broken.npz")]) == 2
    assert "broken.npz" in capsys.readouterr().err
