"""Learning rates: where they start, turn and end, and that none falls below the smallest one."""

from __future__ import annotations

import math
from argparse import Namespace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.trainer.schedule import ONECYCLE_START, Schedule, build_schedule, curve, epoch_cosine
from tests.helpers import flags, make_trainer

KINDS = ("cosine", "step", "plateau", "exponential", "onecycle", "constant")
MANY = settings(max_examples=100, deadline=None)
RATES = st.floats(1e-7, 1.0)


def optimizer(*scales: float) -> torch.optim.Optimizer:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr_scale": scale} for scale in scales or (1.0,)]
    return torch.optim.SGD(groups, lr=1.0)


def rates(args, updates_per_epoch: int = 10, total: int = 40, mode: str = "min", values=None) -> list[float]:
    """The rate of each update, as a run sees them; `values`: the validation score after each epoch."""
    ours = optimizer()
    schedule = build_schedule(ours, args, updates_per_epoch, total, mode)
    found = []
    for update in range(total):
        found.append(ours.param_groups[0]["lr"])
        schedule.step()
        if values is not None and (update + 1) % updates_per_epoch == 0:
            schedule.observe(values[update // updates_per_epoch])
    return found


@pytest.fixture
def schedule_of(tmp_path):
    return lambda **more: rates(flags(tmp_path, **more))


# --------------------------------------------------------------------------------------------- every kind
@MANY
@given(kind=st.sampled_from(KINDS), lr=RATES, share=st.floats(0, 1), total=st.integers(1, 80),
       warmup=st.integers(0, 80), start=st.floats(0, 1), gamma=st.floats(0.01, 1), per_epoch=st.integers(1, 20),
       unit=st.sampled_from(["update", "epoch"]), factor=st.floats(0.01, 0.99))
def test_no_schedule_leaves_the_range_between_the_smallest_and_the_peak_rate(
        kind, lr, share, total, warmup, start, gamma, per_epoch, unit, factor):
    assume(warmup <= total)
    args = Namespace(scheduler=kind, lr=lr, min_lr=lr * share, warmup_steps=warmup, warmup_start_lr=lr * start,
                     gamma=gamma, schedule_unit=unit, scheduler_factor=factor, scheduler_patience=0, step_size=None)
    for rate in rates(args, per_epoch, total, values=[1.0] * total):
        assert lr * share * (1 - 1e-9) <= rate <= lr * (1 + 1e-9)


@MANY
@given(kind=st.sampled_from(["cosine", "onecycle"]), lr=RATES, share=st.floats(0, 1), total=st.integers(2, 200),
       warmup=st.floats(0, 0.9))
def test_cosine_and_onecycle_end_at_the_smallest_rate_on_the_last_update(kind, lr, share, total, warmup):
    at = curve(kind, lr=lr, min_lr=lr * share, total=total, warmup=int(warmup * total))
    assert at(total - 1) == pytest.approx(lr * share, rel=1e-9, abs=1e-15)


@MANY
@given(kind=st.sampled_from(KINDS), total=st.integers(2, 100), warmup=st.integers(1, 99))
def test_a_warm_up_rises_to_the_peak_and_nothing_rises_after_it(kind, total, warmup):
    assume(warmup < total)
    at = curve(kind, lr=1.0, total=total, warmup=warmup)
    rising, falling = [at(i) for i in range(warmup)], [at(i) for i in range(warmup, total)]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    if kind != "onecycle":
        assert at(warmup - 1) == pytest.approx(1.0)
    assert at(warmup) == pytest.approx(1.0 if warmup < total - 1 or kind not in ("cosine", "onecycle") else 0.0)


# --------------------------------------------------------------------------------------------- each kind
def test_cosine_is_half_a_cosine_from_the_first_update_to_the_last(schedule_of):
    found = schedule_of(scheduler="cosine", lr=1.0, min_lr=0.2)
    assert found[0] == 1
    for update, rate in enumerate(found):
        assert rate == pytest.approx(0.2 + 0.8 * (1 + math.cos(math.pi * update / 39)) / 2)


def test_a_linear_warm_up_starts_where_it_is_told(schedule_of):
    found = schedule_of(scheduler="constant", lr=1.0, warmup_steps=4, warmup_start_lr=0.2)
    assert found[:6] == pytest.approx([0.4, 0.6, 0.8, 1.0, 1.0, 1.0])


def test_warm_up_epochs_are_updates_of_their_epochs(schedule_of):
    assert schedule_of(scheduler="cosine", warmup_epochs=1.5) == schedule_of(scheduler="cosine", warmup_steps=15)


def test_step_falls_after_step_size_epochs(schedule_of):
    found = schedule_of(scheduler="step", lr=1.0, gamma=0.5, step_size=2)
    assert found == [1.0] * 20 + [0.5] * 20


def test_step_falls_twice_by_default(tmp_path):
    found = rates(flags(tmp_path, scheduler="step", lr=1.0, gamma=0.5), updates_per_epoch=10, total=60)
    assert found == [1.0] * 20 + [0.5] * 20 + [0.25] * 20


def test_exponential_falls_by_gamma_in_each_epoch(schedule_of):
    found = schedule_of(scheduler="exponential", lr=1.0, gamma=0.5)
    assert found[::10] == pytest.approx([1.0, 0.5, 0.25, 0.125])
    assert found[5] == pytest.approx(0.5 ** 0.5)


def test_onecycle_rises_over_a_fifth_from_a_twenty_fifth(schedule_of):
    found = schedule_of(scheduler="onecycle", lr=1.0)
    assert found[0] == pytest.approx(1 / ONECYCLE_START)
    assert max(range(40), key=found.__getitem__) == 8
    assert found[8] == 1
    assert found[-1] == pytest.approx(0, abs=1e-12)


def test_onecycle_takes_a_warm_up_as_its_rise(schedule_of):
    found = schedule_of(scheduler="onecycle", lr=1.0, warmup_steps=20, warmup_start_lr=0.5)
    assert found[0] == pytest.approx(0.5)
    assert max(range(40), key=found.__getitem__) == 20


def test_constant_stays(schedule_of):
    assert set(schedule_of(scheduler="constant", lr=0.3)) == {0.3}


def test_with_the_unit_epoch_the_rate_changes_between_epochs_alone_as_in_du_in(schedule_of):
    found = schedule_of(scheduler="cosine", schedule_unit="epoch", lr=1.0, min_lr=0.1, warmup_epochs=1)
    for epoch in range(4):
        expected = epoch_cosine(epoch, 4, 1, 1.0, 0.1)
        assert found[10 * epoch:10 * epoch + 10] == pytest.approx([expected] * 10)
    assert found[-1] > 0.1  # the original's open end


def test_a_warm_up_longer_than_the_training_is_refused(tmp_path):
    with pytest.raises(UserError, match="a warm-up of 50 updates is longer than the training of 40"):
        rates(flags(tmp_path, warmup_epochs=5))


def test_a_recipes_warm_up_is_shortened_instead(tmp_path):
    args = flags(tmp_path, scheduler="constant", lr=1.0, warmup_epochs=5, sources={"warmup_epochs": "recipe"})
    assert rates(args)[:5] == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])


