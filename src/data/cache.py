"""Records that were made or read once, kept in memory up to a fixed number of bytes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


class RecordCache:
    """Row -> signal. When it is full, further records are made anew each time.

    Nothing is thrown out: with epochs in random order a fixed part that stays is hit more often than a rolling one.
    """

    def __init__(self, megabytes: float):
        self.free = int(megabytes * 1e6)
        self.kept: dict[int, np.ndarray] = {}

    def get(self, row: int, make: Callable[[int], np.ndarray]) -> np.ndarray:
        """A copy of the record's signal that the caller may change."""
        if row in self.kept:
            return self.kept[row].copy()
        signal = make(row)
        if signal.nbytes <= self.free:
            self.kept[row] = signal
            self.free -= signal.nbytes
            return signal.copy()
        return signal
