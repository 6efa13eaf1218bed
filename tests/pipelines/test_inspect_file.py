"""prepare.py inspect, as a person types it."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import prepare
from src.data.readers import read_recording
from src.data.signal import Recording
from src.pipelines.findings import files_below, limb_lead_error
from src.pipelines.inspect_file import TABLE
from tests.data.continuous_files import write_edf


@pytest.fixture
def recording(tmp_path):
    signal = np.zeros((2, 2, 400), np.float32)
    signal[0, 0] = np.linspace(-1, 3, 400)
    signal[0, 1, :100] = np.nan
    path = tmp_path / "two.npz"
    np.savez(path, signal=signal, label=[0, 1], fs=200.0, unit="mV", channels=np.array(["I", "II"]))
    return path


def write_wfdb(folder, name, signal, unit="mV", names=None, rate=100, checksum=None):
    """A WFDB record of format 16 with 1000 steps per unit; its checksums are right unless one is given."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = np.round(np.asarray(signal) * 1000).astype("<i2")
    stored.T.tofile(folder / f"{name}.dat")
    names = names or [f"x{k}" for k in range(len(stored))]
    sums = [row.sum(dtype=np.int64) % 65536 if checksum is None else checksum for row in stored]
    lines = [f"{name} {len(stored)} {rate} {stored.shape[1]}"]
    lines += [f"{name}.dat 16 1000/{unit} 16 0 {row[0]} {total} 0 {label}"
              for row, total, label in zip(stored, sums, names)]
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")


