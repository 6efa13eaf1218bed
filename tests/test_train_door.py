"""train.py and test.py as commands: exit codes, what is written, how runs are repeated, resumed and multiplied."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

import arguments
import train
from src import config, restoring
from src.models.model import Model
from src.trainer.step import Step
from tests import doors
from tests.doors import door, rows, same, train_one, weights, words

TIMES = ("time", "seconds", "samples_per_s")


@pytest.fixture(scope="module")
def plain(data, tmp_path_factory):
    """A finished run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("plain")
    assert door(data, folder) == 0
    return folder / "run"


@pytest.fixture
def stop_at(monkeypatch):
    """From here on a run gets a SIGTERM while it computes this batch (1-based)."""
    original = Step.backward

    def arrange(batch):
        seen = []

        def backward(self, loss, weight):
            seen.append(1)
            if len(seen) == batch:
                os.kill(os.getpid(), signal.SIGTERM)
            original(self, loss, weight)

        monkeypatch.setattr(Step, "backward", backward)

    yield arrange
    monkeypatch.setattr(Step, "backward", original)


def numbers(folder):
    """Every row of metrics.jsonl but the words and the times of a run."""
    return [{key: value for key, value in row.items() if key not in TIMES}
            for event in ("train", "epoch") for row in rows(folder, event)]


def equal_runs(first, second):
    return same(weights(first), weights(second)) and numbers(first) == numbers(second)


# ------------------------------------------------------------------------------------------------ a run
def test_a_run_leaves_its_folder_and_says_what_to_type_next(data, tmp_path, capsys):
    assert door(data, tmp_path) == 0
    run = tmp_path / "run"
    assert {path.name for path in run.iterdir()} == {"config.json", "splits.json", "metrics.jsonl", "last.pth",
                                                     "last.previous.pth", "best_model.pth"}
    assert {path.name for path in tmp_path.iterdir()} == {"run", "last_run", "best_model.pth"}
    said = capsys.readouterr()
    assert said.out == ""
    for part in ("train     32 records, 32 subjects; low 24, high 8", "nothing leaks", "model     cnn",
                 f"python train.py --config {run / 'config.json'}",
                 f"python test.py --weights {run / 'best_model.pth'}"):
        assert part in said.err


@pytest.mark.parametrize(("more", "message"), [
    (["--modle", "cnn"], "--modle: unknown flag; did you mean --model?"), (["--model", "resnet"], "not one of cnn"),
    (["--epochs", "none"], "--epochs none: a whole number is expected"), (["--lr"], "--lr"),
])
def test_a_mistake_is_one_message_and_exit_code_2_and_nothing_is_written(data, tmp_path, capsys, more, message):
    assert door(data, tmp_path / "runs", *more) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert message in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert not (tmp_path / "runs").exists()


def test_a_run_that_diverges_ends_with_exit_code_3_and_names_the_records(data, tmp_path, capsys):
    assert door(data, tmp_path, "--optimizer", "sgd", "--lr", "1e30", "--scheduler", "constant") == 3
    assert "training diverged" in capsys.readouterr().err
    found = json.loads((tmp_path / "run" / "diverged.json").read_text())["records"]
    assert found
    assert all(name.startswith("toy_") for name in found)


def test_a_leak_refuses_to_start(tmp_path, capsys):
    shared = doors.write_recordings(tmp_path / "leak.npz", subject=np.array([f"s{k % 30}" for k in range(40)]),
                                    subset=np.array(["train"] * 30 + ["test"] * 10))
    assert door(shared, tmp_path) == 2
    assert "in both train and test" in capsys.readouterr().err


def test_overfit_batches_may_share_its_records(data, tmp_path):
    assert door(data, tmp_path, "--overfit_batches", "1", "--epochs", "1") == 0


def test_a_control_is_said_in_the_census(data, tmp_path, capsys):
    assert door(data, tmp_path, "--control", "permute_labels", "--dry_run") == 0
    assert "control: the labels of the training part are permuted" in capsys.readouterr().err


