"""Parameter groups, the optimizers by name, freezing, and the running average of the weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from src.errors import UserError
from src.trainer import checkpoint, run_state
from src.trainer.ema import EMA
from src.trainer.optimizers import build_optimizer, parameter_groups
from tests.helpers import TinyNet, difference, flags, make_trainer


class Deep(nn.Module):
    """A stem, two layers and a head at the depths 0, 1, 2, 3."""

    def __init__(self):
        super().__init__()
        self.stem, self.first, self.second, self.head = (nn.Linear(4, 4) for _ in range(4))
        self.norm = nn.LayerNorm(4)
        self.scale = nn.Parameter(torch.ones(()))

    def layer_depths(self):
        depths = {"stem": 0, "first": 1, "second": 2, "norm": 2, "scale": 2, "head": 3}
        return {name: depths[name.split(".")[0]] for name, _ in self.named_parameters()}


def by_name(groups) -> dict[str, tuple[float, float]]:
    return {name: (group["weight_decay"], group["lr_scale"]) for group in groups for name in group["names"]}


# --------------------------------------------------------------------------------------------- groups
def test_norms_biases_and_scalars_are_not_decayed():
    found = by_name(parameter_groups(Deep(), 0.1))
    assert {name for name, (decay, _) in found.items() if decay == 0.1} == {
        "stem.weight", "first.weight", "second.weight", "head.weight"}
    assert {decay for decay, _ in found.values()} == {0.0, 0.1}


def test_layer_decay_lowers_the_rate_per_layer_below_the_head():
    found = by_name(parameter_groups(Deep(), 0.1, layer_decay=0.5))
    scales = {name.split(".")[0]: scale for name, (_, scale) in found.items()}
    assert scales == {"stem": 0.125, "first": 0.25, "second": 0.5, "norm": 0.5, "scale": 0.5, "head": 1.0}


def test_without_layer_decay_all_rates_are_equal_and_every_parameter_is_in_one_group():
    model = Deep()
    groups = parameter_groups(model, 0.1)
    assert len(groups) == 2
    assert sorted(name for group in groups for name in group["names"]) == sorted(n for n, _ in model.named_parameters())
    assert {group["lr_scale"] for group in groups} == {1.0}


def test_layer_decay_reaches_the_rates_of_a_run(tmp_path):
    trainer = make_trainer(tmp_path, layer_decay=0.5, scheduler="constant", lr=0.1)
    rates = {group["names"][0].split(".")[0]: group["lr"] for group in trainer.optimizer.param_groups}
    assert rates == pytest.approx({"body": 0.05, "head": 0.1})


def test_what_is_frozen_is_in_no_group_and_a_frozen_model_is_refused():
    model = Deep()
    model.stem.requires_grad_(False)
    assert "stem.weight" not in by_name(parameter_groups(model, 0.1))
    with pytest.raises(UserError, match="no parameter of the model is trainable"):
        parameter_groups(model.requires_grad_(False), 0.1)


# --------------------------------------------------------------------------------------------- by name
@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam),
                                            ("nadam", torch.optim.NAdam), ("sgd", torch.optim.SGD)])
def test_the_flags_reach_the_optimizer(tmp_path, name, kind):
    args = flags(tmp_path, optimizer=name, lr=0.1, betas=[0.8, 0.9], eps=1e-4, momentum=0.7, weight_decay=0.3)
    found = build_optimizer(Deep(), args)
    assert type(found) is kind
    group = next(group for group in found.param_groups if "head.weight" in group["names"])
    assert (group["lr"], group["weight_decay"]) == (0.1, 0.3)
    if name == "sgd":
        assert group["momentum"] == 0.7
    else:
        assert (group["betas"], group["eps"]) == ((0.8, 0.9), 1e-4)


@pytest.mark.parametrize(("name", "shrinks"), [("adamw", True), ("nadam", True), ("adam", False)])
def test_decay_is_decoupled_but_for_adam(tmp_path, name, shrinks):
    """Without a gradient, decoupled decay multiplies by 1 - lr * decay; coupled decay becomes a step of size lr."""
    model = nn.Linear(2, 2)
    before = model.weight.detach().clone()
    optimizer = build_optimizer(model, flags(tmp_path, optimizer=name, lr=0.1, weight_decay=0.5))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    decoupled = torch.allclose(model.weight, before * (1 - 0.1 * 0.5))
    assert decoupled == shrinks


def test_the_fused_optimizer_gives_the_plain_ones_weights(tmp_path):
    def trained(fused: bool):
        torch.manual_seed(0)
        model = TinyNet()
        optimizer = build_optimizer(model, flags(tmp_path, lr=0.01))
        assert optimizer.defaults["fused"] is True
        if not fused:
            optimizer = torch.optim.AdamW(parameter_groups(model, 0.01), lr=0.01, foreach=False)
        for _ in range(5):
            model(torch.ones(3, 2, 16)).pow(2).mean().backward()
            optimizer.step()
            optimizer.zero_grad()
        return model

    for ours, plain in zip(trained(True).parameters(), trained(False).parameters(), strict=True):
        torch.testing.assert_close(ours, plain, rtol=0, atol=1e-6)


# --------------------------------------------------------------------------------------------- freezing
def test_a_frozen_backbone_keeps_weights_and_statistics_and_stays_in_evaluation_mode(tmp_path):
    model = TinyNet(norm="batch", dropout=0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trainer = make_trainer(tmp_path, model, freeze="backbone", weight_decay=0.1)
    trainer.train()
    model.train()
    assert not any(module.training for module in model.body.modules())
    assert model.head.training
    changed = {name for name, value in model.state_dict().items() if not torch.equal(before[name], value)}
    assert changed == {"head.weight", "head.bias"}


# --------------------------------------------------------------------------------------------- running average
def test_the_average_is_warmed_up_and_follows_the_weights():
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.0)
    average, expected = EMA(model, 0.9), 0.0
    for update in range(200):
        nn.init.constant_(model.weight, float(update))
        average.update()
        decay = min(0.9, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * update
    with average.applied():
        assert model.weight.item() == pytest.approx(expected, rel=1e-5)
    assert model.weight.item() == 199


def test_the_averages_weights_are_given_back_after_an_error():
    model = nn.Linear(1, 1)
    own = model.weight.item()
    average = EMA(model, 0.9)
    nn.init.constant_(model.weight, 5.0)

    def fails_inside():
        with average.applied():
            assert model.weight.item() == own
            raise KeyError

    with pytest.raises(KeyError):
        fails_inside()
    assert model.weight.item() == 5


def test_validation_judges_the_average_and_the_run_ends_with_it(tmp_path):
    trainer = make_trainer(tmp_path, ema=0.9, monitor="loss")
    trainer.train()
    state = checkpoint.read(tmp_path / "run/best_model.pth")
    assert trainer.validate_epoch(trainer.val_loaders["val"])["val_loss"] == pytest.approx(state["best"], rel=1e-6)
    assert difference(dict(trainer.model.state_dict()), dict(state["model"]))  # the checkpoint also has the raw weights


@pytest.mark.parametrize("freeze", ["none", "backbone"])
def test_the_average_of_a_checkpoint_is_what_is_tested(tmp_path, freeze):
    """Also where only a part of the network was trained, and with it averaged."""
    trainer = make_trainer(tmp_path, ema=0.9, freeze=freeze, epochs=2)
    trainer.train()
    state = checkpoint.read(tmp_path / "run/best_model.pth")
    other = make_trainer(tmp_path / "test")
    run_state.use_for_inference(other, state)
    assert difference(dict(trainer.model.state_dict()), dict(other.model.state_dict())) == ""
