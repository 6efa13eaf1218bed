"""The folder of a run: names, pointers, what `--resume auto` goes on with, and what is never touched."""

from __future__ import annotations

import json
import os

import pytest

from src import resuming
from src.door import NothingToDo
from src.errors import UserError
from src.trainer import checkpoint, run_folder
from tests.helpers import flags, make_trainer, rows, train_until


def auto(folder, **more):
    """The arguments of a command line with --resume auto after looking for the run, and the lines said."""
    args = flags(folder, resume="auto", **more)
    args.sources = dict.fromkeys(more, "command line")
    return resuming.resumed_args(args)


def aged(folder, seconds: int) -> None:
    """As if the run had been started so much earlier."""
    file = folder / "config.json"
    at = file.stat().st_mtime - seconds
    os.utime(file, (at, at))


# --------------------------------------------------------------------------------------------- names
def test_a_name_that_is_taken_gets_the_next_number_and_a_line_that_says_so(tmp_path, capsys):
    for wanted in ("run", "run-2", "run-3"):
        trainer = make_trainer(tmp_path, epochs=1)
        trainer.train()
        assert trainer.folder == tmp_path / wanted
    assert f"{tmp_path / 'run'} is there already: this run is {tmp_path / 'run-3'}" in capsys.readouterr().err
    assert json.loads((tmp_path / "run-3/config.json").read_text())["experiment_name"] == "run"


def test_a_taken_name_is_not_written_into(tmp_path):
    (tmp_path / "run").mkdir(parents=True)
    (tmp_path / "run/thesis.txt").write_text("mine")
    make_trainer(tmp_path, epochs=1).train()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("name", ["../out", "a/b", "..", ".", "last_run", "", "/etc", "a\nb", " "])
def test_a_name_that_is_no_plain_folder_name_is_refused(tmp_path, name):
    args = flags(tmp_path, experiment_name=name)
    if not name:  # no name: model and time
        assert run_folder.create(args, {})[0].name.startswith("cnn-")
        return
    with pytest.raises(UserError, match="plain folder name"):
        run_folder.create(args, {})


def test_a_save_dir_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--save_dir .*file: cannot write there"):
        run_folder.create(flags(tmp_path / "file"), {})


# --------------------------------------------------------------------------------------------- pointers
def test_the_pointers_follow_the_newest_run(tmp_path):
    for name in ("first", "second"):
        make_trainer(tmp_path, epochs=1, experiment_name=name).train()
        assert (tmp_path / "last_run").resolve() == tmp_path / name
        assert (tmp_path / "best_model.pth").resolve() == tmp_path / name / "best_model.pth"
        assert checkpoint.find_weights(None, tmp_path) == tmp_path / name / "best_model.pth"


def test_the_pointers_survive_a_move_of_the_whole_folder(tmp_path):
    make_trainer(tmp_path / "here", epochs=1).train()
    (tmp_path / "here").rename(tmp_path / "there")
    assert checkpoint.read(tmp_path / "there/best_model.pth")["epoch"] == 1


def test_somebodys_own_file_in_the_place_of_a_pointer_stays(tmp_path):
    tmp_path.joinpath("best_model.pth").write_text("mine")
    tmp_path.joinpath("last_run").mkdir()
    make_trainer(tmp_path, epochs=1).train()
    assert tmp_path.joinpath("best_model.pth").read_text() == "mine"
    assert not tmp_path.joinpath("last_run").is_symlink()


def test_a_file_system_without_links_still_trains(tmp_path, monkeypatch):
    def no_links(*args, **more):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", no_links)
    make_trainer(tmp_path, epochs=1).train()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_weights_are_found_by_file_by_run_and_by_nothing(tmp_path):
    make_trainer(tmp_path, epochs=1, save_best=False).train()
    last = tmp_path / "run/last.pth"
    assert checkpoint.find_weights(last) == checkpoint.find_weights(tmp_path / "run") == last
    assert checkpoint.find_weights(None, tmp_path) == last
    assert checkpoint.find_weights(tmp_path) == last  # the folder of runs points to the newest one's weights
    (tmp_path / "hollow").mkdir()
    with pytest.raises(UserError, match=r"without best_model\.pth or last\.pth"):
        checkpoint.find_weights(tmp_path / "hollow")
    with pytest.raises(UserError, match="no such file"):
        checkpoint.find_weights(tmp_path / "x")
    with pytest.raises(UserError, match="no run is there yet"):
        checkpoint.find_weights(None, tmp_path / "empty")


# --------------------------------------------------------------------------------------------- --resume auto
def test_auto_goes_on_with_the_unfinished_run_of_the_same_name(tmp_path):
    train_until(make_trainer(tmp_path), 4)
    train_until(make_trainer(tmp_path, experiment_name="neighbour"), 2)
    args, _ = auto(tmp_path)
    assert args.resume == str(tmp_path / "run")
    trainer = make_trainer(tmp_path, resume=args.resume)
    trainer.train()
    assert trainer.global_step == 12
    assert rows(tmp_path / "run")[-1]["event"] == "finished"