# --------------------------------------------------------------------------------------------- plateau
@pytest.mark.parametrize(("mode", "values"), [("min", [3, 2, 2, 2, 1]), ("max", [1, 2, 2, 2, 3])])
def test_plateau_falls_after_more_than_patience_validations_without_progress(tmp_path, mode, values):
    args = flags(tmp_path, scheduler="plateau", lr=1.0, scheduler_patience=1, scheduler_factor=0.1)
    found = rates(args, updates_per_epoch=1, total=5, mode=mode, values=values)
    assert found == pytest.approx([1, 1, 1, 1, 0.1])


def test_plateau_stops_at_the_smallest_rate(tmp_path):
    args = flags(tmp_path, scheduler="plateau", lr=1.0, min_lr=0.3, scheduler_patience=0, scheduler_factor=0.5)
    assert rates(args, 1, 5, values=[1] * 5) == pytest.approx([1, 1, 0.5, 0.3, 0.3])


def test_plateau_goes_on_from_its_state_as_if_it_had_not_been_interrupted(tmp_path):
    args = flags(tmp_path, scheduler="plateau", lr=1.0, scheduler_patience=1, scheduler_factor=0.5)
    values = [3, 2, 4, 4, 4, 1, 2, 2, 2, 2]
    whole = rates(args, 1, 10, values=values)
    for cut in range(1, 10):
        first = build_schedule(optimizer(), args, 1, 10, "min")
        for value in values[:cut]:
            first.step()
            first.observe(value)
        second_optimizer = optimizer()
        second = build_schedule(second_optimizer, args, 1, 10, "min")
        second.load_state_dict(first.state_dict())
        rest = []
        for value in values[cut:]:
            rest.append(second_optimizer.param_groups[0]["lr"])
            second.step()
            second.observe(value)
        assert rest == whole[cut:]


# --------------------------------------------------------------------------------------------- in a run
def test_every_group_has_its_own_share_of_the_rate():
    ours = optimizer(1.0, 0.5)
    schedule = Schedule(ours, lambda update: 1.0 - 0.25 * update)
    schedule.step()
    assert schedule.get_last_lr() == [0.75, 0.375]


@pytest.mark.parametrize("more", [{"epochs": 4}, {"max_steps": 8}, {"epochs": 3, "grad_accum_steps": 4}], ids=str)
def test_the_last_update_of_a_run_is_made_at_the_smallest_rate(tmp_path, more):


    trainer = make_trainer(tmp_path, lr=0.01, min_lr=0.001, scheduler="cosine", **more)
    update, used = trainer.step.update, []

    def watched(stop=False):
        used.append(trainer.get_lr())
        return update(stop)

    trainer.step.update = watched
    trainer.train()
    assert len(used) == trainer.total_updates
    assert used[0] == pytest.approx(0.01)
    assert used[-1] == pytest.approx(0.001)
    assert min(used[:-1]) > 0.001
