"""The checksums of a WFDB header against the samples that its files hold (header(5) of the WFDB Applications Guide)."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from src.data.readers.wfdb_formats import INVALID, stored
from src.data.readers.wfdb_header import Header, SignalFile
from src.errors import BadRecord


def check_sums(header: Header) -> int:
    """The number of signals whose samples are what the header says; BadRecord where one is not.

    A checksum is the sum of all stored samples of a signal, modulo 2**16; skew does not count. Where none is given
    (some writers put 0) the first sample stands for it. A record whose length had to be inferred is passed over.
    """
    checked = sum(check_sums(part) for part in {id(part.header): part.header for part in header.parts}.values() if part)
    if not header.says_length:
        return checked
    for file in header.signal_files:
        for row, samples in zip(file.rows, _samples(header, file)):
            checked += _check(header, row, samples)
    return checked


def _check(header: Header, row: int, samples: np.ndarray) -> bool:
    line = header.signals[row]
    if not len(samples):
        return False
    if checksum := _number(header, line.checksum) % 65536:
        return _same(header, row, "checksum", int(samples.sum(dtype=np.int64)) % 65536, checksum)
    if line.initial and line.fmt != "8":  # the reader of format 8 begins there anyway
        return _same(header, row, "first sample", int(samples.flat[0]), _number(header, line.initial))
    return False


def _same(header: Header, row: int, what: str, found: int, stated: int) -> bool:
    if found != stated:
        raise BadRecord(header.record, f"damaged: the {what} of {header.signals[row].name} is {found}, its header says "
                                       f"{stated}", "copy its files again")
    return True


def _number(header: Header, text: str) -> int:
    try:
        return int(text[:20] or 0)
    except ValueError:
        raise BadRecord(header.record, f"damaged header: checksum {text[:30]!r}") from None


def _samples(header: Header, file: SignalFile) -> list[np.ndarray]:
    """Every stored sample of each signal of a file."""
    lines = [header.signals[row] for row in file.rows]
    if file.fmt not in INVALID:
        return _decoded(header, file)
    numbers = stored(file.path, file.fmt, file.offset, file.frame, 0, header.samples)
    ends = np.cumsum([line.per_frame for line in lines])
    return [numbers[end - line.per_frame:end].T for end, line in zip(ends, lines)]


def _decoded(header: Header, file: SignalFile) -> list[np.ndarray]:
    """By the wfdb package, where skew would be applied: such signals are passed over."""
    import wfdb

    path = os.path.abspath(os.path.join(header.folder, header.record.rpartition("/")[2]))
    try:
        read: Any = wfdb.rdrecord(path, physical=False, smooth_frames=False, channels=list(file.rows))
    except Exception as error:  # the wfdb package raises whatever a damaged file leads it to
        raise BadRecord(header.record, f"cannot be read: {type(error).__name__}: {error}") from error
    none = np.zeros(0, np.int64)
    return [none if header.signals[row].skew else samples for row, samples in zip(file.rows, read.e_d_signal)]
