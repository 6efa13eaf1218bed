"""MAT files: versions 4 to 7 by scipy, 7.3 (HDF5) by h5py. Numbers and strings only, from this file only.

The fields of a struct are variables of their own: ECG.data.
"""

from __future__ import annotations

import contextlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from src.data.readers.memory import check_memory
from src.errors import UserError

COMPRESSED = 15  # type of an element of a MAT file of version 5
HDF5 = b"\x89HDF\r\n\x1a\n"
NUMBERS = {"double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}


def mat_names(path: Path) -> list[str]:
    """The variables of a MAT file that hold numbers or strings; those in a struct as STRUCT.FIELD."""
    return list(_names_73(path) if _is_73(path) else _names_5(path))


def read_mat(path: Path, name: str) -> np.ndarray:
    """One variable in MATLAB's own shape; cell and char arrays as an array of str (n,)."""
    return _read_73(path, name) if _is_73(path) else _read_5(path, name)


def check_unpacked(path: Path) -> None:
    """UserError where a compressed variable of a MAT file of version 5 would unpack to more than memory can take."""
    with path.open("rb") as stream:
        order = "<" if stream.read(128)[126:] == b"IM" else ">"
        while len(tag := stream.read(8)) == 8:
            kind, length = struct.unpack(f"{order}2I", tag)
            if kind == 0:
                return
            following = stream.tell() + length
            if kind == COMPRESSED:
                with contextlib.suppress(zlib.error, struct.error):  # scipy says what is wrong with it
                    inner = zlib.decompressobj().decompress(stream.read(min(length, 1 << 10)), 8)
                    check_memory(struct.unpack(f"{order}2I", inner)[1], path)
            stream.seek(following)


def _is_73(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(520)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error})") from error
    return head[:8] == HDF5 or head[512:520] == HDF5


def _names_5(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    from scipy.io import whosmat

    try:
        listed = whosmat(str(path), appendmat=False)
    except Exception as error:  # scipy raises whatever a damaged file leads it to
        raise _damaged(path, error) from error
    plain = {name: (shape, kind) for name, shape, kind in listed if kind in NUMBERS | {"cell", "char"}}
    structs = [name for name, shape, kind in listed if kind == "struct" and math.prod(shape) == 1]
    return plain | {f"{name}.{field}": (value.shape, "field") for name in structs
                    for field, value in _fields_5(path, name).items()}


def _fields_5(path: Path, name: str) -> dict[str, np.ndarray]:
    """The numbers, strings and cells in a struct."""
    check_unpacked(path)
    struct = _load_5(path, name)
    fields = {field: struct[field].item() for field in struct.dtype.names or ()}
    return {field: value for field, value in fields.items()
            if isinstance(value, np.ndarray) and value.dtype.kind in "biufUO" and value.dtype.names is None}


def _load_5(path: Path, name: str) -> np.ndarray:
    from scipy.io import loadmat

    try:
        return loadmat(str(path), variable_names=[name], appendmat=False)[name]
    except Exception as error:
        raise _damaged(path, error) from error


def _read_5(path: Path, name: str) -> np.ndarray:
    struct, _, field = name.partition(".")
    if field:
        value = _fields_5(path, struct)[field]
    else:
        check_memory(math.prod(_names_5(path)[name][0]) * 8, f"{path}:{name}")
        value = _load_5(path, name)
    if value.dtype == object:
        return np.array([_text(cell) for cell in value.ravel(order="F")], dtype=str)
    return np.char.rstrip(value) if value.dtype.kind == "U" else value


def _text(cell) -> str:
    flat = np.asarray(cell).ravel()
    if flat.size == 0:
        return ""
    if flat.dtype.kind == "U":
        return "".join(flat.tolist()).rstrip()
    return f"{flat[0]:g}" if flat.size == 1 and flat.dtype.kind in "biuf" else repr(flat.tolist())


def _open_73(path: Path):
    try:
        import h5py
    except ImportError:
        raise UserError(f"{path} is a MAT file of version 7.3, which needs h5py",
                        "pip install h5py (or uv sync --extra mat73), or save it in MATLAB with -v7") from None
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise _damaged(path, error) from error


def _names_73(path: Path) -> list[str]:
    import h5py

    def own(group) -> dict:
        return {name: group[name] for name in group if isinstance(group.get(name, getlink=True), h5py.HardLink)}

    with _open_73(path) as file:
        values = {name: value for name, value in own(file).items() if not name.startswith("#")}
        structs = {name: own(value) for name, value in values.items() if isinstance(value, h5py.Group)}
        return [name for name, value in values.items() if isinstance(value, h5py.Dataset)] + [
            f"{name}.{field}" for name, fields in structs.items() for field, value in fields.items()
            if isinstance(value, h5py.Dataset)]


def _read_73(path: Path, name: str) -> np.ndarray:
    """MATLAB stores columns first: the HDF5 array is the transpose."""
    with _open_73(path) as file:
        data = file[name.replace(".", "/", 1)]
        if data.is_virtual or data.external is not None:
            raise UserError(f"{path}:{name} takes its numbers from other files, which is refused",
                            "save the data in the file itself")
        check_memory(data.nbytes, f"{path}:{name}")
        kind = data.attrs.get("MATLAB_class", b"")
        try:
            value = np.asarray(data[()])
            if kind == b"cell":
                return np.array([_text_73(file[cell]) for cell in value.T.ravel(order="F")], dtype=str)
            return np.array([_text_73(data)]) if kind == b"char" else value.T
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(path, error) from error


def _text_73(cell) -> str:
    value = np.asarray(cell[()]).T.ravel(order="F")
    if cell.attrs.get("MATLAB_class", b"") == b"char":
        return "" if "MATLAB_empty" in cell.attrs else "".join(chr(code) for code in value.tolist()).rstrip()
    return f"{value[0]:g}" if value.size == 1 else repr(value.tolist())


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: not a readable MAT file ({type(error).__name__}: {error})",
                     "nothing in it was executed; save it again, or as npz")
