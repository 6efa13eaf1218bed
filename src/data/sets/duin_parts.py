"""How one subject's records of Du-IN are parted, and what they are standardised by."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from src.data import duin_split
from src.data.dataset import Records
from src.data.splits import PARTS, deal
from src.errors import UserError

SHARES = (0.8, 0.1, 0.1)


def deal_trials(label: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Part -> places in `label` (n,): each word spread evenly over the parts."""
    rows = np.arange(len(label))
    unknown = np.full(len(label), "")
    records = Records(rows.astype(str), unknown, label, unknown, rows)
    return dict(zip(PARTS, deal(records, rows, SHARES, (seed,))))


def original_trials(label: np.ndarray, run: np.ndarray, first: np.ndarray, rng: np.random.RandomState
                    ) -> dict[str, np.ndarray]:
    """The original's parts of one subject; `run` (n,) of each trial, `first` (n, samples) of one channel."""
    loaded = duin_split.shuffle_runs(run, rng)
    parts = duin_split.split_trials(label[loaded], first[loaded, None], rng)
    return {name: loaded[rows] for name, rows in parts._asdict().items()}


def original_files(count: int, rng: np.random.RandomState) -> dict[str, np.ndarray]:
    """The original's parts of one subject's `count` unlabelled recordings."""
    return dict(duin_split.split_files(np.zeros(count, np.int64), rng)._asdict())


def moments(signals: Iterable[np.ndarray], subject: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation, each (channels, 1) float64, over all signals (channels, samples) and time.

    Population deviation without an epsilon, as the original's. Raises UserError for a channel that never changes.
    """
    count, total, squares, shift = 0, 0.0, 0.0, None
    for signal in signals:
        shift = signal.mean(axis=1, keepdims=True, dtype=np.float64) if shift is None else shift
        away = signal - shift  # so that the squares do not swamp the deviation
        count += signal.shape[1]
        total, squares = total + away.sum(1, keepdims=True), squares + np.square(away).sum(1, keepdims=True)
    if shift is None:
        raise UserError(f"subject {subject} has no trial to standardise by")
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    if not np.all(deviation > 0):
        raise UserError(f"subject {subject}: channels {np.flatnonzero(deviation[:, 0] <= 0).tolist()} (from 0) never "
                        "change and cannot be standardised", "name the others: --dataset_args channels=A1,A2")
    return mean + shift, deviation
