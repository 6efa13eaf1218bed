"""An exponential running average of the weights, in float32, evaluated beside them and kept in the checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class EMA:
    """`decay` of the average per update, warmed up as min(decay, (1+n)/(10+n)); buffers are the model's own."""

    def __init__(self, model: nn.Module, decay: float):
        self.model, self.decay, self.updates = model, decay, 0
        self.names = [name for name, p in model.named_parameters() if p.requires_grad]
        self.source = [p for p in model.parameters() if p.requires_grad]
        self.average = [p.detach().float().clone() for p in self.source]

    @torch.no_grad()
    def update(self) -> None:
        """After an applied update, never after a skipped one."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        get_ema_multi_avg_fn(decay)(self.average, [p.detach() for p in self.source], None)
        self.updates += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model holds the average inside this block and its own weights after it."""
        own = [p.detach().clone() for p in self.source]
        self.write()
        try:
            yield
        finally:
            self._write(own)

    def write(self) -> None:
        """The model holds the average from here on."""
        self._write(self.average)

    @torch.no_grad()
    def _write(self, values: list[torch.Tensor]) -> None:
        for parameter, value in zip(self.source, values, strict=True):
            parameter.copy_(value)

    def state_dict(self) -> dict[str, Any]:
        """The average by name: whoever tests it need not know what was frozen in training."""
        return {"updates": self.updates, "average": dict(zip(self.names, self.average, strict=True))}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.updates = state["updates"]
        for name, mine in zip(self.names, self.average, strict=True):
            mine.copy_(state["average"][name])
