"""The ECG tensor pipeline by commands: its tree, its formats, its messages, on simulated records of three data sets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import prepare
import train
from src.data.open import open_dataset
from src.data.recognise import recognise
from src.data.sets import unified
from src.errors import UserError
from src.trainer.base_trainer import BaseTrainer
from tests.doors import test_door

FULL = ["unified", "--raw_root", "Dataset", "--label_mapping", "Dataset/logs/unified_label_mapping.csv", "--layout",
        "tensor_pipeline", "--num_workers", "0"]
SHORT = ["--prepare_args", "samples=500"]  # of 5000
TRAIN = ["--model", "resnet1d", "--layout", "tensor_pipeline", "--model_args", "width=4", "--epochs", "2",
         "--no_use_tensorboard", "--device", "cpu", "--experiment_name", "run"]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """24 records of three sets and their table, simulated once."""
    place = tmp_path_factory.mktemp("tensor")
    assert prepare.main(["simulate", "--layout", "tensor_pipeline", "--output", str(place / "Dataset"), "--limit", "24",
                         "--dataset_args", "patients=30", "cache_mb=1", "include_mi=true"]) == 0
    return place / "Dataset"


@pytest.fixture(scope="module")
def prepared(simulated):
    """The same after `prepare.py ... --layout tensor_pipeline`, and what it said."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(simulated.parent)
        assert prepare.main([*FULL, *SHORT]) == 0
    return simulated.parent


