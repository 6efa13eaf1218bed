"""test.py on recordings without labels, and its pages on request, as a person types them."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

import prepare
import train
from src.data.leads import STANDARD_12
from tests.doors import test_door

RUN = ["--preset", "tiny", "--epochs", "1", "--num_workers", "0", "--no_use_tensorboard", "--device", "cpu"]


def write_wfdb(folder, name, millivolts):
    """(leads, samples) as 16-bit WFDB at 100 Hz; 1 uV a step."""
    stored = np.rint(millivolts.T * 1000).astype("<i2")
    lines = [f"{name} {stored.shape[1]} 100 {len(stored)}"]
    lines += [f"{name}.dat 16 1000/mV 16 0 0 0 0 {lead}" for lead in STANDARD_12[:stored.shape[1]]]
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")
    stored.tofile(folder / f"{name}.dat")


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Simulated ECGs as WFDB files and labels.csv."""
    folder = tmp_path_factory.mktemp("raw")
    assert prepare.main(["simulate", "--layout", "wfdb", "--dataset_args", "patients=24", "--output", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def trained(raw, tmp_path_factory):
    """A run on these files prepared with filter, z-score and half the rate."""
    base = tmp_path_factory.mktemp("runs")
    assert prepare.main(["folder", "--raw_root", str(raw), "--output", str(base / "ready"), "--num_workers", "1",
                         "--prepare_args", "leads=standard12", "bandpass=0.5,20", "resample_hz=50",
                         "scale=zscore"]) == 0
    assert train.main(["--data_path", str(base / "ready"), "--save_dir", str(base), "--experiment_name", "run",
                       "--class_weights", *RUN]) == 0
    return base / "run"


@pytest.fixture(scope="module")
def door():
    return test_door()


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_raw_files_get_the_predictions_that_the_prepared_ones_got(door, raw, trained, tmp_path, capsys):
    assert door.main(["--weights", str(trained)]) == 0
    prepared = {row["record"]: row for row in rows(trained / "predictions.csv")}
    name = next(iter(prepared))
    capsys.readouterr()
    assert door.main(["--weights", str(trained), "--data_path", str(raw / f"{name}.hea"),
                      "--output_dir", str(tmp_path)]) == 0
    found = rows(tmp_path / "predictions.csv")
    assert len(found) == 1
    assert "label" not in found[0]
    chances = {key: float(value) for key, value in found[0].items() if key.startswith("p:")}
    assert chances == pytest.approx({key: float(prepared[name][key]) for key in chances}, abs=1e-5)
    told = json.loads((tmp_path / "predictions.json").read_text())["recordings"][0]
    assert {f"p:{key}": value for key, value in told["probabilities"].items()} == pytest.approx(chances, abs=1e-5)
    assert list((tmp_path / "figures").glob("recordings_*.png"))
    assert "No labels: these are predictions only." in capsys.readouterr().out


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run on simulated ECG with weighted classes."""
    base = tmp_path_factory.mktemp("plain")
    assert train.main(["--dataset_args", "patients=40", "--save_dir", str(base), "--experiment_name", "run",
                       "--class_weights", *RUN]) == 0
    return base / "run"


def test_a_folder_is_predicted_and_what_does_not_fit_is_told_on_one_line(door, plain, tmp_path, capsys):
    signal = np.random.default_rng(0).standard_normal((12, 2500)) / 5
    folder = tmp_path / "new"
    folder.mkdir()
    write_wfdb(folder, "long", signal)
    write_wfdb(folder, "limb", signal[:2, :1000])
    (folder / "broken.hea").write_text("broken 12 nonsense")
    capsys.readouterr()
    assert door.main(["--weights", str(plain), "--data_path", str(folder), "--output_dir", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    windows = dict(line.split()[:2] for line in said.out.splitlines() if line.startswith(("long ", "limb ")))
    assert windows == {"long": "3", "limb": "1"}
    assert [line for line in said.err.splitlines() if line.startswith(("left out", "warning"))] == [
        "left out: broken: damaged header: sampling rate 'nonsense'",
        "warning: limb: V1, V2, V3, V4, V5, V6 absent: 0 and masked; "
        "III, aVR, aVL, aVF derived from the other limb leads"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "The first of 3 windows." in page
    assert "damaged header" in page


def test_a_file_that_does_not_fit_is_refused_without_a_traceback(door, plain, tmp_path, capsys):
    (tmp_path / "a.hea").write_text("a 1 100 200\na.dat 16 1000/mV 16 0 0 0 0 Fp1\n")
    np.zeros(200, "<i2").tofile(tmp_path / "a.dat")
    assert door.main(["--weights", str(plain), "--data_path", str(tmp_path / "a.hea")]) == 2
    assert "a: has the channels Fp1, expected any of the channels I, II, III" in capsys.readouterr().err
    assert door.main(["--weights", str(plain), "--data_path", str(tmp_path / "a.hea"), "--robustness"]) == 2


def test_robustness_and_explanations_are_in_the_page_and_the_numbers(door, plain, tmp_path):
    assert door.main(["--weights", str(plain), "--limit", "3", "--robustness", "--explain", "1",
                      "--output_dir", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    found = json.loads((tmp_path / "metrics.json").read_text())
    for title in ("Robustness", "What the answers rest on", "Most confident errors"):
        assert f"<h2>{title}</h2>" in page
    card = found["sections"]["robustness"]
    assert card["clean"] == found["metrics"][card["metric"]]
    assert len(card["outcomes"]) == 30
    assert found["sections"]["what_the_answers_rest_on"]["largest_error_of_the_sum"] is not None
    assert "data:image/png;base64" in page


def test_labelled_data_can_be_tested_by_weights_of_weighted_classes(door, plain, raw, tmp_path):
    assert door.main(["--weights", str(plain), "--data_path", str(raw), "--output_dir", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["records"] > 10


def test_explanations_are_of_classes_alone(door, tmp_path, capsys):
    assert train.main(["--model", "duin_vqvae", "--preset", "tiny", "--save_dir", str(tmp_path), "--experiment_name",
                       "run", "--limit", "4", "--max_steps", "1", "--no_use_tensorboard", "--device", "cpu",
                       "--num_workers", "0"]) == 0
    assert door.main(["--weights", str(tmp_path / "run"), "--explain", "1"]) == 2
    assert "is for classes and labels; these weights tell signal" in capsys.readouterr().err
    assert door.main(["--weights", str(tmp_path / "run"), "--robustness"]) == 2
    assert "is for ECG whose leads are known" in capsys.readouterr().err
