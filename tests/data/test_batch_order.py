from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data.batch_order import batch_order, batch_sizes, record_order
from src.errors import UserError


def test_long_records_come_first_and_equal_ones_by_falling_draw():
    lengths = np.array([10, 30, 10, 30, 20])
    drawn = np.random.RandomState(3).permutation(5)
    expected = sorted(range(5), key=lambda place: (-lengths[place], -drawn[place]))
    assert record_order(lengths, 3).tolist() == expected


def test_the_order_leaves_the_global_generator_alone():
    np.random.seed(11)
    expected = np.random.rand()
    np.random.seed(11)
    record_order(np.ones(9), 1)
    batch_order(9, 1, 0)
    assert np.random.rand() == expected


@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_batches_are_shuffled_with_the_seed_plus_the_epoch_counted_from_one(epoch):
    batches = [[place] for place in range(20)]
    np.random.seed(42 + epoch + 1)
    np.random.shuffle(batches)
    assert batch_order(20, 42, epoch).tolist() == [batch[0] for batch in batches]


@given(lengths=st.lists(st.integers(1, 50), min_size=1, max_size=120), batch_size=st.none() | st.integers(1, 40),
       max_tokens=st.none() | st.integers(50, 900), multiple=st.integers(1, 9))
def test_a_batch_is_as_large_as_its_limits_allow(lengths, batch_size, max_tokens, multiple):
    def allowed(part):
        within = len(part) <= (batch_size or len(part)) and len(part) * max(part) <= (max_tokens or np.inf)
        return within and (len(part) < multiple or len(part) % multiple == 0)

    sizes = batch_sizes(np.array(lengths), batch_size, max_tokens, multiple)
    assert sizes.sum() == len(lengths)
    start = 0
    for size in sizes.tolist():
        assert allowed(lengths[start:start + size])
        assert not any(allowed(lengths[start:start + more]) for more in range(size + 1, len(lengths) - start + 1))
        start += size


def test_a_batch_size_that_is_no_multiple_of_eight_is_rounded_down():
    assert batch_sizes(np.ones(37), 20).tolist() == [16, 16, 5]
    assert batch_sizes(np.ones(37), 5).tolist() == [5] * 7 + [2]


def test_a_record_longer_than_a_batch_may_be_is_refused():
    with pytest.raises(UserError, match="a record of 60 samples"):
        batch_sizes(np.array([60, 20]), None, 50)
