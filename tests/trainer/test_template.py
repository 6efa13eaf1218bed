"""Classes as users of the training template have written them: they train, save and resume unchanged."""

from __future__ import annotations

import argparse

import pytest
import torch
from torch import nn

from src.models.base_models import BaseModel
from src.trainer import checkpoint
from src.trainer.base_trainer import BaseTrainer
from src.trainer.main_trainer import MainTrainer
from tests.helpers import CHANNELS, SAMPLES, TinyNet, difference, flags, resumable, rows, train_until, tuple_loader


class TwoLayerNet(BaseModel):
    def __init__(self, channels=CHANNELS, samples=SAMPLES, classes=3):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(channels * samples, 64), nn.ReLU())
        self.head = nn.Linear(64, classes)

    def init_weights(self):
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)

    @property
    def dim(self):
        return 64

    def forward(self, x):
        return self.head(self.body(x))


class HandWrittenTrainer(BaseTrainer):
    def get_criterion(self):
        return {"class": nn.CrossEntropyLoss()}

    def forward_pass(self, batch):
        x, y = (part.to(self.device) for part in batch)
        logits = self.model(x)
        return self.criterion["class"](logits, y), logits

    def train_epoch(self, train_loader):
        self.model.train()
        total = 0.0
        for batch in train_loader:
            loss, _ = self.forward_pass(batch)
            self.mixed_precision_step(loss)
            total += loss.item()
        return {"loss": total / len(train_loader)}

    def validate_epoch(self, val_loader):
        self.model.eval()
        with torch.no_grad():
            losses = [self.forward_pass(batch)[0].item() for batch in val_loader]
        return {"val_loss": sum(losses) / len(losses)}

    def inference(self, batch):
        return self.model(batch[0].to(self.device)).argmax(-1)


class OwnStepTrainer(HandWrittenTrainer):
    def train_epoch(self, train_loader):
        self.model.train()
        losses = []
        for batch in train_loader:
            loss, _ = self.forward_pass(batch)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return {"loss": sum(losses) / len(losses)}


def make(folder, kind=HandWrittenTrainer, **more):
    torch.manual_seed(3)
    args = flags(folder, **{"grad_accum_steps": 1, "epochs": 2, **more})
    return kind(TwoLayerNet(), args, tuple_loader(), tuple_loader(9, shuffle=False), tuple_loader(9, shuffle=False))


def test_hand_written_classes_train_and_the_loss_falls(tmp_path):
    trainer = make(tmp_path, epochs=5)
    trainer.train()
    epochs = [row for row in rows(tmp_path / "run") if row["event"] == "epoch"]
    assert len(epochs) == 5
    assert epochs[-1]["train"]["loss"] < epochs[0]["train"]["loss"]
    assert trainer.best_metric == min(row["val"]["loss"] for row in epochs)


def test_an_update_is_a_batch_and_its_weights_move(tmp_path):
    trainer = make(tmp_path, epochs=1)
    trainer.train()
    assert trainer.global_step == 6
    assert trainer.current_epoch == 1


@pytest.mark.parametrize("update", [1, 4, 6, 9, 12])
def test_a_hand_written_trainer_resumes_inside_an_epoch_to_the_same_bits(tmp_path, update):
    make(tmp_path / "whole").train()
    train_until(make(tmp_path / "cut"), update)
    make(tmp_path / "cut", resume=str(tmp_path / "cut/run")).train()
    assert difference(resumable(tmp_path / "whole/run"), resumable(tmp_path / "cut/run")) == ""


def test_a_trainer_that_steps_by_itself_says_so_once_and_resumes_at_ends_of_epochs(tmp_path, capfd):
    make(tmp_path / "whole", OwnStepTrainer, epochs=3).train()
    said = capfd.readouterr().err
    assert said.count("resumes at the ends of epochs") == 1
    trainer = make(tmp_path / "cut", OwnStepTrainer, epochs=3)
    trainer.signals.received = None
    epoch = trainer.train_epoch

    def asked(loader):
        found = epoch(loader)
        trainer.signals.received = "SIGTERM" if trainer.current_epoch == 1 else None
        return found

    trainer.train_epoch = asked
    with pytest.raises(Exception, match="saved at epoch 2"):
        trainer.train()
    make(tmp_path / "cut", OwnStepTrainer, epochs=3, resume=str(tmp_path / "cut/run")).train()
    assert difference(resumable(tmp_path / "whole/run"), resumable(tmp_path / "cut/run")) == ""


def test_a_namespace_with_few_attributes_is_enough(tmp_path):
    args = argparse.Namespace(epochs=1, save_dir=str(tmp_path), use_tensorboard=False, favourite="blue")
    trainer = MainTrainer(TwoLayerNet(), args, tuple_loader(), tuple_loader(9))
    trainer.train()
    assert trainer.args.lr == 1e-3
    assert trainer.args.favourite == "blue"
    assert (tmp_path / "last_run/last.pth").exists()


