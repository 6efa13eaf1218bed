"""Pickles of plain values, arrays and attribute dictionaries, read by a machine that can call nothing else.

- Python's own unpickler is not used: each opcode is carried out here, on plain values, so nothing in a file is ever
  executed. The few names of `KNOWN` stand for functions of this file; every other name is refused as it is met.
- The file is mapped. Sizes are cut at its end before anything is allocated, and the bytes of an array stay in the
  file until they are used: a run of a gigabyte costs nothing to open (arrays are read-only views).
- Attribute dictionaries and namespaces become dicts; torch devices and dtypes become their names.
Source of the opcodes: the documentation of Python's `pickletools`.
"""

from __future__ import annotations

import math
import mmap
import pickletools
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from src.errors import UserError

MAPPED = 4096  # bytes; what is longer stays in the file
OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
ATTRIBUTE_DICTS = {"DotDict", "dotdict", "AttrDict"}  # dicts with attribute access, of whatever module
DTYPE = re.compile(r"[<>=|]?([biufc](1|2|4|8|16)|[SU][1-9]\d{0,5})")
TORCH_DTYPES = {f"{kind}{bits}" for kind in ("float", "int", "uint") for bits in (8, 16, 32, 64)} | {
    "bfloat16", "bool", "half", "double", "long"}
DAMAGED = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, EOFError, MemoryError,
           AssertionError, struct.error)


def read_pickle(path: Path | str) -> Any:
    """The value in a pickle: dicts, lists, tuples, sets, strings, numbers and NumPy arrays.

    Raises UserError for a file that is no whole pickle, and for one that asks for any other class or function, which
    is named; nothing is executed.
    """
    path = Path(path)
    if path.is_file() and not path.stat().st_size:
        raise UserError(f"{path}: an empty file, a pickle is expected")
    try:
        with path.open("rb") as file:  # the map lives as long as a view of it
            return _Machine(_Mapped(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))).run()
    except _Refused as refused:
        raise UserError(f"{path}: it asks for {refused}, which is not among the few classes that are read here",
                        "nothing in it was executed") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be opened: {error.strerror or error}") from None
    except DAMAGED as error:
        raise UserError(f"{path}: not a whole pickle of plain values: {_said(error)}",
                        "it may be cut short: get it again; nothing in it was executed") from None


class _Refused(Exception):
    """The dotted name that a pickle asked for."""


