"""What "best" means and when to stop: one object that every rank holds with the same state."""

from __future__ import annotations

from typing import Any


class Progress:
    """Best value of the monitored metric and how long ago it was; `patience` None never stops."""

    def __init__(self, monitor: str, mode: str, patience: int | None = None, min_delta: float = 0.0):
        self.monitor, self.mode, self.patience, self.min_delta = monitor, mode, patience, min_delta
        self.best: float | None = None
        self.best_epoch, self.waited = -1, 0
        self.reference: float | None = None  # the value that counts for patience: it moves by min_delta at least

    def update(self, value: float, epoch: int) -> bool:
        """Take a validation's value; True when it is the best so far."""
        is_best = self._better(value, self.best, 0.0)
        if is_best:
            self.best, self.best_epoch = value, epoch
        if self._better(value, self.reference, self.min_delta):
            self.reference, self.waited = value, 0
        else:
            self.waited += 1
        return is_best

    @property
    def should_stop(self) -> bool:
        return self.patience is not None and self.waited >= self.patience

    def _better(self, value: float, than: float | None, by: float) -> bool:
        if value != value:  # not a number is never better
            return False
        return than is None or (value > than + by if self.mode == "max" else value < than - by)

    def state_dict(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("best", "best_epoch", "waited", "reference")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for key, value in state.items():
            setattr(self, key, value)
