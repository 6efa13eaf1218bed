from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data.duin_split import (
    RandomState,
    Split,
    join_subjects,
    shuffle_runs,
    split_files,
    split_trials,
    standardize,
)
from src.errors import UserError


@given(words=st.integers(2, 6), repetitions=st.integers(5, 12), seed=st.integers(0, 99))
def test_every_trial_is_in_exactly_one_part(words, repetitions, seed):
    rng = RandomState(seed)
    labels = rng.permutation(np.repeat(np.arange(words), repetitions))
    split = join_subjects([split_trials(labels, rng.randn(len(labels), 1, 20), rng)], rng)
    assert sorted(np.concatenate(split).tolist()) == list(range(len(labels)))
    assert np.bincount(labels[split.train]).tolist() == [int(0.8 * repetitions)] * words
    assert 0 <= len(split.test) - len(split.valid) <= 1


def test_the_draws_are_those_of_numpys_global_generator():
    signals, labels = np.random.RandomState(0).randn(40, 1, 50), np.repeat(np.arange(4), 10)
    np.random.seed(3)
    for _ in range(10):
        np.random.randint(50)
    chosen = np.random.choice(np.arange(8), size=4, replace=False)
    split = split_trials(labels, signals, RandomState(3))
    pool = np.concatenate([np.arange(8, 10) + 10 * word for word in range(4)])
    assert split.valid.tolist() == sorted(pool[chosen].tolist())


def test_a_trial_in_both_pools_is_refused():
    signals, labels = np.random.RandomState(0).randn(20, 1, 30), np.repeat([0, 1], 10)
    signals[9] = signals[0]
    with pytest.raises(UserError, match="share recordings"):
        split_trials(labels, signals, RandomState(0))


def test_a_word_without_enough_trials_is_refused():
    labels = np.array([0] * 10 + [1])
    with pytest.raises(UserError, match="trials per word"):
        split_trials(labels, np.random.RandomState(0).randn(11, 1, 30), RandomState(0))


def test_runs_stay_together():
    runs = np.repeat([0, 1, 2], 5)
    order = shuffle_runs(runs, RandomState(0))
    assert runs[order].tolist() == runs.tolist()
    assert order.tolist() != list(range(15))


def test_subjects_are_mixed_within_each_part_only():
    one, other = np.split(np.arange(16), 2)
    splits = [Split(rows[:6], rows[6:7], rows[7:]) for rows in (one, other)]
    joined = join_subjects(splits, RandomState(0))
    assert sorted(joined.train.tolist()) == [*range(6), *range(8, 14)]
    assert sorted(joined.valid.tolist()) == [6, 14]
    assert joined.train.tolist() != sorted(joined.train.tolist())


def test_channels_are_standardised_over_trials_and_time():
    scaled, mean, std = standardize(np.random.RandomState(0).randn(5, 2, 40) * 3 + np.array([1.0, -2.0])[:, None])
    np.testing.assert_allclose(scaled.mean(axis=(0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=(0, 2)), 1)
    np.testing.assert_allclose(mean, [1, -2], atol=1)
    np.testing.assert_allclose(std, 3, rtol=0.2)


def test_a_flat_channel_is_refused():
    with pytest.raises(UserError, match=r"channels \[1\] never change"):
        standardize(np.stack([np.random.RandomState(0).randn(4, 9), np.ones((4, 9))], axis=1))


def test_files_are_cut_per_subject():
    subject = np.repeat([0, 1], [20, 10])
    split = split_files(subject, RandomState(0))
    assert [np.bincount(subject[part]).tolist() for part in split] == [[16, 8], [2, 1], [2, 1]]
