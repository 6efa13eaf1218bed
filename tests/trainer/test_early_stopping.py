"""What is best, and when waiting for better ends."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.trainer.early_stopping import Progress

VALUES = st.lists(st.floats(-10, 10) | st.just(math.nan), max_size=30)


def after(values, **more) -> Progress:
    progress = Progress("metric", more.pop("mode", "max"), **more)
    for epoch, value in enumerate(values, 1):
        progress.update(value, epoch)
    return progress


@pytest.mark.parametrize(("mode", "best", "epoch"), [("max", 0.9, 2), ("min", 0.1, 3)])
def test_the_best_value_and_its_epoch_are_kept(mode, best, epoch):
    progress = after([0.5, 0.9, 0.1, 0.9, 0.1], mode=mode)
    assert (progress.best, progress.best_epoch) == (best, epoch)


def test_an_equal_value_is_no_progress():
    assert after([0.5, 0.5, 0.5], patience=2).should_stop
    assert not after([0.5, 0.5, 0.5], patience=3).should_stop


def test_without_patience_nothing_stops():
    assert not after([1.0] + [0.0] * 50).should_stop


def test_small_steps_are_best_but_count_as_progress_only_together():
    progress = after([0.50, 0.54, 0.58, 0.62], patience=3, min_delta=0.1)
    assert progress.best == 0.62
    assert progress.waited == 0  # 0.62 is more than 0.1 above 0.50
    assert after([0.50, 0.52, 0.54, 0.56], patience=3, min_delta=0.1).should_stop


def test_not_a_number_is_never_best_and_counts_as_waiting():
    progress = after([math.nan, 0.3, math.nan, math.nan], patience=2)
    assert (progress.best, progress.should_stop) == (0.3, True)


@given(values=VALUES, mode=st.sampled_from(["min", "max"]))
def test_the_best_is_the_extreme_of_what_was_seen(values, mode):
    numbers = [value for value in values if value == value]
    expected = {"min": min, "max": max}[mode](numbers) if numbers else None
    assert after(values, mode=mode).best == expected


@given(values=VALUES, cut=st.integers(0, 30), patience=st.integers(1, 5), min_delta=st.floats(0, 3))
def test_going_on_from_the_state_decides_as_no_interruption(values, cut, patience, min_delta):
    whole = after(values, patience=patience, min_delta=min_delta)
    second = Progress("metric", "max", patience, min_delta)
    second.load_state_dict(after(values[:cut], patience=patience, min_delta=min_delta).state_dict())
    for epoch, value in enumerate(values[cut:], cut + 1):
        second.update(value, epoch)
    assert second.state_dict() == whole.state_dict()
    assert second.should_stop == whole.should_stop
