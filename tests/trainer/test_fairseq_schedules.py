"""fairseq-signals' schedules and its Adam: by hand, resumed, and what is refused (stored numbers: tests/golden)."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
import torch

from src.errors import UserError
from src.trainer.optimizers import build_optimizer
from src.trainer.schedule import build_schedule


def rates(kind: str, words: list[str], total: int, per_epoch: int = 10, **more: Any) -> list[float]:
    args = argparse.Namespace(**{"scheduler": kind, "scheduler_args": words, "lr": 1.0, "min_lr": 0.0,
                                 "warmup_steps": 0, "warmup_start_lr": 0.0, "schedule_unit": "update", **more})
    rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = build_schedule(rule, args, per_epoch, total, "min")
    return [schedule.at(update) for update in range(total)]


def test_tri_stage_rises_holds_and_falls_to_its_last_rate():
    found = rates("tri_stage", ["phase_ratio=0.1,0.4,0.5", "final_lr_scale=0.05"], 100)
    assert found[:2] == pytest.approx([0.01, 0.01 + 0.99 / 10])
    assert found[10:50] == [1.0] * 40
    assert found[75] == pytest.approx(0.05**0.5)
    assert rates("tri_stage", [], 100)[:51] == rates("tri_stage", ["phase_ratio=0.1,0.4,0.5"], 100)[:51]


def test_phases_may_be_counts_and_the_last_rate_stays():
    found = rates("tri_stage", ["warmup_steps=2", "hold_steps=3", "decay_steps=4"], 20)
    assert found[2:6] == [1.0] * 4
    assert found[9:] == pytest.approx([0.01] * 11)


def test_fairseq_step_halves_every_period_after_its_warm_up():
    found = rates("fairseq_step", ["lr_decay_period=4"], 20, warmup_steps=4, min_lr=0.2)
    assert found == pytest.approx([0.2, 0.4, 0.6, 0.8] + [1.0] * 4 + [0.5] * 4 + [0.25] * 4 + [0.2] * 4)


def test_fixed_has_a_rate_for_each_epoch_and_shrinks_from_one_on():
    found = rates("fixed", ["lr=1,0.5", "force_anneal=4", "lr_shrink=0.1"], 50, warmup_steps=2)
    assert found[::10] == pytest.approx([0.5, 0.5, 0.5, 0.05, 0.005])


@pytest.mark.parametrize(("kind", "words", "says"), [
    ("tri_stage", ["phase_ratio=0.1,0.4"], "three shares"), ("tri_stage", ["phase_ratio=0.5,0.4,0.5"], "the sum 1"),
    ("tri_stage", ["phase_ratio=0.1,0.4,0.5", "hold_steps=3"], "say the same"),
    ("tri_stage", ["lr_decay=0.5"], "unknown"),
    ("tri_stage", ["init_lr_scale=0"], "above 0"), ("fairseq_step", ["lr_decay_period=0"], "at least 1 update"),
    ("fairseq_step", ["lr_decay=2"], "at most 1"), ("fixed", ["force_anneal=0"], "an epoch"),
    ("fixed", ["lr=0"], "above")])
def test_settings_that_do_not_fit_are_refused(kind, words, says):
    with pytest.raises(UserError, match=says):
        rates(kind, words, 100)


# -------------------------------------------------------------------------------------------------------- Adam
def optimizer(module: torch.nn.Module) -> torch.optim.Optimizer:
    return build_optimizer(module, argparse.Namespace(optimizer="fairseq_adam", lr=0.1, betas=[0.9, 0.98], eps=1e-2,
                                                      weight_decay=0.1, layer_decay=1.0))


def step(module: torch.nn.Module, rule: torch.optim.Optimizer, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    rule.step()


def test_fairseq_adam_adds_eps_before_it_corrects_the_bias_and_decays_everything():
    module = torch.nn.Linear(3, 2)
    rule, found = optimizer(module), [p.detach().double().clone() for p in module.parameters()]
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in found]
    for update in range(1, 6):
        step(module, rule, update)
        for value, parameter, (first, second) in zip(found, module.parameters(), moments):
            gradient = parameter.grad.double()  # type: ignore[union-attr]
            first.mul_(0.9).add_(gradient, alpha=0.1)
            second.mul_(0.98).addcmul_(gradient, gradient, value=0.02)
            rate = 0.1 * (1 - 0.98**update) ** 0.5 / (1 - 0.9**update)
            value.mul_(1 - 0.1 * 0.1).sub_(rate * first / (second.sqrt() + 1e-2))
            torch.testing.assert_close(parameter.double(), value, rtol=1e-5, atol=1e-6)


def test_a_resumed_fairseq_adam_gives_the_same_bits():
    torch.manual_seed(0)
    whole = torch.nn.Linear(3, 2)
    other = torch.nn.Linear(3, 2)
    other.load_state_dict(whole.state_dict())
    first, second = optimizer(whole), optimizer(other)
    for seed in range(3):
        step(whole, first, seed)
        step(other, second, seed)
    again = optimizer(other)
    again.load_state_dict(second.state_dict())
    for seed in range(3, 6):
        step(whole, first, seed)
        step(other, again, seed)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), other.parameters()))