def test_auto_never_goes_on_with_a_neighbour(tmp_path):
    train_until(make_trainer(tmp_path, experiment_name="neighbour"), 2)
    train_until(make_trainer(tmp_path, experiment_name="run-2"), 2)  # a name of its own, not the second "run"
    args, notes = auto(tmp_path)
    assert args.resume is None
    assert "starting a new one" in notes[0]


def test_auto_takes_the_newest_of_the_runs_that_share_a_name(tmp_path):
    for _ in range(2):
        train_until(make_trainer(tmp_path), 2)
    aged(tmp_path / "run", 100)
    assert auto(tmp_path)[0].resume == str(tmp_path / "run-2")


def test_auto_says_that_the_run_is_finished_and_leaves_it_as_it_is(tmp_path):
    make_trainer(tmp_path, epochs=1).train()
    before = (tmp_path / "run/metrics.jsonl").read_bytes()
    with pytest.raises(NothingToDo, match="run: this run is finished already"):
        auto(tmp_path, epochs=1)
    assert (tmp_path / "run/metrics.jsonl").read_bytes() == before


def test_auto_without_a_name_takes_the_unfinished_run_of_equal_settings(tmp_path):
    for lr in (0.01, 0.02):
        trainer = make_trainer(tmp_path, lr=lr, experiment_name=None)
        train_until(trainer, 2)
    assert auto(tmp_path, experiment_name=None, lr=0.02)[0].resume == str(trainer.folder)
    assert auto(tmp_path, experiment_name=None, lr=0.03)[0].resume is None
    assert auto(tmp_path, experiment_name=None, lr=0.02, num_workers=2)[0].resume == str(trainer.folder)


def test_auto_is_not_disturbed_by_folders_of_others(tmp_path):
    train_until(make_trainer(tmp_path), 2)
    for name, content in (("broken", "{"), ("list", "[1]"), ("binary", "\udcff"), ("bert", '{"model_type": "bert"}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_bytes(content.encode(errors="surrogateescape"))
        (tmp_path / name / "last.pth").write_text("")
    (tmp_path / "notes.txt").write_text("")
    assert auto(tmp_path)[0].resume == str(tmp_path / "run")
    with pytest.raises(UserError, match=r"config\.json cannot be read"):
        run_folder.read_config(tmp_path / "list")


def test_a_run_killed_before_its_first_save_is_passed_over(tmp_path):
    run_folder.create(flags(tmp_path), {"experiment_name": "run"})
    assert auto(tmp_path)[0].resume is None


def test_a_half_written_last_row_does_not_hide_that_a_run_is_unfinished(tmp_path):
    train_until(make_trainer(tmp_path), 4)
    with open(tmp_path / "run/metrics.jsonl", "a", encoding="utf8") as file:
        file.write('{"event": "trai')
    assert not run_folder.is_finished(tmp_path / "run")
    make_trainer(tmp_path, resume=str(tmp_path / "run")).train()
    assert run_folder.is_finished(tmp_path / "run")


# --------------------------------------------------------------------------------------------- what is kept
def test_the_newest_numbered_checkpoints_are_kept_and_hold_their_epochs(tmp_path):
    make_trainer(tmp_path, epochs=6, save_freq=2, keep_checkpoint_max=2).train()
    found = sorted(path.name for path in (tmp_path / "run").glob("checkpoint-*.pth"))
    assert found == ["checkpoint-4.pth", "checkpoint-6.pth"]
    assert [checkpoint.read(tmp_path / "run" / name)["epoch"] for name in found] == [4, 6]


def test_a_run_deletes_nothing_but_its_own_checkpoints(tmp_path):
    train_until(make_trainer(tmp_path, save_freq=1, keep_checkpoint_max=1), 3)
    mine = ["checkpoint-best.pth", "old-checkpoint-1.pth", "notes.txt", ".last.pth.swp", "model.pth"]
    for name in mine:
        (tmp_path / "run" / name).write_text("mine")
    make_trainer(tmp_path, save_freq=1, keep_checkpoint_max=1, resume=str(tmp_path / "run")).train()
    for name in mine:
        assert (tmp_path / "run" / name).read_text() == "mine"


def test_without_save_best_there_is_no_best_model(tmp_path):
    make_trainer(tmp_path, epochs=2, save_best=False).train()
    assert not (tmp_path / "run/best_model.pth").exists()


def test_a_test_row_after_the_end_leaves_the_run_finished(tmp_path):
    trainer = make_trainer(tmp_path, epochs=1)
    trainer.train()
    values = trainer.test()
    assert run_folder.is_finished(tmp_path / "run")
    assert run_folder.test_metrics(tmp_path / "run") == pytest.approx(values)
    assert run_folder.test_metrics(None) == {}
