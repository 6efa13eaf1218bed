"""One update: accumulation, weights of micro-batches, clipping, loss scaling, and what a skipped one leaves alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import nn

from src.errors import Diverged
from src.trainer import checkpoint
from src.trainer.distributed import World
from src.trainer.ema import EMA
from src.trainer.main_trainer import MainTrainer
from src.trainer.schedule import Schedule
from src.trainer.step import Step
from tests.helpers import TinyNet, difference, make_trainer, rows


class FakeScaler:
    """Multiplies by `factor`; finds the overflow that it is told of; keeps the order of what is asked of it."""

    def __init__(self, factor: float = 1024.0):
        self.factor, self.overflows, self.calls = factor, False, []

    def scale(self, loss):
        self.calls.append("scale")
        return loss * self.factor

    def unscale_(self, optimizer):
        self.calls.append("unscale")
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad.div_(self.factor)

    def step(self, optimizer):
        self.calls.append("step")
        if not self.overflows:
            optimizer.step()

    def update(self):
        self.calls.append("update")
        self.factor = self.factor / 2 if self.overflows else self.factor

    def get_scale(self):
        return self.factor


def make_step(model: nn.Module, *, scaler: Any = None, clip: float = 0.0, accumulate: int = 1, nominal: float = 1.0,
              lr: float = 1.0, ema: float = 0.0) -> Step:
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    return Step(optimizer, Schedule(optimizer, lambda update: lr / (1 + update)), scaler, World(), clip=clip,
                accumulate=accumulate, nominal=nominal, ema=EMA(model, ema) if ema else None)


def line(weight: float = 1.0) -> nn.Linear:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, weight)
    return model


# --------------------------------------------------------------------------------------------- accumulation
def trained(tmp_path, name: str, micro: int, accumulate: int, **more) -> dict[str, torch.Tensor]:
    trainer = make_trainer(tmp_path / name, epochs=1, batch_size=micro, grad_accum_steps=accumulate, optimizer="sgd",
                           momentum=0.0, **more)
    trainer.train()
    assert trainer.global_step == 2
    return trainer.model.state_dict()


@pytest.mark.parametrize(("micro", "accumulate"), [(3, 4), (4, 3), (6, 2), (5, 3), (1, 12)])
def test_accumulating_unequal_micro_batches_equals_one_batch(tmp_path, micro, accumulate):
    """22 records in two updates; with 5 x 3 records the cut is 15 + 7, else 12 + 10: micro-batches of many sizes."""
    whole = trained(tmp_path, "whole", micro * accumulate, 1, grad_clip=0.5)
    parts = trained(tmp_path, "parts", micro, accumulate, grad_clip=0.5)
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=0, atol=1e-6)


def test_a_mean_over_tokens_is_weighted_by_its_tokens(tmp_path):
    class PerToken(MainTrainer):
        """Every record counts as often as its class + 1; the loss is a mean over these."""

        def forward_pass(self, batch):
            scores = self.model(batch.signal)
            each = nn.functional.cross_entropy(scores, batch.label, reduction="none")
            times = (batch.label + 1).float()
            return (each * times).sum() / times.sum(), scores, float(times.sum())

    whole = trained(tmp_path, "whole", 12, 1, kind=PerToken)
    parts = trained(tmp_path, "parts", 3, 4, kind=PerToken)
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=0, atol=1e-6)
    own, other = (rows(tmp_path / name / "run")[-2]["train"]["loss"] for name in ("whole", "parts"))
    assert own == pytest.approx(other, abs=1e-6)


def test_micro_batches_count_by_their_weights():
    model = line()
    step = make_step(model, accumulate=2, nominal=7.0)
    step.backward(model(torch.ones(1, 1)).sum() * 4, weight=1)  # gradient 4
    step.backward(model(torch.ones(1, 1)).sum() * 8, weight=3)  # gradient 8
    norm = step.update()
    assert norm.item() == pytest.approx((4 * 1 + 8 * 3) / 4)
    assert model.weight.item() == pytest.approx(1 - 7)


def test_an_update_of_weight_zero_changes_nothing():
    model = line()
    step = make_step(model, accumulate=2, nominal=4.0)
    step.backward(model(torch.ones(1, 1)).sum(), weight=0)
    step.update()
    assert model.weight.item() == 1


def test_the_gradient_is_gone_after_an_update():
    model = line()
    step = make_step(model)
    step.backward(model(torch.ones(1, 1)).sum(), weight=1)
    step.update()
    assert model.weight.grad is None
    assert (step.pending, step.weight) == (0, 0.0)


# --------------------------------------------------------------------------------------------- clipping
@pytest.mark.parametrize(("clip", "moved"), [(0.0, 5.0), (2.0, 2.0), (9.0, 5.0)])
def test_the_norm_before_clipping_is_returned_and_the_clipped_gradient_applied(clip, moved):
    model = line()
    step = make_step(model, clip=clip)
    step.backward(model(torch.full((1, 1), 5.0)).sum(), weight=1)
    assert step.update().item() == pytest.approx(5)
    assert 1 - model.weight.item() == pytest.approx(moved, rel=1e-5)


def test_clipping_comes_after_unscaling():
    model = line()
    scaler = FakeScaler()
    step = make_step(model, scaler=scaler, clip=2.0)
    step.backward(model(torch.full((1, 1), 5.0)).sum(), weight=1)
    assert step.update().item() == pytest.approx(5)  # not 5 * 1024
    assert 1 - model.weight.item() == pytest.approx(2, rel=1e-5)
    assert scaler.calls == ["scale", "unscale", "step", "update"]


def test_clipping_is_that_of_torch():
    torch.manual_seed(0)
    ours, theirs = TinyNet(), TinyNet()
    signal = torch.randn(4, 2, 16)
    step = make_step(ours, clip=0.1)
    step.backward(ours(signal).pow(2).sum(), weight=1)
    norm = step.update()
    optimizer = torch.optim.SGD(theirs.parameters(), lr=1.0)
    theirs(signal).pow(2).sum().backward()
    torch.testing.assert_close(norm, nn.utils.clip_grad_norm_(theirs.parameters(), 0.1))
    optimizer.step()
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=0, atol=1e-6)


# --------------------------------------------------------------------------------------------- loss scaling
def test_a_skipped_update_leaves_weights_schedule_and_average_alone():
    model = line()
    scaler = FakeScaler()
    step = make_step(model, scaler=scaler, ema=0.9)
    scaler.overflows = True
    step.backward(model(torch.ones(1, 1)).sum(), weight=1)
    step.update()
    assert model.weight.item() == 1
    assert step.scheduler.update == 0
    assert step.ema.updates == 0
    assert model.weight.grad is None  # what overflowed does not reach the next update
    scaler.overflows = False
    step.backward(model(torch.ones(1, 1)).sum(), weight=1)
    step.update()
    assert model.weight.item() == 0
    assert (step.scheduler.update, step.ema.updates) == (1, 1)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_overflow_under_torchs_scaler_is_skipped_and_the_run_goes_on(tmp_path, accumulate):
    trainer = make_trainer(tmp_path, precision="fp16", grad_accum_steps=accumulate, grad_clip=1.0, epochs=2)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    update, seen = trainer.step.update, []

    def overflowing(stop=False):
        if trainer.global_step == 0:
            trainer.step.parameters[0].grad[:] = torch.inf
        norm = update(stop)
        seen.append((trainer.scheduler.update, difference(before, trainer.model.state_dict()) == ""))
        return norm

    trainer.step.update = overflowing
    scale = trainer.scaler.get_scale()
    trainer.train()
    assert seen[0] == (0, True)  # no update, the same weights
    assert seen[1] == (1, False)
    assert trainer.scaler.get_scale() == scale / 2
    assert trainer.scheduler.update == trainer.total_updates - 1
    assert all(torch.isfinite(value).all() for value in trainer.model.state_dict().values())


def test_the_scale_survives_a_resume(tmp_path):
    trainer = make_trainer(tmp_path, precision="fp16", epochs=1)
    trainer.scaler._init_scale = 512.0
    trainer.train()
    again = make_trainer(tmp_path, precision="fp16", resume=str(tmp_path / "run"), epochs=1)
    again.train()
    assert again.scaler.get_scale() == 512
    assert again.scaler.state_dict() == trainer.scaler.state_dict()


# --------------------------------------------------------------------------------------------- what a pass may return
def losses_of(kind: str):
    class Trainer(MainTrainer):
        def forward_pass(self, batch):
            loss, scores = super().forward_pass(batch)
            self.log("double", loss * 2)
            whole = {"single": loss, "tuple": (loss * 0.25, loss * 0.75), "list": [loss * 0.25, loss * 0.75],
                     "dict": {"a": loss * 0.25, "b": loss * 0.75}}[kind.removesuffix("+weight")]
            return (whole, scores, len(batch)) if kind.endswith("+weight") else (whole, scores)

    return Trainer


@pytest.mark.parametrize(("kind", "names"), [
    ("single", {"loss"}), ("single+weight", {"loss"}), ("tuple", {"loss", "loss_0", "loss_1"}),
    ("list", {"loss", "loss_0", "loss_1"}), ("dict", {"loss", "loss_a", "loss_b"}),
    ("dict+weight", {"loss", "loss_a", "loss_b"})])
def test_losses_in_parts_train_on_their_sum_and_are_logged_by_name(tmp_path, kind, names):
    plain = make_trainer(tmp_path / "plain", epochs=1)
    plain.train()
    trainer = make_trainer(tmp_path / "parts", kind=losses_of(kind), epochs=1)
    trainer.train()
    for name, value in plain.model.state_dict().items():
        torch.testing.assert_close(trainer.model.state_dict()[name], value, rtol=0, atol=1e-6)
    train = next(row for row in rows(tmp_path / "parts/run") if row["event"] == "epoch")["train"]
    assert set(train) == names | {"double"}
    assert train["double"] == pytest.approx(2 * train["loss"])
    assert sum(value for name, value in train.items() if name.startswith("loss_")) == pytest.approx(
        train["loss"] if len(names) > 1 else 0, rel=1e-6)


# --------------------------------------------------------------------------------------------- numbers not finite
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_records(tmp_path, accumulate):
    trainer = make_trainer(tmp_path, broken=5, grad_accum_steps=accumulate, print_freq=1)
    signal, run_epoch = trainer.data.dataset.signal, trainer._run_epoch
    infinite, signal[5] = signal[5].copy(), 0.0

    def breaking(epoch):
        if epoch == 1:
            signal[5] = infinite
        run_epoch(epoch)

    trainer._run_epoch = breaking
    with pytest.raises(Diverged, match="training diverged: loss is nan") as told:
        trainer.train()
    assert told.value.exit_code == 3
    told_of = json.loads((tmp_path / "run/diverged.json").read_text())
    assert "r005" in told_of["records"]
    assert len(told_of["records"]) <= 4  # the batch at fault, not the interval
    assert "r0" in told.value.hint
    assert "diverged.json" in told.value.hint
    state = checkpoint.read(tmp_path / "run/last.pth")
    assert state["epoch"] == 1
    assert all(torch.isfinite(value).all() for value in state["model"].values())


@pytest.mark.parametrize("print_freq", [1, 2])
def test_a_gradient_that_is_not_finite_stops_the_run(tmp_path, print_freq):
    class Exploding(MainTrainer):
        def forward_pass(self, batch):
            loss, scores = super().forward_pass(batch)
            if self.model.training and self.global_step == 4:
                loss = loss + (scores * 0).sum().sqrt()  # 0, with an infinite slope
            return loss, scores

    with pytest.raises(Diverged, match=r"the norm of the gradient is nan \(epoch 2"):
        make_trainer(tmp_path, kind=Exploding, print_freq=print_freq).train()
    assert all(torch.isfinite(value).all() for value in checkpoint.read(tmp_path / "run/last.pth")["model"].values())
