"""What a person is told when memory runs out or validation cannot work, and where a run ends."""

from __future__ import annotations

import pytest
import torch

from src.errors import UserError
from src.trainer import checkpoint
from src.trainer.main_trainer import MainTrainer
from tests.helpers import difference, make_trainer, rows


class Hungry(MainTrainer):
    """Runs out of memory in the second epoch."""

    error: BaseException = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def forward_pass(self, batch):
        if self.model.training and self.current_epoch == 1:
            raise self.error
        return super().forward_pass(batch)


@pytest.mark.parametrize("error", [Hungry.error, MemoryError()], ids=lambda error: type(error).__name__)
def test_running_out_of_memory_names_the_flags_that_help_with_numbers(tmp_path, monkeypatch, error):
    monkeypatch.setattr(Hungry, "error", error)
    with pytest.raises(UserError, match=r"out of memory on cpu with --batch_size 4") as told:
        make_trainer(tmp_path, kind=Hungry, grad_accum_steps=2).train()
    assert told.value.exit_code == 2
    for help_offered in ("--batch_size 2 --grad_accum_steps 4", "--mixed_precision", "--preset"):
        assert help_offered in told.value.hint
    assert checkpoint.read(tmp_path / "run/last.pth")["epoch"] == 1


def test_mixed_precision_is_not_offered_to_a_run_that_has_it(tmp_path):
    with pytest.raises(UserError) as told:
        make_trainer(tmp_path, kind=Hungry, precision="bf16").train()
    assert "--mixed_precision" not in told.value.hint


def test_a_metric_that_validation_does_not_give_is_refused_before_the_first_step(tmp_path):
    trainer = make_trainer(tmp_path, monitor="val_kappa_of_my_own")
    with pytest.raises(UserError, match="--monitor kappa_of_my_own: validation gives no such metric") as told:
        trainer.train()
    assert "accuracy" in told.value.hint
    assert trainer.global_step == 0
    assert not (tmp_path / "run/last.pth").exists()


def test_validation_that_fails_does_so_before_the_first_step(tmp_path):
    class Broken(MainTrainer):
        def validate_epoch(self, val_loader):
            raise KeyError("a typing mistake")

    trainer = make_trainer(tmp_path, kind=Broken)
    with pytest.raises(KeyError):
        trainer.train()
    assert trainer.global_step == 0


def test_the_check_looks_at_two_batches_and_leaves_training_as_it_would_be(tmp_path):
    class Counting(MainTrainer):
        seen = 0

        def forward_pass(self, batch):
            self.seen += not self.model.training and self.global_step == 0
            return super().forward_pass(batch)

    trainer = make_trainer(tmp_path / "checked", kind=Counting)
    trainer.train()
    assert trainer.seen == 2
    unchecked = make_trainer(tmp_path / "unchecked")
    unchecked.check_validation = lambda: None
    unchecked.train()
    assert difference(dict(trainer.model.state_dict()), dict(unchecked.model.state_dict())) == ""


@pytest.mark.parametrize(("max_steps", "epochs"), [(1, 1), (3, 1), (4, 2), (20, 7)])
def test_max_steps_ends_a_run_inside_an_epoch_with_validation_and_checkpoint(tmp_path, max_steps, epochs):
    make_trainer(tmp_path, max_steps=max_steps).train()
    found = [row for row in rows(tmp_path / "run") if row["event"] == "epoch"]
    assert (len(found), found[-1]["step"]) == (epochs, max_steps)
    assert "accuracy" in found[-1]["val"]
    state = checkpoint.read(tmp_path / "run/last.pth")
    assert (state["step"], state["resume"]["is_inside_epoch"]) == (max_steps, False)


@pytest.mark.parametrize("load_best", [True, False])
def test_a_run_ends_with_the_best_weights_or_the_last(tmp_path, load_best):
    trainer = make_trainer(tmp_path, load_best=load_best, lr=0.5, optimizer="sgd", monitor="loss")
    trainer.train()
    best, last = (checkpoint.read(tmp_path / "run" / name) for name in ("best_model.pth", "last.pth"))
    assert best["epoch"] < last["epoch"]  # such a rate gets worse again
    expected = best if load_best else last
    assert difference(dict(trainer.model.state_dict()), dict(expected["model"])) == ""


def test_several_validation_sets_are_scored_and_the_first_decides(tmp_path):
    trainer = make_trainer(tmp_path, epochs=2)
    trainer.val_loaders = {"val": trainer.val_loaders["val"], "hospital_b": trainer.test_loader}
    trainer.train()
    row = next(row for row in rows(tmp_path / "run") if row["event"] == "epoch")
    assert {"loss", "accuracy", "hospital_b_loss", "hospital_b_accuracy"} <= set(row["val"])
    assert row["monitor"] == {"name": "accuracy", "value": row["val"]["accuracy"], "best": row["val"]["accuracy"],
                              "is_best": True}
