"""Running means of the training losses, read from the device once per interval, and the watch for numbers that are
not finite.

Sums go step by step in float64, so the logged means do not depend on where an interval or a checkpoint fell.
"""

from __future__ import annotations

import math
import time
from typing import Any

import torch

from src.errors import Diverged
from src.trainer.distributed import World

Sums = dict[str, list[float]]  # name -> [weighted sum, weight]


class Meter:
    """Sums over the epoch and over the interval since the last log line; `norm` is the last gradient norm read."""

    def __init__(self):
        self.waiting: list[tuple[torch.Tensor, float, Any, dict | None]] = []  # micro-batches since the last read
        self.norms: list[tuple[int, torch.Tensor]] = []  # (micro-batches that waited, norm) of each update
        self.watched: dict[str, torch.Tensor] = {}
        self.epoch: Sums = {}
        self.interval: Sums = {}
        self.norm = math.nan
        self.samples_of_epoch = 0  # that this process trained on
        self.before, self.since = 0, time.perf_counter()

    def reset(self) -> None:
        """At the start of an epoch."""
        self.epoch, self.samples_of_epoch, self.before = {}, 0, 0

    def add(self, loss: torch.Tensor, weight: float, batch: Any, parts: dict[str, torch.Tensor] | None = None,
            samples: int = 0) -> None:
        """The mean loss of one micro-batch of `samples` over `weight` items; the batch is kept until then, to name its
        records."""
        self.samples_of_epoch += samples
        if self.watched:
            parts, self.watched = {**(parts or {}), **self.watched}, {}
        self.waiting.append((loss.detach(), weight, batch, parts))

    def add_norm(self, norm: torch.Tensor) -> None:
        self.norms.append((len(self.waiting), norm))

    def read(self, *, norms_may_overflow: bool = False) -> None:
        """Fetch what waits in one transfer; Diverged at the first micro-batch with a loss or gradient not finite."""
        waiting, norms = self.waiting, self.norms
        if not waiting:
            return
        self.waiting, self.norms = [], []
        tensors = [value for loss, _, _, parts in waiting for value in (loss, *(parts or {}).values())]
        numbers = _numbers(tensors + [norm for _, norm in norms])
        values = iter(numbers)
        norm_after = dict(zip((count for count, _ in norms), numbers[len(tensors):], strict=True))
        for count, (_, weight, batch, parts) in enumerate(waiting, 1):
            for name in ("loss", *(parts or {})):
                self._take(name, next(values), weight, batch)
            self.norm = norm_after.get(count, self.norm)
            if count in norm_after and not math.isfinite(self.norm) and not norms_may_overflow:
                raise Diverged(f"the norm of the gradient is {self.norm}").with_batch(batch)

    def _take(self, name: str, value: float, weight: float, batch: Any) -> None:
        if not math.isfinite(value):
            raise Diverged(f"{name} is {value}").with_batch(batch)
        for sums in (self.epoch, self.interval):
            entry = sums.setdefault(name, [0.0, 0.0])
            entry[0] += value * weight
            entry[1] += weight

    def means(self, world: World) -> dict[str, float]:
        """Of the epoch so far, over all ranks."""
        return _means(self.epoch, world)

    def interval_means(self, world: World) -> dict[str, float]:
        """Since the last call, over all ranks."""
        sums, self.interval = self.interval, {}
        return _means(sums, world)

    def samples_per_second(self) -> float:
        """Of this rank, since the last call."""
        now = time.perf_counter()
        rate = (self.samples_of_epoch - self.before) / max(now - self.since, 1e-9)
        self.before, self.since = self.samples_of_epoch, now
        return rate

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "interval": self.interval, "norm": self.norm}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch, self.interval, self.norm = state["epoch"], state["interval"], state["norm"]


def shared_out(states: list[dict[str, Any]], rank: int, size: int) -> dict[str, Any]:
    """The saved state of this rank; where there are more or fewer than saved it, the first takes the sums of all."""
    if len(states) == size:
        return states[rank]
    sums = {name: _added([state[name] for state in states], rank == 0) for name in ("epoch", "interval")}
    return states[0] | sums


def _added(parts: list[Sums], is_first: bool) -> Sums:
    names = dict.fromkeys(name for part in parts for name in part)  # the same on every rank, as means need them
    return {name: [math.fsum(part[name][k] for part in parts if name in part) if is_first else 0.0 for k in (0, 1)]
            for name in names}


def _numbers(tensors: list[torch.Tensor]) -> list[float]:
    device = tensors[0].device
    return torch.stack([t.detach().to(device, torch.float64).reshape(()) for t in tensors]).tolist()


def _means(sums: Sums, world: World) -> dict[str, float]:
    names = list(sums)
    totals = world.sum(*(number for name in names for number in sums[name])) if names else []
    pairs = zip(names, totals[::2], totals[1::2], strict=True)
    return {name: total / weight for name, total, weight in pairs if weight}
