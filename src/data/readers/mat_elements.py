"""The elements of MAT files of version 5 to 7: numbers, text, cells of text and structs of these.

scipy's reader is written in C and ends the process on some damaged files (a class of array in the wrong place, a length
that points outside), so nothing from strangers goes there. Every length is checked against the bytes that are left, and
what a compressed variable unpacks to against memory. Follows "MAT-File Format" (MathWorks), level 5. Objects, function
handles, sparse and complex arrays are passed over.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from src.data.readers.memory import check_memory

HEADER = 128  # bytes
MATRIX, COMPRESSED = 14, 15  # kinds of elements
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
CELL, STRUCT, CHAR, FIRST_NUMBER, LAST_NUMBER = 1, 2, 4, 6, 15  # classes of arrays
COMPLEX = 0x0800
DEEPEST = 16  # arrays inside one another


@dataclass
class Array:
    """The head of an array: its value is read when it is asked for."""

    name: str
    kind: int  # its class
    shape: tuple[int, ...]
    is_complex: bool
    body: memoryview  # what follows the name
    order: str

    @property
    def holds_values(self) -> bool:
        return self.kind in (CELL, CHAR) or (FIRST_NUMBER <= self.kind <= LAST_NUMBER and not self.is_complex)


def arrays(path: Path) -> Iterator[Array]:
    """The variables of a file. Raises ValueError or zlib.error where it is damaged, UserError where it is too large."""
    data = memoryview(np.memmap(path, np.uint8, "r"))
    if len(data) < HEADER or bytes(data[126:128]) not in (b"IM", b"MI"):
        raise ValueError("no MAT file of version 5")
    order = "<" if bytes(data[126:128]) == b"IM" else ">"
    data = data[HEADER:]
    while len(data) >= 8:
        kind, body, data = _element(data, order)
        if kind == COMPRESSED:
            kind, body = _unpacked(body, order, path)
        if kind == MATRIX and len(body):
            yield _head(body, order)


def fields(array: Array) -> dict[str, Array]:
    """The fields of a struct of one."""
    _, body, rest = _element(array.body, array.order)
    width = int.from_bytes(body[:4], "little" if array.order == "<" else "big")
    _, names, rest = _element(rest, array.order)
    if not 0 < width <= 64 or len(names) % width or math.prod(array.shape) != 1:
        raise ValueError(f"a struct of {array.shape} with names of {width} bytes")
    found = {}
    for at in range(0, len(names), width):
        _, body, rest = _element(rest, array.order)
        found[bytes(names[at:at + width]).split(b"\0")[0].decode("latin-1")] = _head(body, array.order) if len(body) \
            else Array("", FIRST_NUMBER, (0, 0), False, memoryview(b""), array.order)
    return found


def value(array: Array, depth: int = 0) -> Any:
    """Numbers as stored, in MATLAB's shape; text as an array of its rows; a cell as a list; None for other classes."""
    if array.kind == CELL:
        return _cell(array, depth)
    if not array.holds_values:
        return None
    if not len(array.body):
        return np.zeros(array.shape)
    kind, body, _ = _element(array.body, array.order)
    if array.kind == CHAR:
        return _text(array, kind, body)
    if kind not in NUMBERS:
        raise ValueError(f"numbers of kind {kind}")
    dtype = np.dtype(array.order + NUMBERS[kind])
    if len(body) != math.prod(array.shape) * dtype.itemsize:
        raise ValueError(f"{len(body)} bytes for an array of {array.shape}")
    return np.frombuffer(body, dtype).reshape(array.shape, order="F").astype(dtype.newbyteorder("="), copy=False)


def check(path: Path) -> None:
    """Raises as `arrays` does where any array in the file, at any depth, does not fit into what holds it."""
    for array in arrays(path):
        _walk(array, 0)


def _walk(array: Array, depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError(f"arrays more than {DEEPEST} deep")
    if array.kind == STRUCT and math.prod(array.shape) == 1:
        for field in fields(array).values():
            _walk(field, depth + 1)
    elif array.kind == CELL or array.holds_values:
        value(array, depth)


def _element(data: memoryview, order: str) -> tuple[int, memoryview, memoryview]:
    """(kind, content, what comes after it)."""
    if len(data) < 8:
        raise ValueError("it ends within an array")
    first, size = struct.unpack(f"{order}2I", data[:8])
    if first >> 16:  # up to four bytes stand in the place of the length
        kind, size = first & 0xFFFF, first >> 16
        if size > 4:
            raise ValueError(f"a small element of {size} bytes")
        return kind, data[4:4 + size], data[8:]
    if size > len(data) - 8:
        raise ValueError(f"an array promises {size} bytes, {len(data) - 8} are left")
    padded = size if first == COMPRESSED else size + -size % 8
    return first, data[8:8 + size], data[8 + padded:]


def _unpacked(body: memoryview, order: str, path: Path) -> tuple[int, memoryview]:
    unpacker = zlib.decompressobj()
    head = unpacker.decompress(body, 8)
    kind, size = struct.unpack(f"{order}2I", head)
    check_memory(size, path)
    plain = unpacker.decompress(unpacker.unconsumed_tail, size) if size else b""
    if len(plain) != size:
        raise ValueError(f"a variable promises {size} bytes and unpacks to {len(plain)}")
    return kind, memoryview(plain)


def _head(body: memoryview, order: str) -> Array:
    _, flags, rest = _element(body, order)
    _, dims, rest = _element(rest, order)
    _, name, rest = _element(rest, order)
    if len(flags) != 8 or len(dims) % 4 or not 8 <= len(dims) <= 256:
        raise ValueError("an array without flags or dimensions")
    word = struct.unpack(f"{order}I", flags[:4])[0]
    shape = struct.unpack(f"{order}{len(dims) // 4}i", dims)
    if min(shape) < 0 or math.prod(shape) > 1 << 48:
        raise ValueError(f"an array of shape {shape}")
    return Array(bytes(name).decode("latin-1"), word & 0xFF, shape, bool(word & COMPLEX), rest, order)


def _cell(array: Array, depth: int) -> list[Any]:
    count, rest, found = math.prod(array.shape), array.body, []
    if count > len(rest) // 8 or depth > DEEPEST:
        raise ValueError(f"a cell of {array.shape} in {len(rest)} bytes")
    for _ in range(count):
        _, body, rest = _element(rest, array.order)
        found.append(value(_head(body, array.order), depth + 1) if len(body) else np.zeros((0, 0)))
    return found


def _text(array: Array, kind: int, body: memoryview) -> np.ndarray:
    """(rows,) str; MATLAB counts down the columns first."""
    if kind not in TEXT:
        raise ValueError(f"text of kind {kind}")
    codec = TEXT[kind] + {"<": "-le", ">": "-be"}[array.order] * TEXT[kind].startswith(("utf-16", "utf-32"))
    text = bytes(body).decode(codec, "replace")
    rows = array.shape[0]
    if rows and len(text) % rows:
        raise ValueError(f"{len(text)} characters in {rows} rows")
    return np.array([text[row::rows].rstrip() for row in range(rows)], dtype=str)
