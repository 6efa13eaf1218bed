"""Flags of evaluation, from training through the checkpoint to the page of the test, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from src.data.arrays import ArraysDataset
from src.evaluation.predictions import probabilities
from src.evaluation.thresholds import choose
from src.trainer import checkpoint
from tests import doors

WINDOWS = ["--dataset_args", "window_s=0.32", "stride_s=0.16"]  # half of a recording, three times


@pytest.fixture(scope="module")
def findings(tmp_path_factory) -> Path:
    """160 recordings with none, one or two of two findings, each seen in the mean of one channel."""
    rng = np.random.default_rng(0)
    label = (rng.random((160, 2)) < [0.5, 0.2]).astype(np.float32)
    signal = rng.standard_normal((160, 2, doors.SAMPLES)) + 0.5 * label[:, :, None]
    path = tmp_path_factory.mktemp("findings") / "findings.npz"
    np.savez(path, signal=signal.astype(np.float32), label=label, fs=100.0, unit="mV",
             subject=np.array([f"s{k:03d}" for k in range(160)]), classes=np.array(["a", "b"]))
    return path


@pytest.fixture(scope="module")
def run(findings, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    assert doors.door(findings, folder, "--thresholds", "f1", "--split_ratio", "0.4", "0.3", "0.3") == 0
    return folder / "run"


def page_of(weights: Path, out: Path, *more: str) -> dict:
    """The metrics.json of a test."""
    assert doors.test_door().main(["--weights", str(weights), "--output_dir", str(out), *more]) == 0
    return json.loads((out / "metrics.json").read_text(encoding="utf8"))


def best_loss(run: Path) -> float:
    return next(row["val"]["loss"] for row in reversed(doors.rows(run, "epoch")) if row["monitor"]["is_best"])


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return page_of(run, tmp_path_factory.mktemp("page"))


def test_thresholds_are_those_of_the_validation_predictions_and_travel_in_the_checkpoint(run, page):
    from src import config, restoring

    state = checkpoint.read(run / "best_model.pth")
    restored = restoring.restore(config.parse("test", ["--weights", str(run)]))
    found = restored.trainer.predict(restored.loader("valid"))
    chances = probabilities("multilabel", found.scores)
    for rule in ("f1", "youden", "gbeta"):
        assert state["thresholds"][rule] == choose(rule, found.labels, chances).tolist()
    assert state["fitted_records"] == len(found) == page["fitted_on_validation_records"] == 48
    assert page["thresholds"] == {"rule": "f1", "values": dict(zip("ab", state["thresholds"]["f1"]))}
    assert page["temperature"] == state["temperature"]
    assert page["calibration_with_temperature"]["ece"] != page["calibration"]["ece"]


def test_another_rule_may_be_tested_without_training_again(run, page, tmp_path):
    half = page_of(run, tmp_path, "--thresholds", "half")
    assert half["thresholds"] == {"rule": "half", "values": None}
    assert page["metrics"]["auroc"] == half["metrics"]["auroc"]
    assert page["metrics"]["f1_macro"] != half["metrics"]["f1_macro"]


def test_the_page_says_what_thresholds_were_chosen_for_and_that_their_own_part_flatters(run, tmp_path):
    page_of(run, tmp_path, "--subset", "valid")
    said = (tmp_path / "report.html").read_text(encoding="utf8")
    assert "chosen for its F1 on the predictions for 48 validation records: this part, so precision" in said


def test_thresholds_are_refused_where_there_are_none_to_choose(findings, run, tmp_path, capsys):
    one_class = doors.write_recordings(tmp_path / "toy.npz")
    assert doors.door(one_class, tmp_path, "--thresholds", "f1") == 2
    assert "holds for several labels per record; the labels of these data are classes" in capsys.readouterr().err
    assert doors.door(findings, tmp_path, "--thresholds", "f1", "--split_ratio", "0.6", "0", "0.4") == 2
    assert "no validation part to choose them on" in capsys.readouterr().err


def test_a_resumed_run_keeps_what_was_fitted(run):
    from src.trainer import run_state
    from tests.doors import settings
    from tests.test_flags import _built

    state = checkpoint.read(run / "last.pth")
    args = settings(Path(state["args"]["data_path"]), run.parent, "--split_ratio", "0.4", "0.3", "0.3")
    trainer = _built(args)
    run_state.restore(trainer, state)
    assert trainer.fitted == {name: state[name] for name in ("thresholds", "temperature", "fitted_records")}


def test_aggregate_chooses_between_the_mean_and_the_maximum_of_windows(findings, tmp_path):
    for how in ("mean", "max"):
        assert doors.door(findings, tmp_path, *WINDOWS, "--aggregate", how, "--experiment_name", how) == 0
    mean, most = (doors.rows(tmp_path / how, "epoch")[0]["val"] for how in ("mean", "max"))
    assert mean["loss"] != most["loss"]
    found = page_of(tmp_path / "mean", tmp_path / "as_max", "--aggregate", "max", "--subset", "valid")
    assert found["loss"] != best_loss(tmp_path / "mean")
    assert found["records"] == 16


def test_windows_may_be_asked_for_in_the_test_alone(findings, tmp_path):
    assert doors.door(findings, tmp_path, "--dataset_args", "window_s=0.32") == 0
    found = page_of(tmp_path / "run", tmp_path / "windows", "--dataset_args", "stride_s=0.16", "--subset", "valid")
    assert found["records"] == found["fitted_on_validation_records"] == 16
    assert found["loss"] != best_loss(tmp_path / "run")
    assert found["temperature"] != checkpoint.read(tmp_path / "run/best_model.pth")["temperature"]  # of the centre


def test_aggregate_is_refused_where_records_have_one_window(findings, run, tmp_path, capsys):
    assert doors.door(findings, tmp_path, "--aggregate", "max") == 2
    assert "--aggregate max: has no effect, each record has one window" in capsys.readouterr().err
    assert doors.test_door().main(["--weights", str(run), "--aggregate", "max"]) == 2


def test_a_data_sets_protocol_and_groups_stand_on_the_page_and_the_terminal(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ArraysDataset, "protocol", "ptbxl")
    monkeypatch.setattr(ArraysDataset, "info", {"sex": np.where(np.arange(160) % 2, "F", "M")})
    page = page_of(run, tmp_path)
    assert page["sections"]["protocol_ptb_xl"]["macro_auroc"] == pytest.approx(page["metrics"]["auroc"])
    assert page["sections"]["groups_of_people"]["sex: F"]["records"] > 0
    said = capsys.readouterr().out
    assert "Protocol PTB-XL: macro AUROC" in said
    assert "Groups of people: " in said
