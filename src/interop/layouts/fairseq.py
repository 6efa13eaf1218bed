"""`--layout fairseq`: the arrays that fairseq-signals' inference and validation leave, rows in the order of the data.

    outputs_<subset>.npy       (n, K) logits          targets_<subset>.npy       (n, K) labels
    encoder_out_<subset>.npy   (n, F, D) frames       padding_mask_<subset>.npy  (n, F) True = padding, if any
    saliency_<subset>.npy      (n, layers, F, F) attention, mean over the heads

They are written as true .npy files. The original's are bare bytes behind that ending, described by a pickle
<name>_header.pkl of {shape, dtype}; `read_array` takes both.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from src.errors import UserError
from src.interop.unpickle import read_pickle

NAME = "fairseq"
OUTPUTS, TARGETS, FRAMES, PADDING, SALIENCY = "outputs", "targets", "encoder_out", "padding_mask", "saliency"
MAGIC = b"\x93NUMPY"


def array_path(folder: Path, name: str, subset: str) -> Path:
    return folder / f"{name}_{subset}.npy"


def new_array(path: Path, shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
    """A mapped array, written as it is filled. UserError where the disk cannot hold it."""
    try:
        return np.lib.format.open_memmap(path, "w+", np.dtype(dtype), shape)
    except OSError as error:
        raise UserError(f"{path}: {'x'.join(map(str, shape))} {dtype} cannot be written: {error.strerror or error}",
                        "make room, or name another folder with --output_dir") from None


def read_array(path: Path | str) -> np.ndarray:
    """An array of the original's inference, old form or new, mapped read-only.

    UserError for files that are cut short or hold anything but numbers; nothing in one is executed.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            is_new = file.read(len(MAGIC)) == MAGIC
        if is_new:
            return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as an array: {error}") from None
    shape, dtype = _header(path)
    size, found = math.prod(shape) * dtype.itemsize, path.stat().st_size
    if size != found:
        raise UserError(f"{path}: its header promises {size} bytes, the file holds {found}",
                        "the file is not whole: get it again")
    return np.memmap(path, dtype, "r", shape=shape) if size else np.empty(shape, dtype)


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype]:
    beside = path.with_name(f"{path.stem}_header.pkl")
    if not beside.is_file():
        raise UserError(f"{path}: no .npy file, and {beside.name}, which would describe its bytes, is not beside it",
                        "give both files of the original's inference")
    header = read_pickle(beside)
    try:
        shape, dtype = tuple(header["shape"]), np.dtype(header["dtype"])
        if not all(type(size) is int and size >= 0 for size in shape) or dtype.kind not in "fiub":
            raise ValueError(f"{shape} {dtype}")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{beside}: {{shape, dtype}} of an array is expected: {error}") from None
    return shape, dtype
