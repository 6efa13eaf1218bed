"""npz and npy files, without pickles. What is uncompressed is mapped: only used parts leave the disk."""

from __future__ import annotations

import math
import struct
import zipfile
from pathlib import Path

import numpy as np

from src.data.readers.memory import check_memory
from src.errors import UserError

READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
LOCAL_HEADER = 30  # bytes before the name in a zip member's own header


def npz_names(path: Path) -> list[str]:
    """The arrays of an npz file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not an npz file ({error})", "nothing in it was executed") from error


def read_npz(path: Path, name: str) -> np.ndarray:
    """One array; mapped read-only where it is stored uncompressed. Raises UserError for objects and broken files."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = archive.getinfo(f"{name}.npy")
            with archive.open(member) as stream:
                shape, fortran, dtype = _header(stream, f"{path}:{name}")
                size, begin = math.prod(shape) * dtype.itemsize, stream.tell()
                if size != member.file_size - begin:
                    raise UserError(f"{path}:{name}: the header promises {size} bytes, the file holds "
                                    f"{member.file_size - begin}", "the file is damaged: get it again")
                if member.compress_type != zipfile.ZIP_STORED or size == 0:
                    check_memory(size, f"{path}:{name}")
                    return np.frombuffer(stream.read(), dtype).reshape(shape, order="F" if fortran else "C")
        start = _data_offset(path, member) + begin
        return np.asarray(np.memmap(path, dtype, "r", start, shape, order="F" if fortran else "C"))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError, RuntimeError, struct.error) as error:
        raise UserError(f"{path}:{name}: cannot be read ({error})", "the file is damaged: get it again") from error


def read_npy(path: Path) -> np.ndarray:
    """One array, mapped read-only."""
    try:
        with path.open("rb") as stream:
            shape, fortran, dtype = _header(stream, str(path))
            begin = stream.tell()
        size, found = math.prod(shape) * dtype.itemsize, path.stat().st_size - begin
        if size != found:
            raise UserError(f"{path}: the header promises {size} bytes, the file holds {found}",
                            "the file is damaged: get it again")
        order = "F" if fortran else "C"
        return np.asarray(np.memmap(path, dtype, "r", begin, shape, order=order)) if size else np.empty(shape, dtype)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not an npy file ({error})", "nothing in it was executed") from error


def _header(stream, what: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    if version not in READERS:
        raise ValueError(f"npy version {version}")
    shape, fortran, dtype = READERS[version](stream)
    if dtype.hasobject:
        raise UserError(f"{what}: holds Python objects, which only a pickle can read; nothing was executed",
                        "save numbers and strings: np.asarray(values, dtype=str) instead of dtype=object")
    return shape, fortran, dtype


def _data_offset(path: Path, member: zipfile.ZipInfo) -> int:
    """Where a stored member's bytes begin: its own header may differ in length from the central one."""
    with path.open("rb") as stream:
        stream.seek(member.header_offset)
        name, extra = struct.unpack("<26x2H", stream.read(LOCAL_HEADER))
    return member.header_offset + LOCAL_HEADER + name + extra
