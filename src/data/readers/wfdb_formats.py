"""Stored samples of the plain WFDB formats -> integers, by whole arrays (signal(5) of the WFDB Applications Guide).

Only what is stored, calibration is the reader's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from src.data.readers.wfdb_paths import read_bytes

# the stored number that means "nothing was measured"
INVALID = {"16": -(1 << 15), "24": -(1 << 23), "32": -(1 << 31), "61": -(1 << 15), "80": -(1 << 7),
           "160": -(1 << 15), "212": -(1 << 11)}


def stored(path: str, fmt: str, offset: int, width: int, low: int, high: int) -> np.ndarray:
    """Frames [low, high) of a file of `width` samples a frame: (width, frames) integers; fewer where the file ends."""
    if fmt == "212":
        return _stored_212(path, offset, width, low, high)
    size, decode = DECODERS[fmt]
    size *= width
    data = read_bytes(path, offset + low * size, (high - low) * size)
    return np.ascontiguousarray(decode(data[:len(data) // size * size]).reshape(-1, width).T)


def _from_16(data: bytes) -> np.ndarray:
    return np.frombuffer(data, "<i2")


def _from_24(data: bytes) -> np.ndarray:
    """Four bytes are taken every three, the lowest of them the sample before's, which the shift removes."""
    return np.ndarray((len(data) // 3,), "<i4", b"\0" + data, 0, (3,)) >> 8


def _from_32(data: bytes) -> np.ndarray:
    return np.frombuffer(data, "<i4")


def _from_61(data: bytes) -> np.ndarray:
    return np.frombuffer(data, ">i2")


def _from_80(data: bytes) -> np.ndarray:
    return (np.frombuffer(data, np.uint8) ^ 0x80).view(np.int8)  # offset binary -> two's complement


def _from_160(data: bytes) -> np.ndarray:
    return (np.frombuffer(data, "<u2") ^ 0x8000).view("<i2")


# format -> bytes of a sample, decoder
DECODERS: dict[str, tuple[int, Callable[[bytes], np.ndarray]]] = {
    "16": (2, _from_16), "24": (3, _from_24), "32": (4, _from_32), "61": (2, _from_61), "80": (1, _from_80),
    "160": (2, _from_160)}


def _stored_212(path: str, offset: int, width: int, low: int, high: int) -> np.ndarray:
    """Pairs of 12-bit samples in 3 bytes; a range may begin in the middle of a pair, and the last one may lack half."""
    first, count = low * width, (high - low) * width
    skipped = first % 2
    pairs = (skipped + count + 1) // 2
    data = read_bytes(path, offset + first // 2 * 3, 3 * pairs)
    data = data + bytes(1) if len(data) == 3 * pairs - 1 else data
    both = np.empty((2, len(data) // 3), np.int16)
    if width == 2 and not skipped:
        return _from_212(data, both)
    flat = both.reshape(-1)
    _from_212(data, flat.reshape(-1, 2).T)
    flat = flat[skipped:skipped + count]
    return np.ascontiguousarray(flat[:len(flat) // width * width].reshape(-1, width).T)


def _from_212(data: bytes, both: np.ndarray) -> np.ndarray:
    """Into (2, pairs): bytes a, b, c hold the first sample in a and the low half of b, the second in c and the high."""
    pairs = both.shape[1]
    ab, bc = (np.ndarray((pairs,), "<u2", data, at, (3,)).copy() for at in (0, 1))
    np.left_shift(ab, 4, out=both[0].view(np.uint16))
    np.bitwise_or((bc & 0xF0) << 8, (bc >> 8) << 4, out=both[1].view(np.uint16))
    both >>= 4  # arithmetic: the sign of 12 bits becomes that of 16
    return both
