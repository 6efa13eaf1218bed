"""One optimizer update from one or more micro-batches: the only place where weights change.

The order: backward of every micro-batch, unscale, weigh, clip, optimizer, schedule, average, clear. Each micro-batch
counts by its weight (items behind its mean loss) over the sum of weights of the whole update, over ranks too; so
unequal micro-batches and ranks give exactly the gradient of one large batch.
"""

from __future__ import annotations

from typing import Any

import torch

from src.trainer.distributed import World
from src.trainer.ema import EMA


class Step:
    """Holds what an update touches; `nominal` is the weight that a full update is expected to have."""

    def __init__(self, optimizer: torch.optim.Optimizer, scheduler: Any, scaler: torch.amp.GradScaler | None,
                 world: World, *, clip: float, accumulate: int, nominal: float, ema: EMA | None = None):
        self.optimizer, self.scheduler, self.scaler, self.world, self.ema = optimizer, scheduler, scaler, world, ema
        self.clip, self.accumulate, self.nominal = clip, accumulate, nominal
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.is_weighed = accumulate > 1 or world.size > 1
        self.follows_updates = hasattr(scheduler, "apply")  # ours; a torch scheduler steps once per epoch
        self.weight, self.pending = 0.0, 0
        self.stop_asked = False  # on any rank, as of the last update
        self.lr: float | None = None  # the largest of the last update

    def backward(self, loss: torch.Tensor, weight: float) -> None:
        """Add the gradient of one micro-batch, whose mean loss was taken over `weight` items."""
        self.pending += 1
        if self.is_weighed:
            self.weight += weight
            loss = loss * (weight / self.nominal)
        if self.scaler is not None:
            loss = self.scaler.scale(loss)
        loss.backward()

    def update(self, stop: bool = False) -> torch.Tensor:
        """Apply the gathered gradient; returns its norm before clipping, a scalar on the device.

        `stop`: this rank was asked to stop; it travels with the weights in the update's one agreement of ranks.
        """
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        if self.is_weighed:
            total, stops = self.world.sum(self.weight, float(stop))
            self.stop_asked = stops > 0
            factor = self.world.size * self.nominal / total if total else 0.0  # DDP has averaged over the ranks
            if factor != 1.0:
                torch._foreach_mul_(gradients, factor)
        else:
            self.stop_asked = stop
        norm = self._clip(gradients)
        self.lr = max(group["lr"] for group in self.optimizer.param_groups)
        if self._apply():
            if self.follows_updates:
                self.scheduler.step()
            if self.ema is not None:
                self.ema.update()
        for parameter in self.parameters:
            parameter.grad = None
        self.weight, self.pending = 0.0, 0
        return norm

    def _clip(self, gradients: list[torch.Tensor]) -> torch.Tensor:
        if not gradients:
            return torch.zeros(())
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if self.clip > 0:
            torch._foreach_mul_(gradients, (self.clip / (norm + 1e-6)).clamp(max=1.0))
        return norm

    def _apply(self) -> bool:
        """Step the optimizer; False where the loss scale was too large and the update was left out, on all ranks."""
        if self.scaler is None:
            self.optimizer.step()
            return True
        before = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return self.scaler.get_scale() >= before
