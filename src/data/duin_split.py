"""Du-IN's splits, draw by draw, so that its published numbers can be repeated.

Every function takes the generator that the original took from NumPy's global state: after `numpy.random.seed(s)`
there, `numpy.random.RandomState(s)` here gives the same records. Signals are (trials, channels, samples).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from src.errors import UserError

RandomState = np.random.RandomState


class Split(NamedTuple):
    """Rows of each part, in the order in which the original holds them."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def shuffle_runs(run_of_trial: np.ndarray, rng: RandomState) -> np.ndarray:
    """The order in which trials are loaded: run by run, each run shuffled. (n,) run of each trial -> (n,) rows."""
    order = []
    for run in np.unique(run_of_trial):
        rows = np.flatnonzero(run_of_trial == run)
        rng.shuffle(rows)
        order.append(rows)
    return np.concatenate(order)


def standardize(signals: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Z-score per channel over all trials and samples of a subject: (n, C, T) -> (n, C, T), mean (C,), std (C,).

    Population std without an epsilon; before the split, so it has seen the test trials (published numbers rest on it).
    Raises UserError for a channel that never changes.
    """
    mean, std = signals.mean(axis=(0, 2)), signals.std(axis=(0, 2))
    if not std.all():
        raise UserError(f"channels {np.flatnonzero(std == 0).tolist()} never change and cannot be standardised",
                        "leave them out")
    return (signals - mean[:, None]) / std[:, None], mean, std


def split_trials(labels: np.ndarray, signals: np.ndarray, rng: RandomState, train_ratio: float = 0.8) -> Split:
    """One subject's split: the first trials of each word train, half of the others validate, the rest test.

    `labels` (n,) int64 in loaded order, `signals` (n, C, T) for the check that no trial is in both pools. Validation
    is not stratified. Raises UserError where a word lacks test trials or the pools share a trial.
    """
    words = np.unique(labels)
    per_word = [np.flatnonzero(labels == word) for word in words]
    cuts = [int(train_ratio * len(rows)) for rows in per_word]
    train = np.concatenate([rows[:cut] for rows, cut in zip(per_word, cuts)])
    pool = np.concatenate([rows[cut:] for rows, cut in zip(per_word, cuts)])
    _refuse_leak(signals[train, 0], signals[pool, 0], rng)
    if len(np.unique(labels[train])) != len(np.unique(labels[pool])):
        raise UserError("some words have no trial for training or none for testing",
                        f"trials per word: {dict(zip(words.tolist(), map(len, per_word)))}")
    chosen = rng.choice(np.arange(len(pool)), size=int(len(pool) / 2), replace=False)
    is_valid = np.zeros(len(pool), dtype=bool)
    is_valid[chosen] = True
    return Split(train, pool[is_valid], pool[~is_valid])


def _refuse_leak(train: np.ndarray, pool: np.ndarray, rng: RandomState) -> None:
    """(n, T) of one channel each; equal values at ten random instants mean a shared trial."""
    instants = [rng.randint(train.shape[1]) for _ in range(10)]
    if all(len(np.intersect1d(train[:, t], pool[:, t])) > 0 for t in instants):
        raise UserError("training and test trials share recordings", "check the files for copies of the same run")


def join_subjects(splits: Sequence[Split], rng: RandomState) -> Split:
    """Rows of the concatenated subjects, each part shuffled. The splits' rows must already be unique over subjects."""
    parts = [np.concatenate([split[i] for split in splits]) for i in range(3)]
    for rows in parts:
        rng.shuffle(rows)
    return Split(*parts)


def split_files(subject: np.ndarray, rng: RandomState, ratios: Sequence[float] = (0.8, 0.1, 0.1)) -> Split:
    """Pretraining: per subject the files are shuffled and cut. `subject` (n,) index of each file's subject.

    Boundaries are rounded half to even; a part may be empty.
    """
    shares = np.asarray(ratios, dtype=np.float32)
    parts: list[list[np.ndarray]] = [[], [], []]
    for name in np.unique(subject):
        rows = np.flatnonzero(subject == name)
        rng.shuffle(rows)
        ends = np.round(np.cumsum(shares / shares.sum()) * len(rows)).astype(int)
        for part, rows_of_part in zip(parts, np.split(rows, ends[:2])):
            part.append(rows_of_part)
    return Split(*(np.concatenate(part) for part in parts))
