"""Batches from worker processes through memory that both sides have from the start.

Shared memory made anew for each batch costs more, in page faults and handles passed on, than reading the records. Here
each worker has a few places to write to, in turns, and the main process copies what it gets. A worker is never more
than `prefetch_factor` batches ahead of what was copied, so with two places more none is overwritten too early.
"""

from __future__ import annotations

import math
import mmap
from dataclasses import dataclass, field

import numpy as np
import torch

ALIGN = 64
Part = tuple[tuple[int, ...], str, int]  # shape, dtype, offset


class Slots:
    """`places` of `size` bytes for each of `workers`; for workers that are forked."""

    def __init__(self, workers: int, places: int, size: int):
        self.places, self.size = places, -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        whole = mmap.mmap(-1, workers * places * self.size)
        self._memory = np.frombuffer(whole, np.uint8).reshape(workers, places, self.size)
        self._turn = 0

    def next_place(self, worker: int) -> Place:
        """Where a worker writes its next batch."""
        self._turn = (self._turn + 1) % self.places
        return Place(worker, self._turn, self._memory[worker, self._turn])

    def copied(self, sent: Sent, pin_memory: bool) -> dict[str, torch.Tensor]:
        """The tensors of a batch, in memory of this process."""
        memory, tensors = self._memory[sent.worker, sent.turn], {}
        for name, (shape, dtype, offset) in sent.parts.items():
            there = memory[offset:offset + math.prod(shape) * np.dtype(dtype).itemsize].view(dtype).reshape(shape)
            tensors[name] = fresh(shape, torch.from_numpy(there).dtype, pin_memory)
            np.copyto(tensors[name].numpy(), there)
        return tensors


@dataclass
class Sent:
    """What goes through the queue in place of a batch: where each tensor lies."""

    worker: int
    turn: int
    parts: dict[str, Part] = field(default_factory=dict)


class Place:
    """One batch under construction in a worker."""

    def __init__(self, worker: int, turn: int, memory: np.ndarray):
        self.sent, self.holds_all = Sent(worker, turn), True
        self._memory, self._used = memory, 0

    def allocate_or_share(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """A tensor in this place; in shared memory of its own where it does not fit."""
        size, begin = math.prod(shape) * dtype.itemsize, self._used
        if begin + size > len(self._memory):
            self.holds_all = False
            return shared(shape, dtype)
        kind = torch.empty(0, dtype=dtype).numpy().dtype
        self._used = -(-(begin + size) // ALIGN) * ALIGN
        self.sent.parts[name] = (shape, kind.str, begin)
        return torch.from_numpy(self._memory[begin:begin + size].view(kind).reshape(shape))


def fresh(shape: tuple[int, ...], dtype: torch.dtype, pin_memory: bool = False) -> torch.Tensor:
    """A tensor without content. NumPy asks for huge pages: writing to new memory then costs an eighth."""
    if pin_memory:
        return torch.empty(shape, dtype=dtype, pin_memory=True)
    return torch.from_numpy(np.empty(shape, torch.empty(0, dtype=dtype).numpy().dtype))


def shared(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """A tensor without content in shared memory, which passes through a queue as a handle."""
    storage = torch.UntypedStorage._new_shared(math.prod(shape) * dtype.itemsize)
    return torch.empty(0, dtype=dtype).set_(storage, 0, shape)  # type: ignore[call-overload]
