"""What stands between a trainer's `forward_pass` and its loop: autocast, and DDP around the whole pass.

DDP wraps the pass rather than the network, so `trainer.model` stays the raw module and its keys clean. In float32 on
one process nothing stands there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from src.trainer.distributed import World
from src.trainer.precision import Precision

Pass = Callable[[Any], Any]


class _Pass(nn.Module):
    def __init__(self, model: nn.Module, forward_pass: Pass):
        super().__init__()
        self.model, self.forward_pass = model, forward_pass

    def forward(self, batch: Any) -> Any:
        return self.forward_pass(batch)


def with_autocast(forward_pass: Pass, precision: Precision) -> Pass:
    """The same pass, computed in mixed precision where that is asked."""
    if not precision.is_mixed:
        return forward_pass

    def autocast_pass(batch: Any) -> Any:
        with precision.autocast():
            return forward_pass(batch)

    return autocast_pass


def wrap(forward_pass: Pass, model: nn.Module, precision: Precision, world: World,
         ends_update: Callable[[], bool]) -> Pass:
    """`ends_update()`: whether the micro-batch to come completes an update, so that gradients are exchanged."""
    inner = with_autocast(forward_pass, precision)
    if world.size == 1:
        return inner
    some_get_none = bool(getattr(model, "no_gradient", {}))
    together = DistributedDataParallel(_Pass(model, inner), find_unused_parameters=some_get_none)

    def distributed_pass(batch: Any) -> Any:
        if not (model.training and torch.is_grad_enabled()):
            return inner(batch)  # evaluation is uneven over ranks: no collective may be inside
        together.require_backward_grad_sync = ends_update()
        return together(batch)

    return distributed_pass