def _said(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"nothing is known of {error}"
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


class _Mapped:
    """A mapped file as pickletools reads it; what is long comes as a view."""

    def __init__(self, mapped: mmap.mmap):
        self.mapped, self.view, self.place = mapped, memoryview(mapped), 0

    def read(self, count: int) -> Any:
        piece = self.view[self.place:self.place + count] if count >= 0 else self.view[:0]
        self.place += len(piece)
        return piece if len(piece) > MAPPED else bytes(piece)

    def readline(self) -> bytes:
        end = self.mapped.find(b"\n", self.place) + 1
        return bytes(self.read((end or len(self.view)) - self.place))

    def opcodes(self) -> Iterator[tuple[str, Any]]:
        """(name, argument) up to and without STOP."""
        while (code := self.read(1)) != b".":
            if code not in OPCODES:
                raise ValueError("it ends without STOP" if not code else f"unknown opcode {code!r}")
            opcode = OPCODES[code]
            if opcode.name == "BYTEARRAY8":  # as bytes: a bytearray would be a copy
                yield opcode.name, pickletools.read_bytes8(self)  # type: ignore[arg-type]
            else:
                yield opcode.name, opcode.arg.reader(self) if opcode.arg else None  # type: ignore[arg-type]


class _Pending:
    """An object between its construction and its state, from which `finish` makes it."""

    def __init__(self, finish: Callable[[Any], Any]):
        self.finish, self.names = finish, []


class _Machine:
    """The stack, the marks on it and the memo of one pickle."""

    def __init__(self, source: _Mapped):
        self.source = source
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        for name, argument in self.source.opcodes():
            if name in PUSHES:
                self.stack.append(argument)
            elif name in MAKES:
                self.stack.append(MAKES[name]())
            elif name in STEPS:
                STEPS[name](self, argument)
            elif name not in ("PROTO", "FRAME"):
                raise _Refused(f"the opcode {name}")
        if len(self.stack) != 1 or self.marked:
            raise ValueError("it ends in the middle of a value")
        return self.stack[0]

    def mark(self, _) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marked.pop()
        return items

    def take(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise ValueError("the stack is empty")
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def top(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise ValueError(f"a {kind.__name__} is expected, found a {type(self.stack[-1]).__name__}")
        return self.stack[-1]

    def put(self, name: int | None) -> None:
        name, value = len(self.memo) if name is None else name, self.stack[-1]
        self.memo[name] = value
        if isinstance(value, _Pending):
            value.names.append(name)

    def set_items(self, items: list[Any]) -> None:
        self.top(dict).update(zip(_plain(items[::2]), items[1::2], strict=True))

    def call(self, function: Any, arguments: Any) -> None:
        if not callable(function) or not isinstance(arguments, tuple):
            raise ValueError("it calls what is no class")
        self.push(function(*arguments))

    def call_with_names(self, function: Any, arguments: Any, named: Any) -> None:
        if named:
            raise ValueError("it gives a class named arguments")
        self.call(function, arguments)

    def build(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 2 and state[0] is None:
            state = state[1]  # attributes of slots
        if isinstance(pending := self.stack[-1], _Pending):
            self.stack[-1] = pending.finish(state)
            self.memo.update(dict.fromkeys(pending.names, self.stack[-1]))
        elif state is not None:
            self.top(dict).update(_dict(state))


# --------------------------------------------------------------------------------------------- what names stand for
def _find(module: str, name: str) -> Any:
    if name in ATTRIBUTE_DICTS:
        return _dict
    if module == "torch" and name in TORCH_DTYPES:
        return f"torch.{name}"
    known = f"{module}.{name}".replace("numpy._core.", "numpy.core.")
    if known not in KNOWN:
        raise _Refused(f"{module}.{name}")
    return KNOWN[known]


def _dict(items: Any = ()) -> dict[Any, Any]:
    """A dict of a dict or of pairs."""
    pairs = list(items.items()) if isinstance(items, dict) else [tuple(pair) for pair in items]
    return dict(zip(_plain([key for key, _ in pairs]), [value for _, value in pairs]))


def _set(items: Any = ()) -> set[Any]:
    return set(_plain(items))


def _plain(keys: Any) -> list[Any]:
    """Keys as they are; ValueError for containers, whose hash descends as deep as a file likes."""
    found = list(keys)
    if any(isinstance(key, (tuple, frozenset)) for key in found):
        raise ValueError("keys are texts and numbers, found a tuple")
    return found


def _no_bytes() -> bytes:
    return b""


def _old_object(cls: Any, base: Any, state: Any) -> Any:
    """What protocols 0 and 1 write for a dict subclass."""
    if cls is not _dict or base is not _dict:
        raise ValueError("it copies what is no dict")
    return _dict(state or {})


def _bytes(text: str, encoding: str = "utf-8") -> bytes:
    """What protocols 0 to 2 write for bytes."""
    if encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise ValueError(f"unknown encoding {encoding!r}")
    return text.encode(encoding)


def _dtype(text: str, align: Any = False, copy: Any = True) -> _Pending:
    if not isinstance(text, str) or not DTYPE.fullmatch(text):
        raise ValueError(f"arrays hold numbers or texts, found the dtype {str(text)[:40]!r}")
    dtype = np.dtype(text)

    def finish(state: tuple) -> np.dtype:
        order = state[1]
        return dtype.newbyteorder(order) if order in ("<", ">") else dtype

    return _Pending(finish)


def _array(*kind: Any) -> _Pending:
    """An array that its state fills: ([version,] shape, dtype, columns first, bytes)."""
    return _Pending(lambda state: _filled(*state[-4:]))


def _filled(shape: Sequence[int], dtype: Any, fortran: Any, content: Any) -> np.ndarray:
    if not isinstance(dtype, np.dtype) or not isinstance(shape, tuple):
        raise ValueError("an array without its type and shape")
    if any(type(size) is not int or size < 0 for size in shape):
        raise ValueError(f"an array of shape {shape!s:.40}")
    promised, found = math.prod(shape) * dtype.itemsize, memoryview(content).nbytes
    if promised != found:
        raise ValueError(f"an array promises {promised} bytes and holds {found}")
    if not found:
        return np.empty(shape, dtype)
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> np.ndarray:
    """What protocol 5 writes for an array."""
    if order not in ("C", "F"):
        raise ValueError("an array whose axes are mixed")
    return _filled(shape, dtype, order == "F", content)


def _scalar(dtype: Any, content: Any) -> Any:
    return _filled((1,), dtype, False, content)[0].item()


def _device(kind: str, index: int | None = None) -> str:
    return str(kind) if index is None else f"{kind}:{index}"


KNOWN: dict[str, Any] = {
    "types.SimpleNamespace": _dict,
    "collections.OrderedDict": _dict,
    **{f"{builtins}.{name}": function for builtins in ("builtins", "__builtin__")
       for name, function in (("dict", _dict), ("set", _set), ("frozenset", _set))},
    **{f"{copyreg}._reconstructor": _old_object for copyreg in ("copyreg", "copy_reg")},
    **{f"{builtins}.bytes": _no_bytes for builtins in ("builtins", "__builtin__")},
    "_codecs.encode": _bytes,
    "numpy.ndarray": "numpy.ndarray",
    **{f"numpy.{name}": name for name in ("float16", "float32", "float64", "int32", "int64", "bool_")},  # as dtypes
    "numpy.dtype": _dtype,
    "numpy.core.multiarray._reconstruct": _array,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": _from_buffer,
    "torch.device": _device,
}
PUSHES = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
          "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
          "BINBYTES8", "BYTEARRAY8"}
MAKES: dict[str, Callable[[], Any]] = {"NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
                                       "EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
STEPS: dict[str, Callable[[_Machine, Any], Any]] = {
    "MARK": _Machine.mark,
    "POP": lambda m, _: m.take(1) if m.stack else m.since_mark(),
    "POP_MARK": lambda m, _: m.since_mark(),
    "DUP": lambda m, _: m.push(m.stack[-1]),
    "TUPLE": lambda m, _: m.push(tuple(m.since_mark())),
    "TUPLE1": lambda m, _: m.push(tuple(m.take(1))),
    "TUPLE2": lambda m, _: m.push(tuple(m.take(2))),
    "TUPLE3": lambda m, _: m.push(tuple(m.take(3))),
    "LIST": lambda m, _: m.push(m.since_mark()),
    "DICT": lambda m, _: (items := m.since_mark(), m.push({}), m.set_items(items)),
    "FROZENSET": lambda m, _: m.push(frozenset(_set(m.since_mark()))),
    "APPEND": lambda m, _: (item := m.take(1), m.top(list).extend(item)),
    "APPENDS": lambda m, _: (items := m.since_mark(), m.top(list).extend(items)),
    "SETITEM": lambda m, _: m.set_items(m.take(2)),
    "SETITEMS": lambda m, _: m.set_items(m.since_mark()),
    "ADDITEMS": lambda m, _: (items := m.since_mark(), m.top(set).update(_plain(items))),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, name: m.push(m.memo[name])),
    "GLOBAL": lambda m, names: m.push(_find(*names.split(" ", 1))),
    "STACK_GLOBAL": lambda m, _: m.push(_find(*map(str, m.take(2)))),
    "REDUCE": lambda m, _: m.call(*m.take(2)),
    "NEWOBJ": lambda m, _: m.call(*m.take(2)),
    "NEWOBJ_EX": lambda m, _: m.call_with_names(*m.take(3)),
    "BUILD": lambda m, _: m.build(m.take(1)[0]),
}
