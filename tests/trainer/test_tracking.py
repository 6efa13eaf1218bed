"""metrics.jsonl, TensorBoard and Weights & Biases: what is written, and that their failures never stop training."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

from src.errors import UserError
from src.trainer import checkpoint
from src.trainer.tracking import JsonLines, Tracker, scalars
from tests.helpers import flags, make_trainer, rows, train_until


class FakeWandB:
    """Stands in for the module; `failing` names the call that raises."""

    def __init__(self, failing: str = "", error: BaseException | None = None):
        self.failing, self.error, self.logged, self.started = failing, error or RuntimeError("no network"), [], []
        self.finished = 0

    def _call(self, name: str) -> None:
        if name == self.failing:
            raise self.error

    def init(self, **settings):
        self._call("init")
        self.started.append(settings)
        return SimpleNamespace(id=settings["id"] or f"id{len(self.started)}", log=self.log, finish=self.finish,
                               define_metric=lambda *a, **k: self._call("define_metric"))

    def log(self, values):
        self._call("log")
        self.logged.append(values)

    def finish(self):
        self._call("finish")
        self.finished += 1


@pytest.fixture
def wandb(monkeypatch):
    def install(**more) -> FakeWandB:
        fake = FakeWandB(**more)
        monkeypatch.setitem(sys.modules, "wandb", fake)
        return fake

    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    return install


# --------------------------------------------------------------------------------------------- Weights & Biases
@pytest.mark.parametrize("error", [RuntimeError("no network"), OSError("disk"), SystemExit(1)],
                         ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("call", ["init", "define_metric", "log", "finish"])
def test_a_failure_of_wandb_at_any_call_never_stops_training(tmp_path, capsys, wandb, call, error):
    wandb(failing=call, error=error)
    trainer = make_trainer(tmp_path, use_wandb=True, epochs=2)
    trainer.train()
    assert rows(tmp_path / "run")[-1]["event"] == "finished"
    said = [line for line in capsys.readouterr().err.splitlines() if "going on without it" in line]
    assert len(said) == 1
    assert said[0].startswith("Weights & Biases: ")


def test_wandb_that_is_not_installed_does_not_stop_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    make_trainer(tmp_path, use_wandb=True, epochs=1).train()
    assert "Weights & Biases: ModuleNotFoundError" in capsys.readouterr().err


def test_wandb_gets_every_row_and_the_settings(tmp_path, wandb):
    fake = wandb()
    make_trainer(tmp_path, use_wandb=True, epochs=2, wandb_project="p", wandb_entity="e", lr=0.02).train()
    settings = fake.started[0]
    assert (settings["project"], settings["entity"], settings["name"]) == ("p", "e", "run")
    assert settings["config"]["lr"] == 0.02
    assert [row["step"] for row in fake.logged] == [row["step"] for row in rows(tmp_path / "run")]
    assert {"train/loss", "val/accuracy", "step/loss"} <= {name for row in fake.logged for name in row}
    assert fake.finished == 1


@pytest.mark.parametrize(("variables", "mode"), [({}, "offline"), ({"WANDB_API_KEY": "k"}, "online"),
                                                 ({"WANDB_API_KEY": "k", "WANDB_MODE": "offline"}, "offline")])
def test_wandb_is_offline_without_a_key(tmp_path, monkeypatch, wandb, variables, mode):
    fake = wandb()
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    make_trainer(tmp_path, use_wandb=True, epochs=1).train()
    assert fake.started[0]["mode"] == mode


def test_a_resumed_run_goes_on_with_its_wandb_run(tmp_path, wandb):
    fake = wandb()
    train_until(make_trainer(tmp_path, use_wandb=True), 4)
    make_trainer(tmp_path, use_wandb=True, resume=str(tmp_path / "run")).train()
    assert [settings["id"] for settings in fake.started] == [None, "id1"]
    assert checkpoint.read(tmp_path / "run/last.pth")["resume"]["tracking"]["wandb_id"] == "id1"


def test_the_wandb_run_is_not_forgotten_while_wandb_is_away(tmp_path, wandb):
    wandb()
    train_until(make_trainer(tmp_path, use_wandb=True), 4)
    wandb(failing="init")
    train_until(make_trainer(tmp_path, use_wandb=True, resume=str(tmp_path / "run")), 7)
    fake = wandb()
    make_trainer(tmp_path, use_wandb=True, resume=str(tmp_path / "run")).train()
    assert fake.started[0]["id"] == "id1"


# --------------------------------------------------------------------------------------------- TensorBoard
def test_tensorboard_holds_the_numbers_of_metrics_jsonl(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    make_trainer(tmp_path, use_tensorboard=True, epochs=2, log_dir=str(tmp_path / "events")).train()
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    epochs = [row for row in rows(tmp_path / "run") if row["event"] == "epoch"]
    found = events.Scalars("train/loss")
    assert [event.step for event in found] == [row["step"] for row in epochs]
    assert [event.value for event in found] == pytest.approx([row["train"]["loss"] for row in epochs])
    assert len(events.Scalars("val/accuracy")) == 2


def test_a_failure_of_tensorboard_does_not_stop_training(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    make_trainer(tmp_path, use_tensorboard=True, epochs=1, log_dir=str(tmp_path / "file")).train()
    assert capsys.readouterr().err.count("TensorBoard: ") == 1
    assert rows(tmp_path / "run")[-1]["event"] == "finished"


# --------------------------------------------------------------------------------------------- metrics.jsonl
def test_the_rows_of_a_run_tell_its_story_in_order(tmp_path):
    make_trainer(tmp_path, epochs=2, print_freq=2).train()
    found = [(row["event"], row["epoch"], row["step"]) for row in rows(tmp_path / "run")]
    assert found == [("train", 1, 2), ("epoch", 1, 3), ("train", 2, 4), ("train", 2, 6), ("epoch", 2, 6),
                     ("finished", 2, 6)]


def test_rows_are_on_the_disk_as_soon_as_they_are_written(tmp_path):
    lines = JsonLines(tmp_path / "metrics.jsonl")
    lines.write({"a": 1})
    assert json.loads((tmp_path / "metrics.jsonl").read_text()) == {"a": 1}
    assert lines.size == (tmp_path / "metrics.jsonl").stat().st_size
    lines.close()


def test_rows_after_the_checkpoint_are_cut_off_and_never_more(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"a": 1}\n{"b": "ä"}\n{"half')
    JsonLines(path, keep_bytes=9).close()
    assert path.read_text() == '{"a": 1}\n'
    JsonLines(path, keep_bytes=500).close()  # the file is shorter than the checkpoint says
    assert path.read_text() == '{"a": 1}\n'


def test_a_metrics_file_that_cannot_be_written_is_the_users_error(tmp_path):
    with pytest.raises(UserError, match=r"metrics\.jsonl: cannot be written"):
        JsonLines(tmp_path / "nowhere" / "metrics.jsonl")
    lines = JsonLines(tmp_path / "metrics.jsonl")
    lines.file.close()
    lines.file = open("/dev/full", "w", encoding="utf8")  # noqa: SIM115  every flush fails: no space left
    with pytest.raises(UserError, match="No space left"):
        lines.write({"a": 1})
    lines.close()


def test_scalars_are_flat_numbers_without_the_bookkeeping():
    row = {"event": "epoch", "epoch": 2, "step": 30, "time": 1.5, "train": {"loss": 1}, "val": {"f1": 0.5, "name": "x"},
           "monitor": {"name": "f1", "is_best": True, "best": None}, "lr": 0.1}
    assert scalars(row) == {"epoch": 2.0, "train/loss": 1.0, "val/f1": 0.5, "lr": 0.1}
    assert scalars({**row, "event": "train"})["step/lr"] == 0.1


def test_a_sink_that_failed_is_left_out_and_the_others_go_on(tmp_path):
    said = []
    tracker = Tracker(tmp_path, flags(tmp_path), {}, said.append)
    good = []

    class Sink:
        def __init__(self, act):
            self.act = act

        def write(self, row):
            self.act(row)

        def close(self):
            pass

    def broken(row):
        raise ValueError("broken")

    tracker.sinks = [("bad", Sink(broken)), ("good", Sink(good.append))]
    for step in range(3):
        tracker.write("train", epoch=1, step=step)
    tracker.close()
    assert len(good) == 3
    assert said == ["bad: ValueError: broken; going on without it"]
