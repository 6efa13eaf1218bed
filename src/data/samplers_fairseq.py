"""The training batches of fairseq-signals, for runs with `--replica` whose losses are compared with its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from src.data.batch_order import batch_order, batch_sizes, record_order
from src.data.samplers import EpochSampler, Key


class FairseqSampler(EpochSampler):
    """Batches of `rows` that are cut once, by their `lengths` in samples; an epoch shuffles the batches as they are.

    A global step takes `world` consecutive batches, one for each rank. Where fewer are left at the end of an epoch,
    their records are dealt out evenly, which gives the same update as the original's empty batches beside them; fewer
    records than ranks are left out.
    """

    def __init__(self, rows: np.ndarray, lengths: np.ndarray, batch_size: int, seed: int, rank: int = 0,
                 world: int = 1):
        super().__init__(rows, batch_size, seed, rank=rank, world=world)
        places = record_order(lengths, seed)
        self.sizes = batch_sizes(lengths[places], batch_size)
        self.batches = np.split(self.rows[places], np.cumsum(self.sizes)[:-1])
        self.set_position(0)

    @property
    def samples_per_epoch(self) -> int:
        return int(self._whole[-1][-1])

    @property
    def left(self) -> int:
        return len(self._left)

    def set_position(self, epoch: int, consumed: int = 0) -> None:
        super().set_position(epoch, consumed)
        self._whole, self._left = self._steps(0), self._steps(consumed)

    def consumed_after(self, batches: int) -> int:
        used = min(batches, self.left)
        return int(self._left[used - 1][-1]) if used else self.start

    def order(self, epoch: int) -> np.ndarray:
        rows = np.concatenate([self.batches[place] for place in batch_order(len(self.sizes), self.seed, epoch)])
        return np.stack([rows, np.zeros_like(rows)], axis=1)

    def __iter__(self) -> Iterator[list[Key]]:
        order, epoch, rank = self.order(self.epoch).tolist(), self.epoch, self.rank
        for bounds in self._left:
            if len(bounds) == self.world + 1:
                mine = order[bounds[rank]:bounds[rank + 1]]
            else:
                mine = order[bounds[0]:bounds[-1]][rank::self.world]
            yield [(epoch, row, draw) for row, draw in mine]

    def __len__(self) -> int:
        return len(self._whole)

    def _steps(self, consumed: int) -> list[np.ndarray]:
        """Of each step after the first `consumed` records of the epoch: where its batches begin, and where the last
        of them ends."""
        ends = np.cumsum(self.sizes[batch_order(len(self.sizes), self.seed, self.epoch)])
        bounds = np.r_[consumed, ends[ends > consumed]]
        steps = [bounds[first:first + self.world + 1] for first in range(0, len(bounds) - 1, self.world)]
        return steps[:-1] if steps and steps[-1][-1] - steps[-1][0] < self.world else steps
