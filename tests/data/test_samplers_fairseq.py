from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data.batch_order import batch_order
from src.data.loaders import make_loader
from src.data.samplers_fairseq import FairseqSampler
from src.errors import UserError

worlds, sizes = st.integers(1, 4), st.integers(1, 20)


def _samplers(n, batch_size, world, epoch=0, consumed=0):
    lengths = np.random.default_rng(n).integers(1, 4, n) * 100
    found = [FairseqSampler(np.arange(n) + 100, lengths, batch_size, 5, rank, world) for rank in range(world)]
    for sampler in found:
        sampler.set_position(epoch, consumed)
    return found


def _rows(batches):
    return [key[1] for batch in batches for key in batch]


@given(n=st.integers(4, 90), batch_size=sizes, world=worlds, epoch=st.integers(0, 3))
def test_an_epoch_shows_every_record_once_but_for_a_tail_smaller_than_the_world(n, batch_size, world, epoch):
    samplers = _samplers(n, batch_size, world, epoch)
    ranks = [list(sampler) for sampler in samplers]
    drawn = [row for rank in ranks for row in _rows(rank)]
    assert len(drawn) == len(set(drawn)) == samplers[0].samples_per_epoch > n - world
    assert {len(rank) for rank in ranks} == {len(samplers[0])} == {samplers[0].left}
    assert all(len(batch) > 0 for rank in ranks for batch in rank)


def test_batches_are_the_same_in_every_epoch_and_come_in_another_order():
    sampler = _samplers(70, 16, 1)[0]
    first = [tuple(_rows([batch])) for batch in sampler]
    sampler.set_position(1)
    second = [tuple(_rows([batch])) for batch in sampler]
    assert set(first) == set(second)
    assert first != second
    cut = [tuple(batch.tolist()) for batch in sampler.batches]
    assert second == [cut[place] for place in batch_order(len(cut), 5, 1)]


def test_ranks_take_batches_in_turn():
    alone = list(_samplers(64, 8, 1, epoch=2)[0])
    assert [list(sampler) for sampler in _samplers(64, 8, 2, epoch=2)] == [alone[::2], alone[1::2]]


def test_batches_that_are_too_few_for_the_ranks_are_dealt_out():
    alone = list(_samplers(40, 8, 1)[0])
    ranks = [list(sampler) for sampler in _samplers(40, 8, 2)]
    assert [len(batch) for batch in ranks[0]] == [len(batch) for batch in ranks[1]] == [8, 8, 4]
    assert set(ranks[0][2] + ranks[1][2]) == set(alone[4])


@given(n=st.integers(8, 90), batch_size=sizes, world=worlds, steps=st.integers(0, 5))
def test_resume_inside_an_epoch_goes_on_with_the_same_batches(n, batch_size, world, steps):
    for rank, sampler in enumerate(_samplers(n, batch_size, world, epoch=1)):
        whole = list(sampler)
        consumed = sampler.consumed_after(steps)
        resumed = _samplers(n, batch_size, world, epoch=1, consumed=consumed)[rank]
        assert list(resumed) == whole[steps:]
        assert resumed.left == max(len(whole) - steps, 0)
        assert resumed.consumed_after(100) == sampler.samples_per_epoch


@given(n=st.integers(8, 90), before=st.tuples(sizes, worlds), after=worlds, steps=st.integers(0, 5))
def test_another_world_size_at_resume_repeats_and_omits_nothing(n, before, after, steps):
    first = _samplers(n, *before)
    consumed = first[0].consumed_after(steps)
    seen = [row for sampler in first for row in _rows(list(sampler)[:steps])]
    assert consumed == len(seen)
    rest = [row for sampler in _samplers(n, before[0], after, consumed=consumed) for row in _rows(sampler)]
    assert not set(seen) & set(rest)
    assert n - len(seen) - len(rest) < max(before[1], after)


def test_another_batch_size_at_resume_starts_with_the_rest_of_a_batch():
    sampler = _samplers(32, 16, 1, consumed=4)[0]
    assert _rows(sampler) == sampler.order(0)[4:, 0].tolist()
    assert [len(batch) for batch in sampler] == [12, 16]


def test_fewer_records_than_processes_are_refused():
    with pytest.raises(UserError, match="cannot feed 4 processes"):
        FairseqSampler(np.arange(3), np.ones(3), 8, 0, world=4)


def test_the_loader_takes_lengths_up_to_the_window(tiny):
    tiny.records.length[:] = tiny.spec.samples + np.arange(len(tiny))
    rows = np.arange(len(tiny))
    loader = make_loader(tiny, rows, batch_size=8, train=True, seed=3, fairseq_batches=True)
    expected = FairseqSampler(rows, np.full(len(rows), tiny.spec.samples), 8, 3)
    assert [batch.index.tolist() for batch in loader] == [_rows([batch]) for batch in expected]


def test_balanced_drawing_comes_before_the_original_batches(tiny):
    loader = make_loader(tiny, np.arange(6), batch_size=2, train=True, balanced=True, fairseq_batches=True)
    assert not isinstance(loader.sampler, FairseqSampler)
