"""Memory that batches are written to, used again once nothing refers to a batch any more.

New memory costs more, in page faults, than reading a record into it; new shared memory also costs handles passed on. So
`fresh` gives what an earlier batch left, and each worker has a few places in memory that both sides have from the
start: the main process gets tensors in them without a copy, and the place is free when the last of these is gone. Who
keeps more than HELD batches of a worker gets copies, so that there is a place for each batch that a worker is ahead.
"""

from __future__ import annotations

import math
import mmap
import os
import weakref
from dataclasses import dataclass, field

import numpy as np
import torch

ALIGN = 64
HELD = 2  # places of a worker that the main process may keep
KEPT, LARGE = 2, 1 << 20  # blocks of memory that wait for the next batch; bytes from which it pays
Part = tuple[tuple[int, ...], str, int]  # shape, dtype, offset


class Slots:
    """`ahead` + HELD places of `size` bytes for each of `workers`, which are forked and at most `ahead` batches ahead.

    `_stamps` holds for each place the number of the batch in it, counted per worker from 1; 0 is free. A worker sets
    it, the main process clears it."""

    def __init__(self, workers: int, ahead: int, size: int):
        self.size = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        self._whole = mmap.mmap(-1, workers * (ahead + HELD) * self.size)
        self._stamps = np.frombuffer(mmap.mmap(-1, workers * (ahead + HELD) * 8), np.int64).reshape(workers, -1)
        self._held: list[set[int]] = [set() for _ in range(workers)]
        self._written = 0

    def _memory(self, worker: int, place: int) -> np.ndarray:
        begin = (worker * self._stamps.shape[1] + place) * self.size
        return np.frombuffer(self._whole, np.uint8, self.size, begin)

    def free_place(self, worker: int) -> Place | None:
        """Where a worker writes its next batch; None where older batches still have all places."""
        self._written += 1
        place = int(np.argmin(self._stamps[worker]))
        if self._stamps[worker, place]:
            return None
        return Place(Sent(worker, place, self._written), self._memory(worker, place), self._stamps[worker])

    def received(self, sent: Sent, pin_memory: bool) -> dict[str, torch.Tensor]:
        """The tensors of a batch, in its place; in memory of their own where they are pinned or many are kept."""
        self._free_older(sent)
        memory = self._memory(sent.worker, sent.place)
        held, stamps = self._held[sent.worker], self._stamps[sent.worker]
        if pin_memory or len(held) == HELD:
            tensors = {name: _copy(_part(memory, part), pin_memory) for name, part in sent.parts.items()}
            stamps[sent.place] = 0
            return tensors
        held.add(sent.place)
        weakref.finalize(memory, _release, held, stamps, sent.place, os.getpid()).atexit = False
        return {name: torch.from_numpy(_part(memory, part)) for name, part in sent.parts.items()}

    def _free_older(self, sent: Sent) -> None:
        """Batches arrive in order. An older one that is not held was too large for its place, or was thrown away with
        the iteration it belonged to."""
        stamps = self._stamps[sent.worker]
        for place in np.flatnonzero((stamps > 0) & (stamps < sent.number)).tolist():
            if place not in self._held[sent.worker]:
                stamps[place] = 0


def _release(held: set[int], stamps: np.ndarray, place: int, holder: int) -> None:
    if os.getpid() == holder:  # a worker that was forked meanwhile has the batch too, and lets go of it by itself
        held.discard(place)
        stamps[place] = 0


def _part(memory: np.ndarray, part: Part) -> np.ndarray:
    shape, dtype, offset = part
    return memory[offset:offset + math.prod(shape) * np.dtype(dtype).itemsize].view(dtype).reshape(shape)


def _copy(there: np.ndarray, pin_memory: bool) -> torch.Tensor:
    tensor = fresh(there.shape, torch.from_numpy(there).dtype, pin_memory)
    np.copyto(tensor.numpy(), there)
    return tensor


@dataclass
class Sent:
    """What goes through the queue in place of a batch: where each tensor lies."""

    worker: int
    place: int
    number: int  # of the batch, among those of its worker
    parts: dict[str, Part] = field(default_factory=dict)


class Place:
    """One batch under construction in a worker."""

    def __init__(self, sent: Sent, memory: np.ndarray, stamps: np.ndarray):
        self.holds_all = True
        self._sent, self._memory, self._stamps, self._used = sent, memory, stamps, 0

    def send(self) -> Sent:
        self._stamps[self._sent.place] = self._sent.number
        return self._sent

    def allocate_or_share(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """A tensor in this place; in shared memory of its own where it does not fit."""
        size, begin = math.prod(shape) * dtype.itemsize, self._used
        if begin + size > len(self._memory):
            self.holds_all = False
            return shared(shape, dtype)
        kind = torch.empty(0, dtype=dtype).numpy().dtype
        self._used = -(-(begin + size) // ALIGN) * ALIGN
        self._sent.parts[name] = (shape, kind.str, begin)
        return torch.from_numpy(self._memory[begin:begin + size].view(kind).reshape(shape))


def fresh(shape: tuple[int, ...], dtype: torch.dtype, pin_memory: bool = False) -> torch.Tensor:
    """A tensor without content. NumPy asks for huge pages: writing to new memory then costs an eighth."""
    if pin_memory:
        return torch.empty(shape, dtype=dtype, pin_memory=True)
    kind, size = torch.empty(0, dtype=dtype).numpy().dtype, math.prod(shape) * dtype.itemsize
    if size < LARGE:
        return torch.from_numpy(np.empty(shape, kind))
    block = next((block for block in _waiting if size <= len(block) <= 2 * size), None)
    if block is None:
        block = np.empty(size, np.uint8)
    else:
        _waiting[:] = [other for other in _waiting if other is not block]
    memory = np.frombuffer(memoryview(block), np.uint8, size)  # an array of which views are, so it lives with them
    weakref.finalize(memory, _keep, block).atexit = False
    return torch.from_numpy(memory.view(kind).reshape(shape))


_waiting: list[np.ndarray] = []


def _keep(block: np.ndarray) -> None:
    _waiting.append(block)
    del _waiting[:-KEPT]


def shared(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """A tensor without content in shared memory, which passes through a queue as a handle."""
    storage = torch.UntypedStorage._new_shared(math.prod(shape) * dtype.itemsize)
    return torch.empty(0, dtype=dtype).set_(storage, 0, shape)  # type: ignore[call-overload]