# ----------------------------------------------------------------------------------------------- checks
@pytest.mark.parametrize("more", [[], ["--seeds", "1", "2"], ["--fast_dev_run"], ["--resume", "auto"]])
def test_dry_run_says_what_would_happen_and_writes_nothing(data, tmp_path, capsys, more):
    assert door(data, tmp_path / "runs", "--dry_run", *more) == 0
    said = capsys.readouterr().err
    assert "nothing is trained or written" in said
    assert "training  2 epochs of 4 updates" in said or more == ["--fast_dev_run"]
    assert "decay 0.01" in said
    assert not (tmp_path / "runs").exists()


def test_dry_run_of_a_run_to_go_on_with_leaves_it_alone(data, tmp_path, stop_at):
    stop_at(3)
    assert door(data, tmp_path) == 75
    before = (tmp_path / "run" / "last.pth").read_bytes()
    assert door(data, tmp_path, "--resume", str(tmp_path / "run"), "--dry_run") == 0
    assert (tmp_path / "run" / "last.pth").read_bytes() == before


def test_fast_dev_run_goes_through_everything_and_leaves_nothing(data, tmp_path, capsys, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    long = ["--epochs", "500", "--max_steps", "9000", "--warmup_steps", "100", "--scheduler", "cosine",
            "--early_stopping", "--ema", "0.9", "--log_dir", str(tmp_path / "board"), "--use_tensorboard"]
    assert door(data, tmp_path / "runs", "--fast_dev_run", *long[2:]) == 0
    said = capsys.readouterr().err
    assert "fast_dev_run: training, validation, saving, resuming and testing work" in said
    assert list(scratch.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scratch"]


def test_fast_dev_run_is_short_whatever_was_asked(data, tmp_path, capsys):
    argv = words(data, tmp_path, "--fast_dev_run", "--epochs", "500", "--warmup_epochs", "20", "--folds", "3",
                 "--scheduler", "cosine")
    assert train.main(argv) == 0
    said = capsys.readouterr().err
    assert "epoch 1/1 done" in said
    assert said.count("resuming and testing work") == 1


def test_fast_dev_run_finds_a_parameter_without_gradient(data, tmp_path, capsys, monkeypatch):
    original = Model.__init__

    def with_idle_part(self, *given):
        original(self, *given)
        self.idle = torch.nn.Linear(2, 2)

    monkeypatch.setattr(Model, "__init__", with_idle_part)
    assert door(data, tmp_path, "--fast_dev_run") == 2
    assert "2 parameters got no gradient: idle.weight, idle.bias" in capsys.readouterr().err


def test_debug_takes_a_small_part_and_two_epochs(tmp_path, capsys):
    many = doors.write_recordings(tmp_path / "many.npz", count=100)
    assert train.main(["--data_path", str(many), "--debug", "--save_dir", str(tmp_path), "--experiment_name", "run",
                       "--model_args", "width=4", "--no_use_tensorboard", "--device", "cpu"]) == 0
    said = capsys.readouterr().err
    assert "train     64 records" in said
    assert "training  2 epochs of 2 updates" in said
    assert [row["step"] for row in rows(tmp_path / "run", "train")] == [1, 2, 3, 4]


# ------------------------------------------------------------------------------------- repeating a run
def test_config_of_a_run_repeats_it_bit_by_bit(data, tmp_path):
    more = ["--augmentation", "noise=0.3", "shift=4", "--ema", "0.9", "--model_args", "width=4", "dropout=0.3",
            "--folds", "4", "--fold", "1", "--optimizer", "sgd", "--momentum", "0.8", "--balanced_sampling"]
    assert door(data, tmp_path, *more) == 0
    assert train.main(["--config", str(tmp_path / "run" / "config.json")]) == 0
    assert equal_runs(tmp_path / "run", tmp_path / "run-2")
    first, second = (json.loads((tmp_path / name / "config.json").read_text()) for name in ("run", "run-2"))
    assert first == second


def test_config_gives_way_to_the_command_line(plain, tmp_path):
    argv = ["--config", str(plain / "config.json"), "--save_dir", str(tmp_path), "--epochs", "1"]
    assert train.main(argv) == 0
    assert len(rows(tmp_path / "run", "epoch")) == 1


def test_a_run_does_not_depend_on_what_ran_before_it_in_the_process(data, plain, tmp_path):
    torch.manual_seed(99)
    np.random.seed(99)
    assert door(data, tmp_path) == 0
    assert equal_runs(plain, tmp_path / "run")


# -------------------------------------------------------------------------------------------- resuming
def test_resume_goes_on_with_a_stopped_run_bit_by_bit(data, plain, tmp_path, capsys, stop_at):
    stop_at(6)
    assert door(data, tmp_path) == 75
    said = capsys.readouterr().err
    assert f"SIGTERM: saved at epoch 2, step 6; go on with: python train.py --resume {tmp_path / 'run'}" in said
    assert train.main(["--resume", str(tmp_path / "run")]) == 0
    assert "epoch 2, 16 records into it, step 6" in capsys.readouterr().err
    assert equal_runs(tmp_path / "run", plain)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir() and not path.is_symlink()) == ["run"]


def test_resume_alone_means_auto_and_finds_the_run_by_its_name(data, plain, tmp_path, stop_at):
    stop_at(3)
    assert door(data, tmp_path) == 75
    assert door(data, tmp_path, "--resume") == 0
    assert equal_runs(tmp_path / "run", plain)


def test_resume_auto_without_a_name_finds_the_run_of_the_same_settings_alone(data, tmp_path, capsys, stop_at):
    def unnamed(*more):
        argv = words(data, tmp_path, *more)
        return argv[:4] + argv[6:]  # without --experiment_name run

    stop_at(3)
    assert train.main(unnamed()) == 75
    folder = (tmp_path / "last_run").resolve()
    before = (folder / "last.pth").read_bytes()
    assert train.main(unnamed("--resume", "auto", "--lr", "0.5", "--max_steps", "1")) == 0
    assert "no unfinished run of these settings; starting a new one" in capsys.readouterr().err
    assert (folder / "last.pth").read_bytes() == before
    assert train.main(unnamed("--resume", "auto")) == 0
    assert f"resumed from {folder / 'last.pth'}" in capsys.readouterr().err


def test_resume_auto_of_a_finished_run_does_nothing_and_says_so(data, tmp_path, capsys):
    assert door(data, tmp_path, "--max_steps", "1") == 0
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    assert door(data, tmp_path, "--max_steps", "1", "--resume", "auto") == 0
    assert "this run is finished already" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_resume_auto_never_takes_a_neighbours_run(data, tmp_path, stop_at):
    stop_at(3)
    assert door(data, tmp_path) == 75
    before = (tmp_path / "run" / "last.pth").read_bytes()
    assert door(data, tmp_path, "--experiment_name", "other", "--resume", "auto") == 0
    assert (tmp_path / "run" / "last.pth").read_bytes() == before
    assert len(rows(tmp_path / "other", "train")) == 8


def test_resume_keeps_the_runs_settings_and_says_which_flags_do_not_count(data, plain, tmp_path, capsys, stop_at):
    stop_at(3)
    assert door(data, tmp_path) == 75
    argv = ["--resume", str(tmp_path / "run"), "--lr", "7", "--epochs", "9", "--print_freq", "4", "--save_freq", "1"]
    assert train.main(argv) == 0
    said = capsys.readouterr().err
    lr = json.loads((plain / "config.json").read_text())["lr"]
    assert f"--lr 7.0: the run's {lr} counts" in said
    assert "--epochs 9: the run's 2 counts" in said
    assert "--print_freq" not in said
    assert (tmp_path / "run" / "checkpoint-2.pth").exists()
    assert same(weights(tmp_path / "run"), weights(plain))


def test_resume_from_a_numbered_checkpoint(data, plain, tmp_path, stop_at):
    stop_at(6)
    assert door(data, tmp_path, "--save_freq", "1") == 75
    assert train.main(["--resume", str(tmp_path / "run" / "checkpoint-1.pth")]) == 0
    assert same(weights(tmp_path / "run"), weights(plain))


def test_a_finished_run_is_not_overwritten_from_one_of_its_checkpoints(data, tmp_path, capsys):
    assert door(data, tmp_path, "--save_freq", "1") == 0
    before = (tmp_path / "run" / "last.pth").read_bytes()
    assert train.main(["--resume", str(tmp_path / "run" / "checkpoint-1.pth")]) == 2
    assert "--init_from" in capsys.readouterr().err
    assert (tmp_path / "run" / "last.pth").read_bytes() == before


def test_resume_of_a_folder_that_is_no_run_is_refused(data, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert door(data, tmp_path, "--resume", str(tmp_path / "empty")) == 2
    assert "config.json" in capsys.readouterr().err


# ------------------------------------------------------------------------------------- several runs at once
def table(text):
    """Column -> run -> value of the table on standard output."""
    lines = [line.split("  ") for line in text.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    return {name: {row[0]: row[column] for row in cells[1:]} for column, name in enumerate(cells[0]) if column}


def test_seeds_run_one_after_another_and_give_mean_and_deviation(data, tmp_path, capsys):
    assert door(data, tmp_path, "--seeds", "3", "4", "5", "--max_steps", "2") == 0
    found = table(capsys.readouterr().out)["loss"]
    names = [f"run-seed{seed}" for seed in (3, 4, 5)]
    values = [rows(tmp_path / name, "test")[-1]["metrics"]["loss"] for name in names]
    assert [found[name] for name in names] == [f"{value:.4f}" for value in values]
    assert found["mean +- sd"] == f"{np.mean(values):.4f} +- {np.std(values, ddof=1):.4f}"
    half = 4.3026527 * np.std(values, ddof=1) / np.sqrt(3)  # Student's t, 2 degrees of freedom, 97.5 %
    assert found["95% interval"] == f"{np.mean(values) - half:.4f} .. {np.mean(values) + half:.4f}"
    seeds = [json.loads((tmp_path / name / "config.json").read_text())["seed"] for name in names]
    assert seeds == [3, 4, 5]


def test_folds_run_one_after_another(data, tmp_path, capsys):
    assert door(data, tmp_path, "--folds", "2", "--max_steps", "1") == 0
    assert list(table(capsys.readouterr().out)["accuracy"])[:2] == ["run-fold0", "run-fold1"]
    tested = [set(json.loads((tmp_path / f"run-fold{fold}" / "splits.json").read_text())["test"]) for fold in (0, 1)]
    assert not tested[0] & tested[1]
    assert len(tested[0] | tested[1]) == doors.RECORDS


def test_one_run_of_many_is_the_run_with_that_seed(data, tmp_path):
    assert door(data, tmp_path, "--seeds", "3", "4") == 0
    assert door(data, tmp_path, "--seed", "4") == 0
    assert equal_runs(tmp_path / "run-seed4", tmp_path / "run")


def test_seeds_with_resume_auto_go_on_where_they_were_stopped(data, tmp_path, capsys, stop_at):
    stop_at(12)  # in the second run
    assert door(data, tmp_path, "--seeds", "3", "4") == 75
    capsys.readouterr()
    assert door(data, tmp_path, "--seeds", "3", "4", "--resume", "auto") == 0
    said = capsys.readouterr()
    assert "run-seed3: this run is finished already" in said.err
    assert list(table(said.out)["loss"])[:2] == ["run-seed3", "run-seed4"]
    assert door(data, tmp_path / "again", "--seeds", "3", "4") == 0
    assert capsys.readouterr().out == said.out


def test_seeds_without_a_test_part_show_the_best_validation(data, tmp_path, capsys):
    assert door(data, tmp_path, "--seeds", "3", "4", "--split_ratio", "0.9", "0.1", "0", "--max_steps", "1") == 0
    assert list(table(capsys.readouterr().out)) == ["best accuracy"]


# ---------------------------------------------------------------------------------------------- testing
def restored(*argv):
    return restoring.restore(config.parse(arguments.TEST, list(argv)))


def test_weights_names_a_file_a_run_or_nothing(data, plain, tmp_path, monkeypatch, capsys):
    run = restored("--weights", str(plain))
    assert run.weights == plain / "best_model.pth"
    assert same(run.model.state_dict(), weights(plain, "best_model.pth"))
    assert restored("--weights", str(plain / "last.pth")).weights == plain / "last.pth"
    monkeypatch.chdir(tmp_path)
    assert doors.test_door().main([]) == 2
    assert "no run is there yet" in capsys.readouterr().err
    assert door(data, Path("checkpoints"), "--max_steps", "1") == 0
    for argv in ([], ["--weights"]):
        assert restored(*argv).folder == tmp_path / "checkpoints" / "run"


def test_subset_and_output_dir_of_a_test(plain, tmp_path, capsys):
    argv = ["--weights", str(plain), "--subset", "valid", "--output_dir", str(tmp_path / "out")]
    assert doors.test_door().main(argv) == 0
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())
    best = max(rows(plain, "epoch"), key=lambda row: row["monitor"]["is_best"] * row["epoch"])["val"]
    assert {"loss": found["loss"], **found["metrics"]} == best
    assert not (plain / "valid").exists()
    assert "part valid" in capsys.readouterr().out


def test_flags_of_a_test_change_how_it_computes(plain, tmp_path):
    sizes = [run.loader("test").sampler.batch_size for run in (
        restored("--weights", str(plain)), restored("--weights", str(plain), "--batch_size", "3"),
        restored("--weights", str(plain), "--test_batch_size", "2"))]
    assert sizes == [8, 3, 2]
    assert restored("--weights", str(plain), "--num_workers", "1").loader("test").num_workers == 1
    assert len(restored("--weights", str(plain), "--limit", "2").data.rows["test"]) == 2
    file = tmp_path / "test.toml"
    file.write_text("batch_size = 5\n")
    assert restored("--weights", str(plain), "--config", str(file)).loader("test").sampler.batch_size == 5


def test_new_data_are_tested_whole(plain, tmp_path):
    fresh = doors.write_recordings(tmp_path / "fresh.npz", count=12)
    run = restored("--weights", str(plain), "--data_path", str(fresh))
    assert len(run.data.rows["test"]) == 12
    assert run.data.dataset.source.startswith(str(fresh))
    limited = restored("--weights", str(plain), "--data_path", str(fresh), "--limit", "5")
    assert len(limited.data.rows["test"]) == 5


@pytest.mark.parametrize(("more", "message"), [
    (["--weights", "nowhere"], "nowhere: no such file or folder"), (["--device", "tpu"], "--device tpu"),
    (["--data_path", "nowhere.npz"], "--data_path nowhere.npz: not found"),
    (["--dataset", "simulated_ecg", "--dataset_args", "patients=12"], "these weights expect 2 channels (ch1, ch2)"),
    (["--epochs", "3"], "--epochs: not a flag of test.py"), (["--subset", "holdout"], "holdout"),
])
def test_a_test_that_cannot_be_done_is_refused(plain, capsys, more, message):
    argv = more if "--weights" in more else ["--weights", str(plain), *more]
    assert doors.test_door().main(argv) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""


def test_weights_of_a_script_say_what_they_lack(tmp_path, capsys):
    from src.trainer import checkpoint

    checkpoint.write({"model": {}, "args": {}}, tmp_path / "own.pth")
    assert doors.test_door().main(["--weights", str(tmp_path / "own.pth")]) == 2
    assert "without a registered model" in capsys.readouterr().err


def test_a_moved_run_still_tests_and_a_trainer_of_it_trains_on(data, tmp_path):
    trainer = train_one(data, tmp_path, "--max_steps", "1")
    trainer.folder.rename(tmp_path / "elsewhere")
    assert restored("--weights", str(tmp_path / "elsewhere")).folder == tmp_path / "elsewhere"
