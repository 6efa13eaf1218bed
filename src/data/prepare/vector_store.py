"""The npz store of `--layout tensor_pipeline`: one lead as `signal` (samples,) float32, without missing samples.

The scripts that read such files know no masks, so what is missing is 0 there: after the z-score, the mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from src.data.prepare.npz_store import NpzReader, NpzStore, NpzWriter
from src.data.prepare.stores import Entry


class VectorStore(NpzStore):
    @property
    def kinds(self) -> tuple[type[NpzWriter], type[NpzReader]]:
        return VectorWriter, VectorReader


class VectorWriter(NpzWriter):
    def write(self, file: str, signal: np.ndarray, label: Any) -> Entry:
        return super().write(file, np.nan_to_num(signal[0]), label)


class VectorReader(NpzReader):
    gaps = False  # type: ignore[assignment]

    def whole(self, row: int) -> np.ndarray:
        return super().whole(row)[None]

    def shape(self, row: int) -> tuple[int, ...]:
        return (int(self.samples[row]),)
