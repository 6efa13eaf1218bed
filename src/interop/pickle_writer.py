"""Pickles that refer to classes which are not there: written opcode by opcode, so that nothing is imported.

What is written loads with Python's own unpickler wherever the class exists, and with `read_pickle` here. Lists may be
iterators, so that a file larger than memory can be written.
Source of the opcodes: the documentation of Python's `pickletools`; protocol 4, without frames.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from src.files import whole

DOT_DICT = "utils.DotDict DotDict"  # "module name"; Du-IN's attribute dictionary
NAMESPACE = "types SimpleNamespace"


def write_pickle(path: Path, value: Any, dicts: str = DOT_DICT) -> None:
    """`value` of dicts (written as the class `dicts`), lists, tuples, texts, numbers, None, arrays, torch devices and
    dtypes. The file is complete or not there. Raises TypeError for anything else."""
    with whole(path) as file:
        file.write(pickle.PROTO + b"\x04")
        _Writer(file, dicts).write(value)
        file.write(pickle.STOP)


class _Writer:
    def __init__(self, file: BinaryIO, dicts: str):
        self.file, self.dicts = file, dicts
        self.last: np.ndarray | None = None  # an array that is written twice in a row is stored once

    def write(self, value: Any) -> None:
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float, str)):
            self.file.write(_plain(value))
        elif isinstance(value, dict):
            self._dict(value)
        elif isinstance(value, tuple):
            self._tuple(value)
        elif isinstance(value, (list, Iterator)):
            self._list(value)
        elif isinstance(value, np.ndarray):
            self._array(value)
        elif isinstance(value, torch.device):
            self._call("torch device", value.type, *([] if value.index is None else [value.index]))
        elif isinstance(value, torch.dtype):
            self._name(str(value).replace(".", " "))
        else:
            raise TypeError(f"a {type(value).__name__} cannot be written")

    def _dict(self, value: dict[str, Any]) -> None:
        if self.dicts == NAMESPACE:  # its attributes are its state
            self._call(self.dicts)
            self.file.write(pickle.EMPTY_DICT)
        else:
            self._name(self.dicts)
            self.file.write(pickle.EMPTY_TUPLE + pickle.NEWOBJ)
        self.file.write(pickle.MARK)
        for key, item in value.items():
            self.write(key)
            self.write(item)
        self.file.write(pickle.SETITEMS + (pickle.BUILD if self.dicts == NAMESPACE else b""))

    def _tuple(self, value: tuple) -> None:
        self.file.write(pickle.MARK)
        for item in value:
            self.write(item)
        self.file.write(pickle.TUPLE)

    def _list(self, value: Any) -> None:
        self.file.write(pickle.EMPTY_LIST)
        for item in value:
            self.write(item)
            self.file.write(pickle.APPEND)

    def _array(self, value: np.ndarray) -> None:
        if value is self.last:
            self.file.write(pickle.BINGET + b"\0")
            return
        if value.dtype.kind not in "biuf":
            raise TypeError(f"an array of {value.dtype} cannot be written")
        little = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        self._name("numpy.core.multiarray _reconstruct")
        self.file.write(pickle.MARK)
        self._name("numpy ndarray")
        self.write((0,))
        self.write("b")
        self.file.write(pickle.TUPLE + pickle.REDUCE + pickle.MARK)
        self.write(1)
        self.write(value.shape)
        self._call("numpy dtype", value.dtype.str[1:], False, True)
        self.write((3, "<", None, None, None, -1, -1, 0))
        self.file.write(pickle.BUILD + pickle.NEWFALSE + pickle.BINBYTES8 + struct.pack("<Q", little.nbytes))
        self.file.write(little.data if little.nbytes else b"")
        self.file.write(pickle.TUPLE + pickle.BUILD + pickle.BINPUT + b"\0")
        self.last = value

    def _name(self, name: str) -> None:
        self.file.write(pickle.GLOBAL + name.replace(" ", "\n").encode() + b"\n")

    def _call(self, name: str, *arguments: Any) -> None:
        self._name(name)
        self.write(arguments)
        self.file.write(pickle.REDUCE)


def _plain(value: bool | int | float | str | None) -> bytes:
    if value is None:
        return pickle.NONE
    if isinstance(value, bool):
        return pickle.NEWTRUE if value else pickle.NEWFALSE
    if isinstance(value, int):
        if -(2**31) <= value < 2**31:
            return pickle.BININT + struct.pack("<i", value)
        content = pickle.encode_long(value)
        return pickle.LONG4 + struct.pack("<i", len(content)) + content
    if isinstance(value, float):
        return pickle.BINFLOAT + struct.pack(">d", value)
    text = value.encode("utf-8", "surrogatepass")
    return pickle.BINUNICODE + struct.pack("<I", len(text)) + text
