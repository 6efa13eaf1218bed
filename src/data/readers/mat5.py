"""Where the numbers lie in an uncompressed MAT file of version 5: read in place, without SciPy, and only as far as needed.

What this cannot tell (compressed or big-endian files, version 7.3, structs, complex numbers) is left to `mat`, whose
arrays the ones read here equal bit by bit.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data.readers.mat import mat_names, read_mat
from src.data.readers.memory import check_memory
from src.errors import UserError

MATRIX, COMPLEX = 14, 0x0800
NUMERIC_CLASSES = range(6, 16)  # double, single, int8 to uint64
DTYPES = {1: "i1", 2: "u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
HEAD = 160  # bytes that hold the flags, the shape (of two axes) and a name


@dataclass(frozen=True)
class Stored:
    """A variable of `path`: `shape` as in MATLAB, columns first, from byte `offset` on."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int

    def read(self) -> np.ndarray:
        count = math.prod(self.shape)
        return np.fromfile(self.path, self.dtype, count, offset=self.offset).reshape(self.shape, order="F")

    def columns(self, low: int, high: int) -> np.ndarray:
        """Columns [low, high) of a matrix: they lie next to each other."""
        rows = self.shape[0]
        size = np.dtype(self.dtype).itemsize
        found = np.fromfile(self.path, self.dtype, rows * (high - low), offset=self.offset + low * rows * size)
        return found.reshape((rows, high - low), order="F")


@dataclass(frozen=True)
class Loaded:
    """A variable that had to be read by SciPy or h5py; the same calls as `Stored`."""

    path: Path
    name: str
    shape: tuple[int, ...]

    def read(self) -> np.ndarray:
        return read_mat(self.path, self.name)

    def columns(self, low: int, high: int) -> np.ndarray:
        return self.read()[:, low:high]


def variables(path: Path, wanted: tuple[str, ...]) -> dict[str, Stored | Loaded]:
    """Those of the `wanted` variables that the file holds. UserError for what is no MAT file."""
    found = _scan(path)
    if found is None:
        names = [name for name in mat_names(path) if name in wanted]
        return {name: Loaded(path, name, read_mat(path, name).shape) for name in names}
    return {name: stored for name, stored in found.items() if name in wanted}


def _scan(path: Path) -> dict[str, Stored] | None:
    """Every plain matrix of numbers; None where the file is of another kind."""
    found: dict[str, Stored] = {}
    try:
        with path.open("rb", buffering=HEAD) as stream:
            if stream.read(128)[124:] != b"\x00\x01IM":
                return None
            end = os.fstat(stream.fileno()).st_size
            start = 128
            while start + 8 <= end:
                stream.seek(start)
                kind, length = struct.unpack("<2I", stream.read(8))
                if kind != MATRIX:
                    return None
                if start + 8 + length > end:
                    raise UserError(f"{path}: ends before its {length} bytes promised at {start}",
                                    "the file is cut off: get it again")
                named = _matrix(path, stream.read(min(length, HEAD)), start + 8, start + 8 + length)
                if named is not None:
                    found[named[0]] = named[1]
                start += 8 + length
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error})") from error
    except struct.error:
        return None
    return found


def _matrix(path: Path, head: bytes, start: int, end: int) -> tuple[str, Stored] | None:
    """Name and place of the matrix whose content begins at byte `start`; None where it is none of real numbers."""
    (flags,) = struct.unpack_from("<I", head, 8)
    if flags & 0xFF not in NUMERIC_CLASSES or flags & COMPLEX:
        return None
    shape_kind, at, size = _element(head, 16)
    if shape_kind != 5 or size not in (8, 12, 16):
        return None
    shape = struct.unpack_from(f"<{size // 4}i", head, at)
    _, name_at, name_size = _element(head, _after(16, at, size))
    name = head[name_at:name_at + name_size].decode("latin-1")
    kind, data_at, data_size = _element(head, _after(_after(16, at, size), name_at, name_size))
    if kind not in DTYPES:
        return None
    promised = math.prod(shape) * np.dtype(DTYPES[kind]).itemsize
    if min(shape) < 0 or promised != data_size or start + data_at + data_size > end:
        raise UserError(f"{path}: {name} of shape {shape} does not fit its {data_size} bytes", "get the file again")
    check_memory(data_size, path)
    return name, Stored(path, DTYPES[kind], shape, start + data_at)


def _element(head: bytes, at: int) -> tuple[int, int, int]:
    """Type, first byte and size of the data element at `at`; one of up to four bytes lies inside its own tag."""
    (word,) = struct.unpack_from("<I", head, at)
    if word >> 16:
        return word & 0xFFFF, at + 4, word >> 16
    return word, at + 8, struct.unpack_from("<I", head, at + 4)[0]


def _after(tag: int, at: int, size: int) -> int:
    """Where the element after one with its tag at `tag` begins."""
    return tag + 8 if at == tag + 4 else at + -(-size // 8) * 8
