"""A run that was stopped anywhere and resumed is, bit for bit, the run that was left alone."""

from __future__ import annotations

import multiprocessing
import os
import signal

import pytest
import torch

from src.errors import StoppedBySignal, UserError
from src.trainer.main_trainer import MainTrainer
from tests.helpers import (
    TinyNet,
    assert_same_run,
    difference,
    flags,
    make_trainer,
    resumable,
    rows,
    stop_at,
    train_until,
    tuple_loader,
)

UPDATES = 12
EVERYTHING = {"ema": 0.9, "augmentation": ["noise=0.1", "scale=0.2", "shift=2"], "grad_clip": 1.0, "warmup_steps": 3}


def own(folder, workers=0, **more):
    return make_trainer(folder, TinyNet(dropout=0.3), workers=workers, **{**EVERYTHING, **more})


def foreign(folder, workers=0, **more):
    args = flags(folder, **{**EVERYTHING, "augmentation": [], **more})
    generator = torch.Generator().manual_seed(5) if more.get("seed") == 1 else None
    train = tuple_loader(workers=workers, generator=generator)
    return MainTrainer(TinyNet(dropout=0.3), args, train, tuple_loader(9, shuffle=False))


def check(tmp_path, make, updates, **more):
    make(tmp_path / "whole", **more).train()
    for update in updates:
        folder = tmp_path / f"stopped-{update}"
        train_until(make(folder, **more), update)
        make(folder, resume=str(folder / "run"), **more).train()
        assert_same_run(tmp_path / "whole/run", folder / "run")


def test_stopped_at_any_update_and_resumed_gives_the_same_bits_as_no_interruption(tmp_path):
    check(tmp_path, own, range(1, UPDATES + 1))


@pytest.mark.parametrize("more", [{"balanced_sampling": True}, {"grad_accum_steps": 1, "max_steps": 8},
                                  {"scheduler": "plateau", "scheduler_patience": 0, "warmup_steps": None},
                                  {"schedule_unit": "epoch", "eval_freq": 2}, {"optimizer": "sgd"},
                                  {"early_stopping": True, "patience": 3, "monitor": "val_loss"}], ids=str)
def test_resuming_is_exact_with(tmp_path, more):
    check(tmp_path, own, (2, 7), **more)


def test_resuming_is_exact_with_workers(tmp_path):
    check(tmp_path, own, (4,), workers=2)


def test_workers_leave_with_the_run(tmp_path):
    before = set(multiprocessing.active_children())
    trainer = own(tmp_path, workers=1, epochs=1)
    trainer.train()
    trainer.test()
    assert set(multiprocessing.active_children()) == before


def test_the_number_of_workers_does_not_change_a_bit(tmp_path):
    own(tmp_path / "none").train()
    own(tmp_path / "two", workers=2).train()
    assert_same_run(tmp_path / "none/run", tmp_path / "two/run")


@pytest.mark.parametrize("seed", [7, 1], ids=["without_generator", "with_its_own_generator"])
def test_a_foreign_loader_resumes_inside_and_between_epochs_to_the_same_bits(tmp_path, seed):
    check(tmp_path, foreign, (2, 6, 7, 12), seed=seed)


@pytest.mark.slow
def test_a_foreign_loader_resumes_at_every_update_to_the_same_bits(tmp_path):
    check(tmp_path, foreign, range(1, UPDATES + 1))


def test_a_foreign_loader_with_workers_resumes_to_the_same_bits(tmp_path):
    check(tmp_path, foreign, (5,), workers=2)


@pytest.mark.slow
@pytest.mark.parametrize("make", [own, foreign])
def test_with_workers_every_update_resumes_to_the_same_bits(tmp_path, make):
    check(tmp_path, make, range(1, UPDATES + 1), workers=2)


def test_a_run_may_be_stopped_many_times(tmp_path):
    own(tmp_path / "whole").train()
    train_until(own(tmp_path / "often"), 1)
    for update in range(2, UPDATES + 1):
        train_until(own(tmp_path / "often", resume=str(tmp_path / "often/run")), update)
    own(tmp_path / "often", resume=str(tmp_path / "often/run")).train()
    assert_same_run(tmp_path / "whole/run", tmp_path / "often/run")


def test_resuming_from_a_save_inside_the_epoch_gives_the_same_bits(tmp_path):
    own(tmp_path / "whole", save_steps=1).train()
    killed = own(tmp_path / "killed", save_steps=1)
    update = killed._update

    def die(at=5):
        update()
        if killed.global_step == at:
            raise ZeroDivisionError

    killed._update = die
    with pytest.raises(ZeroDivisionError):
        killed.train()
    own(tmp_path / "killed", save_steps=1, resume=str(tmp_path / "killed/run")).train()
    assert_same_run(tmp_path / "whole/run", tmp_path / "killed/run")


class StopsInValidation(MainTrainer):
    """Gets a real SIGTERM in the second batch of validation, in the epoch that `at` names."""

    at = 1

    def forward_pass(self, batch):
        if not self.model.training and self.current_epoch == self.at and self.global_step:
            self.seen = getattr(self, "seen", 0) + 1
            if self.seen == 2:
                os.kill(os.getpid(), signal.SIGTERM)
        return super().forward_pass(batch)