def test_the_public_surface_works_before_and_after_training(tmp_path):
    trainer = make(tmp_path, MainTrainer)
    trainer.log_metrics({"train": {"loss": 1.0}}, 0)  # before a run there is nowhere to write
    trainer.save_checkpoint(tmp_path / "before.pth")
    trainer.train()
    trainer.log_metrics({"train": {"loss": 2.0}, "val": {"loss": 3.0}}, 1)
    trainer.save_checkpoint(tmp_path / "after.pth", is_best=True, additional_info={"note": "mine"})
    assert rows(tmp_path / "run")[-1]["val"] == {"loss": 3.0}
    assert checkpoint.read(tmp_path / "after.pth")["additional_info"] == {"note": "mine"}
    assert (tmp_path / "best_model.pth").samefile(tmp_path / "after.pth")
    assert isinstance(trainer.get_optimizer(), torch.optim.Optimizer)
    assert trainer.get_scheduler(trainer.optimizer).get_last_lr()[0] == trainer.get_lr()
    assert "total" in trainer.model_summary()
    assert set(trainer.test()) == {"loss"}


def test_clip_gradients_clips_to_the_flag(tmp_path):
    trainer = make(tmp_path, grad_clip=0.5)
    for parameter in trainer.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = trainer.clip_gradients()
    assert before > 0.5
    norm = torch.linalg.vector_norm(torch.cat([p.grad.flatten() for p in trainer.model.parameters()]))
    assert norm == pytest.approx(0.5, rel=1e-4)


def test_load_checkpoint_brings_back_weights_and_optimizer_or_weights_alone(tmp_path):
    trained = make(tmp_path)
    trained.train()
    trained.save_checkpoint(tmp_path / "a.pth")
    whole, weights = make(tmp_path / "b"), make(tmp_path / "c")
    assert whole.load_checkpoint(tmp_path / "a.pth")["step"] == 12
    weights.load_checkpoint(tmp_path / "a.pth", load_optimizer=False)
    assert difference(dict(whole.model.state_dict()), dict(trained.model.state_dict())) == ""
    assert difference(dict(weights.model.state_dict()), dict(trained.model.state_dict())) == ""
    assert whole.optimizer.state
    assert not weights.optimizer.state
    assert (whole.global_step, weights.global_step) == (12, 0)


def test_a_trainer_without_loaders_loads_weights_for_inference(tmp_path):
    trained = make(tmp_path)
    trained.train()
    trained.save_checkpoint(tmp_path / "a.pth")
    bare = HandWrittenTrainer(TwoLayerNet(), argparse.Namespace(device="cpu"))
    bare.load_checkpoint(tmp_path / "a.pth")
    batch = next(iter(tuple_loader(9, shuffle=False)))
    assert torch.equal(bare.inference(batch), trained.inference(batch))


@pytest.mark.parametrize("losses", [tuple, list, dict])
def test_several_losses_are_summed_and_each_is_logged(tmp_path, losses):
    class Two(MainTrainer):
        def forward_pass(self, batch):
            loss, scores = super().forward_pass(batch)
            parts = (loss, 0.5 * scores.square().mean())
            return (dict(zip(("ce", "size"), parts)) if losses is dict else losses(parts)), scores

    make(tmp_path, Two, epochs=1).train()
    train = next(row for row in rows(tmp_path / "run") if row["event"] == "epoch")["train"]
    first, second = ("loss_ce", "loss_size") if losses is dict else ("loss_0", "loss_1")
    assert train["loss"] == pytest.approx(train[first] + train[second], rel=1e-6)


def test_a_torch_scheduler_steps_once_an_epoch_and_its_state_is_resumed(tmp_path):
    class Torch(MainTrainer):
        def get_scheduler(self, optimizer):
            return torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    make(tmp_path / "whole", Torch, epochs=3).train()
    assert [row["lr"] for row in rows(tmp_path / "whole/run") if row["event"] == "epoch"] == [0.01, 0.005, 0.0025]
    train_until(make(tmp_path / "cut", Torch, epochs=3), 9)
    make(tmp_path / "cut", Torch, epochs=3, resume=str(tmp_path / "cut/run")).train()
    assert difference(resumable(tmp_path / "whole/run"), resumable(tmp_path / "cut/run")) == ""


def test_a_teacher_is_frozen_and_its_weights_go_with_the_checkpoint(tmp_path):
    class Distilling(MainTrainer):
        def __init__(self, *args, **more):
            self.teacher = TinyNet(norm="batch")
            super().__init__(*args, **more)

        def companions(self):
            return {"teacher": self.teacher}

    train_until(make(tmp_path, Distilling), 3)
    again = make(tmp_path, Distilling, resume=str(tmp_path / "run"))
    with torch.no_grad():
        for parameter in again.teacher.parameters():
            parameter.zero_()
    again.train()
    assert difference(dict(again.teacher.state_dict()), dict(TinyNet(norm="batch").state_dict())) == ""
    assert not again.teacher.training
    assert not any(p.requires_grad for p in again.teacher.parameters())