@pytest.fixture
def place(prepared, tmp_path, monkeypatch):
    """A copy to write in."""
    shutil.copytree(prepared, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def read(path: str):
    return json.loads(Path(path).read_text())


def test_preparation_writes_the_pipeline_s_folder(place, capsys):
    splits, processed = read("artifacts/processed/splits.json"), Path("artifacts/processed")
    assert list(splits) == ["train", "val", "test", "label_order", "label_to_int", "counts"]
    items = [item for part in ("train", "val", "test") for item in splits[part]]
    assert len(items) == 24
    assert all(splits[part] for part in ("train", "val", "test"))
    assert {item["dataset"] for item in items} == {"ptb-xl", "chapman", "CinC2017"}
    assert read("artifacts/processed/label_map.json")["label_order"] == list(unified.CLASSES)
    for item in items:
        with np.load(processed / item["path"]) as record:
            assert record["signal"].shape == (500,)
            assert record["signal"].dtype == np.float32
            assert record["signal"].std() > 0
            assert record["label"] == item["label"]
    assert sorted(np.load(processed / "labels.npy")) == sorted(item["label"] for item in items)
    assert "Preprocessing with unified labels completed successfully." in Path("logs/pipeline.log").read_text()
    assert prepare.main([*FULL, *SHORT]) == 0  # again: nothing is left to do, and it says the same
    assert "Preprocessing with unified labels completed successfully." in capsys.readouterr().out


def test_labels_come_from_the_table_whatever_way_names_are_written(place):
    items = [item for part in ("train", "val", "test") for item in read("artifacts/processed/splits.json")[part]]
    told = {Path(row[1].replace("\\", "/")).stem: row[2] for row in
            (line.split(",") for line in Path("Dataset/logs/unified_label_mapping.csv").read_text().splitlines()[1:])}
    assert len(told) == 22
    for item in items:
        assert item["mapped_label"] == told.get(Path(item["path"]).stem.split("_")[-1], "OTHER")


def test_ten_files_are_the_smoke_test_and_can_be_trained_and_tested(place, capsys):
    assert prepare.main([*FULL, *SHORT, "--limit", "10"]) == 0
    smoke = "artifacts/processed/smoke_test"
    splits = read(f"{smoke}/splits.json")
    assert [len(splits[part]) for part in ("train", "val", "test")] == [8, 1, 1]
    assert train.main([*TRAIN, "--data_path", smoke]) == 0
    assert test_door().main(["--layout", "tensor_pipeline"]) == 0
    assert f"Metrics saved to: {smoke}/test_metrics.json" in capsys.readouterr().out
    assert read(f"{smoke}/test_metrics.json")["split"] == "test"


def test_training_writes_weights_log_and_curves_and_is_an_ordinary_run(place, capsys):
    assert train.main([*TRAIN, "--data_path", "artifacts/processed"]) == 0
    said = capsys.readouterr().err
    log = read("artifacts/training_log.json")
    assert f"Training complete!\n  Best validation F1: {log['best_val_f1']:.4f}\n" \
           "  Checkpoints saved to: artifacts/models" in said
    assert "best by f1_macro" in said
    assert [item["epoch"] for item in log["history"]] == [1, 2]
    assert set(log["history"][0]) == {"epoch", "train", "val", "lr", "time"}
    latest = torch.load("artifacts/models/latest.pth", weights_only=True)
    assert latest["epoch"] == 2
    assert {"model_state_dict", "optimizer_state_dict", "scheduler_state_dict", "metrics"} <= set(latest)
    own = torch.load("checkpoints/run/last.pth", weights_only=True)["model"]
    assert all(torch.equal(value, own[name]) for name, value in latest["model_state_dict"].items())
    best = torch.load("artifacts/models/best.pth", weights_only=True)
    assert 100 * best["metrics"]["accuracy"] == log["history"][best["epoch"] - 1]["val"]["accuracy"]
    assert Path("figures/training_history.png").stat().st_size > 5000
    assert "epoch 2: train loss" in Path("logs/pipeline.log").read_text()


def test_a_run_that_was_stopped_and_resumed_writes_the_same_view(place, monkeypatch):
    words, save = [*TRAIN, "--data_path", "artifacts/processed"], BaseTrainer._save

    def stop_after_an_epoch(trainer, is_best):
        save(trainer, is_best)
        trainer.signals.received = "SIGTERM"

    assert train.main(words) == 0
    whole = torch.load("artifacts/models/latest.pth", weights_only=True)["model_state_dict"]
    log = read("artifacts/training_log.json")
    shutil.rmtree("artifacts/models")
    shutil.rmtree("checkpoints")
    with monkeypatch.context() as patch:
        patch.setattr(BaseTrainer, "_save", stop_after_an_epoch)
        assert train.main(words) == 75
    assert len(read("artifacts/training_log.json")["history"]) == 1
    assert train.main(["--resume", "checkpoints/run"]) == 0
    again = torch.load("artifacts/models/latest.pth", weights_only=True)["model_state_dict"]
    assert all(torch.equal(value, again[name]) for name, value in whole.items())
    assert [item["val"] for item in read("artifacts/training_log.json")["history"]] == \
        [item["val"] for item in log["history"]]


def test_testing_writes_metrics_and_bars_also_from_the_view_s_own_weights(place, capsys):
    assert train.main([*TRAIN, "--data_path", "artifacts/processed"]) == 0
    capsys.readouterr()
    assert test_door().main(["--layout", "tensor_pipeline"]) == 0
    said = capsys.readouterr().out
    assert "Evaluation complete!\n  Metrics saved to: artifacts/processed/test_metrics.json\n" \
           "  F1 plot saved to: figures/test_f1_scores.png" in said
    first = read("artifacts/processed/test_metrics.json")
    assert {"confusion_matrix", "per_class", "f1_macro", "f1_micro", "f1_weighted", "accuracy",
            "classification_report"} <= set(first)
    assert [row["label"] for row in first["per_class"]] == list(unified.CLASSES)
    assert Path("figures/test_f1_scores.png").stat().st_size > 5000
    assert test_door().main(["--weights", "artifacts/models/best.pth", "--layout", "tensor_pipeline"]) == 0
    assert read("artifacts/processed/test_metrics.json") == first
    assert test_door().main(["--subset", "valid", "--layout", "tensor_pipeline"]) == 0
    assert read("artifacts/processed/valid_metrics.json")["split"] == "valid"


def test_a_folder_of_the_original_is_a_data_set(place):
    """Its folder has none of our files beside its own."""
    for name in ("prepare.json", "records.csv", "failures.csv"):
        Path("artifacts/processed", name).unlink()
    shutil.rmtree("artifacts/processed/journal")
    assert recognise("artifacts/processed") == "tensor_pipeline"
    dataset = open_dataset(None, "artifacts/processed")
    splits = read("artifacts/processed/splits.json")
    assert dataset.records.subset.tolist().count("valid") == len(splits["val"])
    assert (dataset.spec.channels, dataset.spec.rate_hz, dataset.spec.samples) == (("mean",), 500, 500)
    item = splits["test"][0]
    row = dataset.records.record.tolist().index(Path(item["path"]).stem)
    assert dataset.records.label[row] == item["label"]
    with np.load(Path("artifacts/processed", item["path"])) as record:
        assert np.array_equal(dataset.read(row)[0].signal[0], record["signal"])
    assert train.main([*TRAIN, "--data_path", "artifacts/processed"]) == 0
    assert test_door().main(["--layout", "tensor_pipeline"]) == 0
    assert read("artifacts/processed/test_metrics.json")["split"] == "test"


def test_a_record_that_the_original_lists_twice_counts_once(place):
    """It processes a MAT file beside its header twice; one may train and the other test."""
    for name in ("prepare.json", "records.csv"):
        Path("artifacts/processed", name).unlink()
    splits = read("artifacts/processed/splits.json")
    splits["test"].append(splits["train"][0])
    Path("artifacts/processed/splits.json").write_text(json.dumps(splits))
    dataset = open_dataset("tensor_pipeline", "artifacts/processed")
    assert len(dataset) == 24
    assert dataset.notes == ("1 records are listed more than once: each is used in its first part alone",)
    row = dataset.records.record.tolist().index(Path(splits["train"][0]["path"]).stem)
    assert dataset.records.subset[row] == "train"


@pytest.mark.parametrize(("change", "message"), [
    (lambda splits: splits["train"][0].update(path="../../secret.npz"), "is not a file of records/"),
    (lambda splits: splits["train"][0].update(label=9), "labels beyond the 5"),
    (lambda splits: splits["train"][0].update(path="records/gone.npz"), "are not there: gone"),
    (lambda splits: splits.update(train=[], val=[], test=[]), "lists no record"),
])
def test_a_damaged_folder_of_the_original_is_refused(place, change, message):
    splits = read("artifacts/processed/splits.json")
    change(splits)
    Path("artifacts/processed/splits.json").write_text(json.dumps(splits))
    with pytest.raises(UserError, match=message):
        open_dataset("tensor_pipeline", "artifacts/processed")


def test_a_file_that_fails_is_logged_skipped_and_counted(place, capsys):
    Path("Dataset/CinC2017/training/broken.mat").write_bytes(b"nothing")
    assert prepare.main([*FULL, *SHORT, "--output", "elsewhere"]) == 0
    assert "24 records in elsewhere; 1 could not be used" in capsys.readouterr().out
    assert "WARNING skipped CinC2017__CinC2017_training_broken:" in Path("logs/pipeline.log").read_text()


def test_without_a_table_everything_is_other_and_it_goes_on(place, capsys):
    nowhere = ["--label_mapping", "nowhere/unified_label_mapping.csv"]
    assert prepare.main([*FULL, *nowhere, *SHORT, "--limit", "3", "--output", "elsewhere"]) == 0
    assert "no mapping table nowhere/unified_label_mapping.csv: every label is OTHER" in capsys.readouterr().out
    assert read("elsewhere/splits.json")["counts"]["OTHER"] == 3


def test_a_mat_file_that_does_not_say_its_rate_needs_it_said(place, capsys):
    from scipy.io import savemat

    shutil.rmtree("Dataset")
    Path("raw/CinC2017").mkdir(parents=True)
    for number in range(2):
        savemat(f"raw/CinC2017/A{number}.mat", {"val": np.arange(3000 + number)[None]})
    words = ["unified", "--raw_root", "raw", "--layout", "tensor_pipeline", "--num_workers", "0"]
    assert prepare.main([*words, "--output", "a"]) == 2
    assert "the sampling rate is unknown" in capsys.readouterr().err
    assert prepare.main([*words, "--output", "b", "--dataset_args", "rate_hz=300"]) == 0
    assert "2 records resampled from 300 to 500 Hz" in capsys.readouterr().out
    assert prepare.main([*words, "--output", "c", "--dataset_args", "replica=true"]) == 0  # the original takes 500
    with np.load("c/records/CinC2017__CinC2017_A0.npz") as record:
        assert np.flatnonzero(record["signal"]).max() == 2999


def test_a_replica_strings_the_leads_of_a_mat_file_together(place):
    from scipy.io import savemat

    Path("raw").mkdir()
    leads = np.random.default_rng(0).standard_normal((2, 400))
    savemat("raw/one.mat", {"val": leads, "fs": 500})
    words = ["unified", "--raw_root", "raw", "--layout", "tensor_pipeline", "--num_workers", "0", *SHORT]
    for name, more in (("ours", []), ("theirs", ["--dataset_args", "replica=true"])):
        assert prepare.main([*words, "--output", name, *more]) == 0
    with np.load("theirs/records/unknown__one.npz") as record:
        both = leads.ravel()
        assert np.allclose(record["signal"], ((both - both.mean()) / both.std())[:500], atol=1e-5)
    with np.load("ours/records/unknown__one.npz") as record:
        assert np.allclose(record["signal"][:400], (leads[0] - leads[0].mean()) / leads[0].std(), atol=1e-5)
        assert not record["signal"][400:].any()


@pytest.mark.parametrize(("words", "message"), [
    (["unified", "--raw_root", ".", "--layout", "wfdb"], "--layout wfdb: of a set expected tensor_pipeline"),
    (["unified", "--raw_root", ".", "--layout", "tensor_pipeline", "--store", "shards"], "leave --layout or --store"),
    (["unified", "--raw_root", "Dataset", "--layout", "tensor_pipeline", "--prepare_args", "leads=I,II"],
     "one lead per record, here leads=I,II"),
    (["folder", "--raw_root", ".", "--label_mapping", "x.csv"], "--label_mapping: has no effect on prepare.py folder"),
    (["unified", "--raw_root", "Dataset", "--prepare_args", "scale=none"], "unit=any: holds only with scale=zscore"),
    (["unified", "--raw_root", "Dataset", "--dataset_args", "rate_hz=-1"], "rate_hz=-1: expected a number above 0"),
])
def test_what_the_layout_cannot_hold_is_refused(place, capsys, words, message):
    assert prepare.main([*words, "--output", "new"]) == 2
    assert message in capsys.readouterr().err


def test_training_without_one_class_per_record_or_beside_somebody_s_weights_is_refused(place, capsys):
    assert train.main([*TRAIN, "--dataset", "simulated_ecg", "--dataset_args", "patients=6"]) == 2
    assert "one class per record is learnt there; these labels are multilabel" in capsys.readouterr().err
    Path("artifacts/models").mkdir()
    Path("artifacts/models/best.pth").write_bytes(b"theirs")
    assert train.main([*TRAIN, "--data_path", "artifacts/processed"]) == 2
    assert "best.pth is somebody else's" in capsys.readouterr().err
    assert not Path("checkpoints/run").exists()


def test_the_layout_is_refused_for_models_of_other_families(capsys):
    assert train.main(["--model", "duin_cls", "--layout", "tensor_pipeline"]) == 2
    assert "--layout tensor_pipeline: holds only with --model cnn or resnet1d" in capsys.readouterr().err
    assert train.main(["--model", "resnet1d", "--layout", "duin"]) == 2
    assert "--layout duin: holds only with --model duin_vqvae" in capsys.readouterr().err