@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_signal_in_validation_abandons_it_and_resuming_validates_first(tmp_path, at):
    own(tmp_path / "whole").train()
    trainer = own(tmp_path / "cut", kind=type("Stops", (StopsInValidation,), {"at": at}))
    with pytest.raises(StoppedBySignal) as stop:
        trainer.train()
    assert stop.value.exit_code == 75
    assert sum(row["event"] == "epoch" for row in rows(tmp_path / "cut/run")) == at
    own(tmp_path / "cut", resume=str(tmp_path / "cut/run")).train()
    assert_same_run(tmp_path / "whole/run", tmp_path / "cut/run")


def test_a_signal_in_the_check_before_the_first_step_stops_the_run_without_a_traceback(tmp_path):
    class Early(MainTrainer):
        def forward_pass(self, batch):
            os.kill(os.getpid(), signal.SIGTERM)
            return super().forward_pass(batch)

    with pytest.raises(StoppedBySignal):
        make_trainer(tmp_path, kind=Early).train()


def test_a_signal_while_saving_saves_and_stops(tmp_path, monkeypatch):
    from src.trainer import checkpoint

    own(tmp_path / "whole").train()
    trainer, write = own(tmp_path / "cut"), checkpoint.write

    def interrupted(*args, **more):
        os.kill(os.getpid(), signal.SIGTERM)
        write(*args, **more)

    monkeypatch.setattr(checkpoint, "write", interrupted)
    with pytest.raises(StoppedBySignal):
        trainer.train()
    monkeypatch.undo()
    assert trainer.current_epoch == 1
    own(tmp_path / "cut", resume=str(tmp_path / "cut/run")).train()
    assert_same_run(tmp_path / "whole/run", tmp_path / "cut/run")


def test_the_handlers_of_the_process_are_put_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    make_trainer(tmp_path, epochs=1).train()
    assert signal.getsignal(signal.SIGTERM) is before


def test_early_stopping_counts_on_after_a_resume_and_a_stopped_run_is_finished(tmp_path):
    more = {"early_stopping": True, "patience": 2, "min_delta": 100.0, "epochs": 9}
    own(tmp_path / "whole", **more).train()
    epochs = [row for row in rows(tmp_path / "whole/run") if row["event"] == "epoch"]
    assert len(epochs) == 3  # one that sets the mark, two without progress
    train_until(own(tmp_path / "cut", **more), 7)
    own(tmp_path / "cut", resume=str(tmp_path / "cut/run"), **more).train()
    assert_same_run(tmp_path / "whole/run", tmp_path / "cut/run")
    before = resumable(tmp_path / "cut/run")
    own(tmp_path / "cut", resume=str(tmp_path / "cut/run"), **more).train()
    assert difference(before, resumable(tmp_path / "cut/run")) == ""
    assert rows(tmp_path / "cut/run")[-1]["event"] == "finished"


def test_a_finished_run_that_is_resumed_by_its_file_keeps_the_rows_of_its_tests(tmp_path):
    trainer = make_trainer(tmp_path)
    trainer.train()
    trainer.test()
    before = rows(tmp_path / "run")
    make_trainer(tmp_path, resume=str(tmp_path / "run/last.pth")).train()
    after = rows(tmp_path / "run")
    assert after[:-1] == before
    assert after[-1]["event"] == "finished"


def test_going_on_from_the_middle_of_a_finished_run_is_refused(tmp_path):
    make_trainer(tmp_path, save_freq=1).train()
    before = rows(tmp_path / "run")
    with pytest.raises(UserError, match=r"is finished.*\n.*--init_from .*checkpoint-2\.pth"):
        make_trainer(tmp_path, resume=str(tmp_path / "run/checkpoint-2.pth")).train()
    assert rows(tmp_path / "run") == before


def test_a_plateau_schedule_goes_on_where_it_was(tmp_path):
    more = {"scheduler": "plateau", "scheduler_patience": 1, "monitor": "loss", "lr": 1e-9, "warmup_steps": None}
    whole = make_trainer(tmp_path / "whole", **more)
    whole.progress.mode = "max"
    whole.train()
    train_until(own(tmp_path / "cut", **more), 7)
    again = own(tmp_path / "cut", resume=str(tmp_path / "cut/run"), **more)
    again._open()
    state = resumable(tmp_path / "cut/run")["scheduler"]
    assert state["best"] is not None
    assert again.scheduler.state_dict() == state
    again._close()


def test_resuming_into_another_model_is_refused_by_name(tmp_path):
    train_until(make_trainer(tmp_path), 2)
    with pytest.raises(UserError, match=r"do not fit this model.*running_mean"):
        make_trainer(tmp_path, TinyNet(norm="batch"), resume=str(tmp_path / "run")).train()


def test_resuming_from_weights_without_state_says_so(tmp_path):
    from src.trainer import checkpoint

    make_trainer(tmp_path, epochs=1).train()
    state = checkpoint.read(tmp_path / "run/last.pth")
    checkpoint.write({**state, "resume": None}, tmp_path / "run/bare.pth")
    with pytest.raises(UserError, match="no state to resume from"):
        make_trainer(tmp_path, resume=str(tmp_path / "run/bare.pth")).train()


def test_the_message_of_a_stop_says_how_to_go_on(tmp_path):
    trainer = make_trainer(tmp_path)
    stop_at(trainer, 5)
    with pytest.raises(StoppedBySignal, match=rf"epoch 2, step 5; go on with: python train.py --resume {tmp_path}/run"):
        trainer.train()
