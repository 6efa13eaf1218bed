"""Where the numbers lie in an uncompressed MAT file, so that a part of a matrix is read in place.

The file is looked through once; afterwards columns of a matrix are one read of a few thousand bytes, without a parser
in between. Compressed files and other versions are read whole each time, by `mat`.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data.readers import mat_elements
from src.data.readers.mat import mat_names, read_mat

FEW = 1024  # numbers that are kept


@dataclass(frozen=True)
class Stored:
    """A variable of `path`: `shape` as in MATLAB, columns first, from byte `offset` on."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int

    def read(self) -> np.ndarray:
        return self._read(0, math.prod(self.shape)).reshape(self.shape, order="F")

    def columns(self, low: int, high: int) -> np.ndarray:
        """Columns [low, high) of a matrix: they lie next to each other."""
        rows = self.shape[0]
        return self._read(low * rows, (high - low) * rows).reshape((rows, high - low), order="F")

    def _read(self, first: int, count: int) -> np.ndarray:
        found = np.fromfile(self.path, self.dtype, count, offset=self.offset + first * np.dtype(self.dtype).itemsize)
        if len(found) != count:
            raise ValueError(f"{len(found)} of {count} numbers are there")
        return found


@dataclass(frozen=True)
class Loaded:
    """A variable that is read whole; the same calls as `Stored`. A few numbers are `kept` from the first look."""

    path: Path
    name: str
    shape: tuple[int, ...]
    kept: np.ndarray | None = None

    def read(self) -> np.ndarray:
        return read_mat(self.path, self.name) if self.kept is None else self.kept

    def columns(self, low: int, high: int) -> np.ndarray:
        return self.read()[:, low:high]


def variables(path: Path, wanted: tuple[str, ...]) -> dict[str, Stored | Loaded]:
    """Those of the `wanted` variables of numbers that the file holds. UserError for what is no MAT file."""
    try:
        return {array.name: _place(path, array) for array in mat_elements.arrays(path)
                if array.name in wanted and array.holds_values and array.kind >= mat_elements.FIRST_NUMBER}
    except (OSError, ValueError, zlib.error):  # of another version, or damaged: `mat` knows, and says it
        return {name: Loaded(path, name, read_mat(path, name).shape) for name in mat_names(path) if name in wanted}


def _place(path: Path, array: mat_elements.Array) -> Stored | Loaded:
    value, mapped = mat_elements.value(array), array.body.obj
    if isinstance(value, np.ndarray) and value.size <= FEW:
        return Loaded(path, array.name, array.shape, np.array(value))
    if isinstance(mapped, np.memmap) and isinstance(value, np.ndarray):
        offset = value.ctypes.data - mapped.ctypes.data
        if 0 <= offset < mapped.nbytes:
            return Stored(path, value.dtype.str, array.shape, offset)
    return Loaded(path, array.name, array.shape)
