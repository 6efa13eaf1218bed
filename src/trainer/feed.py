"""A training loader whose place inside the epoch is known, saved and restored.

Our own loaders jump to a place (their order is a function of seed and epoch). For any other loader the epoch's draws
are seeded here and the batches before the place are fetched again and passed over. With several ranks a foreign
loader is dealt out batch by batch: rank r takes every size-th one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader

from src.errors import UserError
from src.trainer import random_state
from src.trainer.distributed import World


class Feed:
    """Iterates over one epoch from where it stands. `place` counts records of all ranks (own loaders) or batches
    (others); `number` is the current batch of this rank, 1-based; `is_last` is true at the epoch's last one."""

    def __init__(self, loader: Any, world: World, seed: int):
        self.loader, self.world, self.seed = loader, world, seed
        self.is_own = hasattr(loader, "set_position")
        self._generators = _generators_of(loader)
        self.epoch, self.place, self.number, self.batch = 0, 0, 0, None
        self.is_last, self._on_start, self._ended = False, None, False
        try:
            self.batches = len(loader) if self.is_own else len(loader) // world.size
        except TypeError:
            raise UserError("the training loader has no length, so no epoch and no schedule can be laid out",
                            "give it a __len__, the number of batches of an epoch") from None
        if self.batches == 0:
            raise UserError("the training loader gives no batch", "check --data_path, --limit and --batch_size")

    def __len__(self) -> int:
        return self.batches

    def __getattr__(self, name: str) -> Any:  # scripts ask the loader for its dataset ...
        return getattr(self.__dict__["loader"], name)

    @property
    def batch_size(self) -> int | None:
        return self.loader.sampler.batch_size if self.is_own else getattr(self.loader, "batch_size", None)

    def go_to(self, epoch: int, place: int = 0, on_start: Callable[[], None] | None = None) -> None:
        """Stand at `place` of `epoch`; `on_start` runs when iteration begins there (it restores the generators)."""
        self.epoch, self.place, self._on_start, self.number = epoch, place, on_start, 0
        if self.is_own:
            self.loader.set_position(epoch, place)  # how many records an epoch has may depend on the epoch

    @property
    def is_done(self) -> bool:
        """Whether nothing of this epoch is left: a run that was stopped in validation stands here when resumed."""
        return self.place >= (self.loader.sampler.samples_per_epoch if self.is_own else self.batches * self.world.size)

    def end(self) -> None:
        """The current batch is the last one that is wanted."""
        self._ended = True

    def __iter__(self) -> Iterator[Any]:
        shared = 0 if not self.is_own else self.world.rank  # a foreign loader must shuffle alike on every rank
        random_state.seed_all(random_state.derive(self.seed, "epoch", self.epoch, shared))
        for generator in self._generators:
            generator.manual_seed(random_state.derive(self.seed, "order", self.epoch))
        self.is_last = self._ended = False
        yield from self._own_batches() if self.is_own else self._foreign_batches()
        self.batch = None

    def _begin(self) -> None:
        if self._on_start is not None:
            self._on_start()
            self._on_start = None
        elif not self.is_own and self.world.size > 1:
            random_state.seed_all(random_state.derive(self.seed, "epoch", self.epoch, self.world.rank))

    def _own_batches(self) -> Iterator[Any]:
        self.loader.set_position(self.epoch, self.place)
        sampler, left = self.loader.sampler, self.loader.sampler.left
        self.number = self.batches - left
        for seen, batch in enumerate(self.loader, 1):
            self.batch = batch
            self._begin()  # only now: a loader draws a seed of its own on its way to the first batch
            self.number += 1
            self.is_last = seen == left
            self.place = sampler.consumed_after(seen)
            yield self.batch
            if self._ended:
                return

    def _foreign_batches(self) -> Iterator[Any]:
        skip, size, rank, batches = self.place, self.world.size, self.world.rank, self.batches
        iterator = iter(self.loader)
        for _ in range(skip):
            next(iterator)
        if skip:
            self._begin()
        for position, batch in enumerate(iterator, skip):
            if position == 0:
                self._begin()  # only now: the order was drawn on the way to the first batch, alike on every rank
            if position >= batches * size or self._ended:
                return
            if position % size == rank:
                self.batch = batch
                self.number = position // size + 1
                self.is_last = self.number == batches
                self.place = position - rank + size
                yield batch


def _generators_of(loader: Any) -> list[torch.Generator]:
    """What a torch loader draws from beside the global generator; seeded anew in every epoch.

    A loader draws a seed for its workers, each epoch or once when they live on; from a generator of its own, so that
    the draws of shuffling and dropout do not depend on it.
    """
    if not isinstance(loader, DataLoader):
        return []
    loader.generator = torch.Generator()
    shuffling = getattr(loader.sampler, "generator", None)
    return [loader.generator, *([shuffling] if shuffling is not None else [])]
