"""MAT files: versions 5 to 7 by `mat_elements`, 4 by scipy, 7.3 (HDF5) by h5py. Numbers and strings of this file only.

The fields of a struct are variables of their own: ECG.data.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from src.data.readers import mat_elements
from src.data.readers.memory import check_memory
from src.errors import UserError

HDF5 = b"\x89HDF\r\n\x1a\n"
NUMBERS = {"double", "single", "logical", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}


def mat_names(path: Path) -> list[str]:
    """The variables of a MAT file that hold numbers or strings; those in a struct as STRUCT.FIELD."""
    if _is_73(path):
        return _names_73(path)
    return list(_checked(path, _names_5 if _is_5(path) else _names_4))


def read_mat(path: Path, name: str) -> np.ndarray:
    """One variable in MATLAB's own shape; cell and char arrays as an array of str (n,)."""
    if _is_73(path):
        return _read_73(path, name)
    return _checked(path, _read_5 if _is_5(path) else _read_4, name)


def check_mat(path: Path) -> None:
    """Before another reader sees it: UserError where a MAT file of version 5 is damaged or unpacks to too much."""
    if _is_5(path):
        _checked(path, mat_elements.check)


def _is_73(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(520)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error})") from error
    return head[:8] == HDF5 or head[512:520] == HDF5


def _is_5(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(128)[126:] in (b"IM", b"MI")


def _checked(path: Path, read: Callable[..., Any], *arguments: Any) -> Any:
    """What `read` gives; what a damaged file leads it to is said."""
    try:
        return read(path, *arguments)
    except UserError:
        raise
    except Exception as error:  # scipy and zlib raise whatever a damaged file leads them to
        raise _damaged(path, error) from error


def _names_5(path: Path) -> dict[str, mat_elements.Array]:
    found = {array.name: array for array in mat_elements.arrays(path)}
    structs = {name: mat_elements.fields(array) for name, array in found.items()
               if array.kind == mat_elements.STRUCT and math.prod(array.shape) == 1}
    inside = {f"{name}.{field}": array for name, fields in structs.items() for field, array in fields.items()}
    return {name: array for name, array in (found | inside).items() if array.holds_values}


def _read_5(path: Path, name: str) -> np.ndarray:
    value = mat_elements.value(_names_5(path)[name])
    return np.array([_text(cell) for cell in value], dtype=str) if isinstance(value, list) else value


def _names_4(path: Path) -> list[str]:
    """By scipy, whose reader of this version is written in Python."""
    from scipy.io import whosmat

    with path.open("rb") as stream:
        if 0 not in stream.read(4):  # how scipy tells version 4, too
            raise ValueError("no MAT file of a known version")
    return [name for name, _, kind in whosmat(str(path), appendmat=False) if kind in NUMBERS | {"char"}]


def _read_4(path: Path, name: str) -> np.ndarray:
    from scipy.io import loadmat, whosmat

    sizes = {found: math.prod(shape) for found, shape, _ in whosmat(str(path), appendmat=False)}
    check_memory(sizes[name] * 8, f"{path}:{name}")
    value = loadmat(str(path), variable_names=[name], appendmat=False)[name]
    return np.char.rstrip(value) if value.dtype.kind == "U" else value


def _text(cell) -> str:
    flat = np.asarray(cell, dtype=object if isinstance(cell, list) else None).ravel()
    if cell is None or flat.size == 0:
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