def test_one_file_is_described_and_drawn(recording, capsys):
    assert prepare.main(["inspect", str(recording)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{recording}: npz, the first of 2 recordings, two_000000"
    assert "2 channels, 400 samples at 200 Hz (2 s) in mV" in lines[1]
    assert [line.split() for line in lines[3:5]] == [["I", "-1", "1", "3", "0.0%", "mV"],
                                                     ["II", "0", "0", "0", "25.0%", "mV"]]
    assert "flat: II; 12.5% absent" in lines[5]
    assert recording.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_seconds_is_how_much_is_drawn(recording, monkeypatch):
    from src.evaluation import paper

    widths = []
    original = paper.save_paper
    monkeypatch.setattr(paper, "save_paper", lambda figure, path: (widths.append(figure.get_figwidth() * 25.4),
                                                                   original(figure, path)))
    assert prepare.main(["inspect", str(recording), "--seconds", "60"]) == 0
    assert prepare.main(["inspect", str(recording), "--seconds", "0.5"]) == 0
    assert widths == [80, 80]
    rows = np.zeros((1, 12 * 200))
    np.savez(recording, signal=rows, fs=200.0)
    assert prepare.main(["inspect", str(recording), "--seconds", "12"]) == 0
    assert widths[2] == pytest.approx(12 * 25 + 20)


def test_pictures_go_into_the_output_folder(recording, tmp_path):
    assert prepare.main(["inspect", "--output", str(tmp_path / "new" / "pictures"), str(recording)]) == 0
    assert (tmp_path / "new" / "pictures" / "two.png").exists()
    assert not recording.with_suffix(".png").exists()


def test_wfdb_is_read_with_and_without_a_suffix_and_its_checksums_are_verified(tmp_path, capsys):
    write_wfdb(tmp_path, "a", np.random.default_rng(0).normal(size=(2, 300)))
    for name in ("a.hea", "a.dat", "a"):
        assert prepare.main(["inspect", str(tmp_path / name)]) == 0
        said = capsys.readouterr().out
        assert "2 channels, 300 samples at 100 Hz (3 s) in mV" in said
        assert "checksums ok" in said
    write_wfdb(tmp_path, "a", np.random.default_rng(0).normal(size=(2, 300)), checksum=7)
    assert prepare.main(["inspect", str(tmp_path / "a.hea")]) == 0
    assert "checksums ok" not in (said := capsys.readouterr().out)
    assert "checksum" in said


def test_annotations_are_counted_by_kind(tmp_path, capsys):
    pytest.importorskip("edfio")
    write_edf(tmp_path / "a.edf", seconds=80)
    assert prepare.main(["inspect", str(tmp_path / "a.edf")]) == 0
    said = capsys.readouterr().out
    assert "4 channels, 8000 samples at 100 Hz (80 s) in uV" in said
    assert "annotations  stop 10, go 10" in said


def test_a_file_that_does_not_say_its_rate_asks_for_it_and_takes_it(tmp_path, capsys):
    np.save(tmp_path / "a.npy", np.zeros((2, 300)))
    assert prepare.main(["inspect", str(tmp_path / "a.npy")]) == 2
    assert "--dataset_args rate_hz=500" in capsys.readouterr().err
    assert prepare.main(["inspect", str(tmp_path / "a.npy"), "--dataset_args", "rate_hz=150", "unit=uV"]) == 0
    assert "300 samples at 150 Hz (2 s) in uV" in capsys.readouterr().out
    assert prepare.main(["inspect", str(tmp_path / "a.npy"), "--dataset_args", "rate=150"]) == 2
    assert "did you mean rate_hz" in capsys.readouterr().err


def test_what_cannot_be_read_is_said_on_one_line(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not an archive")
    for name in ("notes.txt", "broken.npz"):
        assert prepare.main(["inspect", str(tmp_path / name)]) == 2
        assert len([line for line in capsys.readouterr().err.splitlines() if name in line]) == 1


@pytest.fixture
def folder(tmp_path):
    """Two records (one in a subfolder, with annotations), their parts, a table of labels and a broken file."""
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, 500))
    limbs = np.stack([one, two, two - one, -(one + two) / 2])
    write_wfdb(tmp_path / "in", "good", limbs, names=["I", "II", "III", "AVR"])
    write_wfdb(tmp_path / "in" / "below", "swapped", limbs[[0, 1, 3, 2]], names=["I", "II", "III", "AVR"])
    (tmp_path / "in" / "below" / "swapped.extra").write_bytes(b"part of it")
    (tmp_path / "in" / "labels.csv").write_text("record,label\ngood,N\nbelow/swapped,A\n")
    (tmp_path / "in" / "broken.edf").write_bytes(b"0       " + b"x" * 400)
    return tmp_path / "in"


def test_a_folder_gets_a_line_for_each_file_and_the_checks_over_all(folder, tmp_path, capsys):
    assert prepare.main(["inspect", str(folder), "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines()[1:3]] == ["below/swapped.hea", "good.hea"]
    assert "refused  broken.edf: damaged header" in said
    assert "refused  labels.csv: is no table of numbers" in said
    assert "2 files read (2 wfdb), 2 refused, 3 are parts of these" in said
    assert "checksums: 2 right, 0 wrong" in said
    assert "limb leads: 1 recordings agree" in said
    assert "1 do not: swapped.hea" in said
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.png")) == ["good.png", "swapped.png"]
    rows = list(csv.DictReader((tmp_path / "out" / TABLE).open()))
    assert [(row["file"], row["read"], row["samples"]) for row in rows] == [
        ("below/swapped.hea", "yes", "500"), ("broken.edf", "no", ""), ("good.hea", "yes", "500"),
        ("labels.csv", "no", "")]


def test_several_files_are_read_though_one_cannot_be(folder, capsys):
    names = [str(folder / "good.hea"), str(folder / "broken.edf"), str(folder / "nowhere.hea")]
    assert prepare.main(["inspect", *names]) == 0
    said = capsys.readouterr().out
    assert "1 files read" in said
    assert "nowhere.hea: no such file" in said
    assert not list(folder.glob("*.png"))


def test_nothing_readable_is_the_exit_code_2(folder, capsys):
    assert prepare.main(["inspect", str(folder / "broken.edf"), str(folder / "labels.csv")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "broken.edf" in said.err
    assert "labels.csv" in said.err


def test_signal_files_belong_to_the_headers_that_name_them(folder):
    (folder / "good.hea").write_text((folder / "good.hea").read_text().replace("good.dat", "other.d0"))
    (folder / "good.dat").rename(folder / "other.d0")
    mains, parts = files_below(folder)
    assert [path.name for path in mains] == ["swapped.hea", "broken.edf", "good.hea", "labels.csv"]
    assert [path.name for path in parts] == ["swapped.dat", "swapped.extra", "other.d0"]


def test_limb_lead_error_is_in_mv_or_the_recordings_own_unit(folder):
    read = read_recording(folder / "good.hea")
    error, unit = limb_lead_error(read)
    assert unit == "mV"
    assert error < 0.0016
    in_uv = Recording("a", read.signal * 1000, 100.0, read.channel_names, "uV")
    assert limb_lead_error(in_uv)[0] == pytest.approx(error, rel=1e-2)
    unknown = Recording("a", read.signal * 1000, 100.0, read.channel_names, "")
    assert limb_lead_error(unknown) == (pytest.approx(1000 * error, rel=1e-2), "")
    assert limb_lead_error(Recording("a", read.signal[:1], 100.0, ("I",), "mV")) == (None, "")
