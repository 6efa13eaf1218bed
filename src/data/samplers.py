"""Which records come when: batches of keys (epoch, row, draw), resumable inside an epoch.

- The order is a function of (seed, epoch) alone, the position a number of samples consumed by all ranks together:
  two integers resume a run, skipping costs nothing, and the world or batch size may change in between.
- A global step takes `batch_size * world` consecutive entries of the order and deals them out to the ranks. The ragged
  tail of an epoch is dealt as evenly as possible; a tail smaller than the world is left out (some rank would be idle).
- `FairseqSampler` (samplers_fairseq.py) has the same interface and the batches of fairseq-signals.
- Evaluation is never padded: rank r takes rows r, r + world, ... in order.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from src.data.dataset import Records
from src.errors import UserError

Key = tuple[int, int, int]  # epoch, row of `records`, how often this row was drawn before in this epoch
ORDER = 0x6F72646572  # keeps the stream of orders apart from the streams of augmentation


class EpochSampler:
    """Training batches: a permutation of `rows` per epoch or, with `weights` (one per row), as many draws with
    replacement, where `draw` counts the repeats of a row so that each repeat is augmented anew."""

    def __init__(self, rows: np.ndarray, batch_size: int, seed: int, shuffle: bool = True,
                 weights: np.ndarray | None = None, rank: int = 0, world: int = 1):
        if len(rows) < world:
            raise UserError(f"{len(rows)} training records cannot feed {world} processes", "use fewer processes")
        if batch_size < 1:
            raise UserError(f"--batch_size {batch_size}: expected 1 or more")
        self.rows, self.batch_size, self.seed, self.shuffle = np.asarray(rows), batch_size, seed, shuffle
        self.weights = None if weights is None else np.asarray(weights, float) / np.sum(weights)
        self.rank, self.world = rank, world
        self.epoch = self.start = 0

    @property
    def samples_per_epoch(self) -> int:
        """Samples that all ranks together consume in a whole epoch."""
        tail = len(self.rows) % (self.batch_size * self.world)
        return len(self.rows) - (tail if tail < self.world else 0)

    @property
    def left(self) -> int:
        """Batches of this rank from the position on."""
        return -(-max(self._end() - self.start, 0) // (self.batch_size * self.world))

    def set_position(self, epoch: int, consumed: int = 0) -> None:
        """Go on in `epoch` after the first `consumed` samples (counted over all ranks) of its order."""
        self.epoch, self.start = epoch, consumed

    def consumed_after(self, batches: int) -> int:
        """The global position once this rank has used `batches` batches since the last `set_position`."""
        return min(self.start + batches * self.batch_size * self.world, max(self.start, self._end()))

    def order(self, epoch: int) -> np.ndarray:
        """(n, 2) rows and draws of the whole epoch, before dealing to ranks."""
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(self.seed, spawn_key=(ORDER, epoch))))
        if self.weights is not None:
            rows = rng.choice(self.rows, size=len(self.rows), p=self.weights)
            return np.stack([rows, _repeats(rows)], axis=1)
        rows = rng.permutation(self.rows) if self.shuffle else self.rows
        return np.stack([rows, np.zeros_like(rows)], axis=1)

    def __iter__(self) -> Iterator[list[Key]]:
        order, step, epoch = self.order(self.epoch).tolist(), self.batch_size * self.world, self.epoch
        for first in range(self.start, self._end(), step):
            mine = order[first:min(first + step, len(order))][self.rank::self.world]
            yield [(epoch, row, draw) for row, draw in mine]

    def __len__(self) -> int:
        """Batches of this rank in a whole epoch; the same on every rank."""
        return -(-self.samples_per_epoch // (self.batch_size * self.world))

    def _end(self) -> int:
        tail = (len(self.rows) - self.start) % (self.batch_size * self.world)
        return len(self.rows) - (tail if tail < self.world else 0)


class EvalSampler:
    """Unpadded batches in the order of `rows`: rank r takes rows r, r + world, ..."""

    def __init__(self, rows: np.ndarray, batch_size: int, rank: int = 0, world: int = 1):
        if batch_size < 1:
            raise UserError(f"--val_batch_size {batch_size}: expected 1 or more")
        self.rows, self.batch_size = np.asarray(rows)[rank::world], batch_size

    def __iter__(self) -> Iterator[list[Key]]:
        for first in range(0, len(self.rows), self.batch_size):
            yield [(0, row, 0) for row in self.rows[first:first + self.batch_size].tolist()]

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)


def class_weights(records: Records, rows: np.ndarray) -> np.ndarray:
    """One drawing weight per row: 1 / size of its class; multi-label: the mean over the labels that it has, where
    records without any label count as a class of their own. Raises UserError for targets that are no classes."""
    label = records.label[rows]
    if label.ndim == 1 and np.issubdtype(label.dtype, np.integer):
        return 1.0 / np.bincount(label)[label]
    label = np.nan_to_num(label)  # of several labels those that are not known draw nothing
    if label.ndim != 2 or not np.isin(label, (0, 1)).all():
        raise UserError("balanced sampling needs classes or labels of 0 and 1; this target has neither",
                        "leave out --balanced_sampling")
    on = np.concatenate([label, label.sum(axis=1, keepdims=True) == 0], axis=1).astype(float)
    return (on / np.maximum(on.sum(axis=0), 1)).sum(axis=1) / on.sum(axis=1)


def _repeats(rows: np.ndarray) -> np.ndarray:
    """How often each entry's value occurred before it."""
    order = np.argsort(rows, kind="stable")
    grouped = rows[order]
    first = np.r_[True, grouped[1:] != grouped[:-1]]
    start = np.maximum.accumulate(np.where(first, np.arange(len(rows)), 0))
    repeats = np.empty_like(rows)
    repeats[order] = np.arange(len(rows)) - start
    return repeats
