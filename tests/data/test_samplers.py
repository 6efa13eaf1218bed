from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data.dataset import Records
from src.data.samplers import EpochSampler, EvalSampler, class_weights
from src.errors import UserError


def _all(rows, batch_size, world, epoch=0, consumed=0, **options):
    """What all ranks together draw from a position on, step by step."""
    ranks = []
    for rank in range(world):
        sampler = EpochSampler(rows, batch_size, seed=5, rank=rank, world=world, **options)
        sampler.set_position(epoch, consumed)
        ranks.append(list(sampler))
    return ranks


@given(n=st.integers(4, 90), batch_size=st.integers(1, 9), world=st.integers(1, 4), epoch=st.integers(0, 3))
def test_an_epoch_shows_every_record_once_but_for_a_tail_smaller_than_the_world(n, batch_size, world, epoch):
    ranks = _all(np.arange(n) + 100, batch_size, world, epoch)
    sampler = EpochSampler(np.arange(n), batch_size, 5, world=world)
    drawn = [key[1] for rank in ranks for batch in rank for key in batch]
    assert len(drawn) == len(set(drawn)) == sampler.samples_per_epoch > n - world
    assert {len(rank) for rank in ranks} == {len(sampler)}
    for step in zip(*ranks):
        assert max(map(len, step)) - min(map(len, step)) <= 1
        assert min(map(len, step)) >= 1


@given(n=st.integers(8, 90), before=st.tuples(st.integers(1, 5), st.integers(1, 3)),
       after=st.tuples(st.integers(1, 5), st.integers(1, 3)), steps=st.integers(0, 5))
def test_another_batch_or_world_size_at_resume_repeats_and_omits_nothing(n, before, after, steps):
    first = _all(np.arange(n), *before)
    steps = min(steps, len(first[0]))
    seen = [key[1] for rank in first for batch in rank[:steps] for key in batch]
    sampler = EpochSampler(np.arange(n), before[0], 5, world=before[1])
    consumed = sampler.consumed_after(steps)
    assert consumed == len(seen)
    rest = [key[1] for rank in _all(np.arange(n), *after, consumed=consumed) for batch in rank for key in batch]
    assert not set(seen) & set(rest)
    assert n - len(seen) - len(rest) < max(before[1], after[1])


def test_resume_inside_an_epoch_goes_on_with_the_same_batches():
    whole = _all(np.arange(50), 4, 1, epoch=2)[0]
    assert _all(np.arange(50), 4, 1, epoch=2, consumed=12)[0] == whole[3:]


def test_one_step_holds_the_same_records_for_any_world():
    one, two = _all(np.arange(48), 8, 1)[0], _all(np.arange(48), 4, 2)
    assert [set(batch) for batch in one] == [set(a) | set(b) for a, b in zip(*two)]


def test_epochs_and_seeds_differ_and_repeat():
    sampler = EpochSampler(np.arange(30), 5, seed=1)
    assert (sampler.order(0) == sampler.order(0)).all()
    assert (sampler.order(0) != sampler.order(1)).any()
    assert (sampler.order(0) != EpochSampler(np.arange(30), 5, seed=2).order(0)).any()


def test_balanced_drawing_evens_classes_out_and_counts_repeats():
    label = np.array([0] * 900 + [1] * 100)
    records = Records(label.astype(str), label.astype(str), label, label.astype(str), label)
    rows = np.arange(1000)
    order = EpochSampler(rows, 10, 0, weights=class_weights(records, rows)).order(0)
    assert len(order) == 1000
    assert 400 < label[order[:, 0]].sum() < 600
    assert len({tuple(pair) for pair in order.tolist()}) == 1000
    for row, draw in order.tolist():
        assert draw < (order[:, 0] == row).sum()


def test_multilabel_weights_favour_rare_labels():
    label = np.array([[1, 0]] * 8 + [[0, 1]] * 2 + [[0, 0]], np.float32)
    records = Records(*[np.array(["x"] * 11)] * 2, label, np.array([""] * 11), np.ones(11))
    weights = class_weights(records, np.arange(11))
    assert np.allclose(weights[[0, 8, 10]], [1 / 8, 1 / 2, 1])


def test_labels_that_are_not_known_draw_nothing():
    known = np.array([[1, 0]] * 8 + [[0, 1]] * 2 + [[0, 0]], np.float32)
    partial = np.where(known == 0, np.nan, known)
    columns = [np.array(["x"] * 11)] * 2, (np.array([""] * 11), np.ones(11))
    found = [class_weights(Records(*columns[0], label, *columns[1]), np.arange(11)) for label in (known, partial)]
    assert np.array_equal(*found)


def test_values_cannot_be_balanced():
    label = np.array([[0.5], [1.5]], np.float32)
    records = Records(*[np.array(["x"] * 2)] * 2, label, np.array([""] * 2), np.ones(2))
    with pytest.raises(UserError, match="needs classes"):
        class_weights(records, np.arange(2))


@given(n=st.integers(0, 40), batch_size=st.integers(1, 7), world=st.integers(1, 4))
def test_evaluation_is_unpadded_and_complete(n, batch_size, world):
    samplers = [EvalSampler(np.arange(n), batch_size, rank, world) for rank in range(world)]
    drawn = [[key[1] for batch in sampler for key in batch] for sampler in samplers]
    assert drawn == [list(range(rank, n, world)) for rank in range(world)]
    assert [len(list(sampler)) for sampler in samplers] == [len(sampler) for sampler in samplers]


def test_fewer_records_than_processes_are_refused():
    with pytest.raises(UserError, match="cannot feed 4 processes"):
        EpochSampler(np.arange(3), 1, 0, world=4)
