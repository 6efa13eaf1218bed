"""The commands of somebody who comes from fairseq-signals, on its own files, and the flags that come with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import arguments
import test as test_door
import train
from src import config
from src.errors import UserError
from tests.data.sets.fairseq_files import labels, record, write_arrays, write_manifests, write_pairs
from tests.doors import rows

SMALL = ["--epochs", "2", "--batch_size", "4", "--no_use_tensorboard", "--device", "cpu", "--num_workers", "0",
         "--experiment_name", "run"]
TRANSFORMER = ["--model", "ecg_transformer", "--preset", "tiny"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_manifests(tmp_path_factory.mktemp("manifests") / "M", 16)


def trained(data: Path, save_dir: Path, *more: str) -> Path:
    assert train.main(["--data_path", str(data), "--save_dir", str(save_dir), *SMALL, *more]) == 0
    return save_dir / "run"


def test_pairs_pretrain_manifests_fine_tune_and_one_file_is_tested(folder, tmp_path, capsys):
    pairs = write_pairs(tmp_path / "pairs")
    first = trained(pairs, tmp_path / "first", "--model", "wav2vec2_cmsc", "--preset", "tiny")
    run = trained(folder, tmp_path / "second", *TRANSFORMER, "--init_from", str(first),
                  "--loss", "binary_cross_entropy_with_logits", "--pos_weight", str(folder / "pos_weight.txt"),
                  "--scheduler", "tri_stage", "--scheduler_args", "phase_ratio=0.1,0.4,0.5")
    assert test_door.main(["--weights", str(run), "--data_path", str(folder / "test.tsv"),
                           "--output_dir", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "4 records" in said.out + said.err
    assert (tmp_path / "out" / "predictions.csv").exists()


def test_valid_subset_names_the_parts_and_the_first_decides(folder, tmp_path, capsys):
    run = trained(folder, tmp_path, "--model", "cnn", "--valid_subset", "test,valid", "--monitor", "loss")
    text = (run / "metrics.jsonl").read_text()
    assert "valid_loss" in text
    assert "test_loss" not in text
    assert train.main(["--data_path", str(folder), "--save_dir", str(tmp_path), *SMALL, "--valid_subset", "lost"]) == 2
    assert "these data have no such part" in capsys.readouterr().err


def test_subset_tests_any_part(folder, tmp_path, capsys):
    run = trained(folder, tmp_path, "--model", "cnn")
    assert test_door.main(["--weights", str(run), "--subset", "valid", "--output_dir", str(tmp_path / "out")]) == 0
    assert "part valid" in "".join(capsys.readouterr())


def test_sample_size_and_loss_args_change_the_loss(folder, tmp_path):
    def first_loss(name: str, *more: str) -> float:
        run = trained(folder, tmp_path / name, "--model", "cnn", "--max_steps", "1", *more)
        return rows(run, "epoch")[0]["train"]["loss"]

    plain = first_loss("plain", "--loss", "as")
    assert first_loss("args", "--loss", "asymmetric", "--loss_args", "gamma_neg=0", "clip=0") > plain
    assert first_loss("size", "--loss", "as", "--sample_size", "positives") > plain
    weighed = first_loss("weighed", "--pos_weight", "5", "5", "5")
    assert weighed > first_loss("unweighed")


def test_records_labelled_in_some_labels_train_and_are_tested(tmp_path):
    folder = write_manifests(tmp_path / "M", 16, label_file=False)
    for number in range(16):
        record(folder / "mats" / f"r{number}.mat", number, target_idx=[number % 3, (number + 1) % 3],
               label=[[number // 3 % 2, number // 2 % 2]])
    run = trained(folder, tmp_path, "--model", "cnn", "--loss", "multi_head_binary_cross_entropy")
    assert test_door.main(["--weights", str(run), "--output_dir", str(tmp_path / "out")]) == 0
    first = (tmp_path / "out" / "predictions.csv").read_text().splitlines()
    assert first[0].startswith("record,subject,label,unknown,prediction")
    assert all(line.split(",")[3].startswith("label_") for line in first[1:])


def test_one_binary_label_of_an_array_trains_and_tests(tmp_path):
    write_arrays(tmp_path / "A", 16, "scale:0.00488")
    np.save(tmp_path / "A" / "y.npy", labels(16).astype(np.float32))
    run = trained(tmp_path / "A", tmp_path, "--model", "cnn", "--dataset_args", "label_indexes=0",
                  "--split_ratio", "0.5", "0.25", "0.25")
    assert test_door.main(["--weights", str(run), "--output_dir", str(tmp_path / "out")]) == 0


def test_two_views_of_a_record_are_compared(folder, tmp_path):
    for model, views in (("simclr", "same"), ("3kg", "same"), ("cmsc", "adjacent")):
        trained(folder, tmp_path / model, "--model", model, "--preset", "tiny", "--max_steps", "2",
                "--dataset_args", f"views={views}", "--augmentation", "vcg_rotation=45", "lead_time_mask=0.5")


@pytest.mark.parametrize(("words", "says"), [
    (["--scheduler", "cosine", "--scheduler_args", "lr_decay=0.5"], "--scheduler_args lr_decay=0.5: holds only with"),
    (["--scheduler", "tri_stage", "--warmup_steps", "5"], "the first phase of its --scheduler_args"),
    (["--scheduler", "fixed", "--warmup_steps", "5", "--warmup_start_lr", "1e-6"], "fixed warms up from 0"),
    (["--scheduler", "tri_stage", "--min_lr", "1e-6"], "--min_lr 1e-06: holds only with"),
    (["--loss_args", "gamma=2"], "--loss_args gamma=2: holds only with --loss as or bf or focal_ce"),
    (["--model", "wav2vec2", "--pos_weight", "2"], "has no effect on --model wav2vec2"),
    (["--model", "duin_llm", "--sample_size", "positives"], "its objective is its own"),
    (["--loss", "asymetric"], "did you mean asymmetric")])
def test_flags_without_effect_are_refused(words, says):
    with pytest.raises(UserError, match=says):
        config.parse(arguments.TRAIN, words)


@pytest.mark.parametrize(("typed", "meant"), [("asymmetric", "as"), ("binary_focal", "bf"), ("mse2", "mse"),
                                              ("binary_cross_entropy_with_logits", "bce"), ("mlsml", "mlsml"),
                                              ("multi_head_binary_cross_entropy", "multi_head_bce")])
def test_the_original_s_names_of_objectives_are_understood(typed, meant):
    assert config.parse(arguments.TRAIN, ["--loss", typed]).loss == meant
