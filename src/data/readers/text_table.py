"""Signals in a CSV or another table of text: one column per channel, one line per sample.

- The first line may name the channels, with units ("II (mV)"); a second line of units follows in what rdsamp writes.
- A column named like a time (time, t, seconds, ms, Elapsed time) gives the sampling rate and is no channel; nor is one
  that only counts the lines.
- Chapman-Shaoxing's files (MUSE_<date>_<time>_<number>.csv, 12 leads, 5000 lines) say neither rate nor unit: 500 Hz and
  uV are documented (Zheng et al. 2020, Sci Data 7:48) and taken, and `metadata["documented"]` says so.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from src.data.leads import STANDARD_12
from src.data.readers.memory import check_memory
from src.data.readers.rates import TIMES, known_rate, rate_of_times
from src.data.signal import Recording
from src.data.units import unit_name
from src.errors import BadRecord

CHAPMAN = re.compile(r"MUSE_\d{8}_\d{6}_\d{5}")
UNIT = re.compile(r"^(?P<name>.*?)\s*[(\[](?P<unit>[^()\[\]]{1,12})[)\]]$")
INDEX = {"", "index", "sample", "sample #", "n", "unnamed: 0"}
FIRST = 1 << 20  # bytes that the first lines fit in
WIDEST = 4096  # columns


def read(path: Path, record: str | None = None, rate_hz: float = 0.0, unit: str = "") -> Recording:
    """UserError where the rate is neither in the file nor stated, BadRecord where the file is no table of numbers."""
    head, delimiter = _head(path)
    names, units = _columns(path, head)
    numbers = _numbers(path, delimiter, skipped=len(head), columns=len(names))
    names = names or [f"ch{number}" for number in range(1, numbers.shape[1] + 1)]
    place = next((k for k, name in enumerate(names) if name.lower() in TIMES), None)
    rate = 0.0 if place is None else rate_of_times(numbers[:, place], _per_second(names[place], units[place]))
    kept = [k for k in range(len(names)) if k != place and not (names[k].lower() in INDEX and _counts(numbers[:, k]))]
    if not kept:
        raise BadRecord(path.name, "holds no channel", f"its columns: {', '.join(names)}")
    meta: dict = {}
    if CHAPMAN.match(path.stem) and numbers.shape == (5000, 12):
        meta = {"documented": "Chapman-Shaoxing: 500 Hz, uV"}
        rate_hz, unit = rate_hz or 500.0, unit or "uV"
        names = names if head else list(STANDARD_12)  # the denoised files have no line of names
    found = [unit_name(units[k] or unit) for k in kept]
    if len(set(found)) > 1:
        meta["units"] = tuple(found)
    signal = np.ascontiguousarray(numbers[:, kept].T, np.float32)
    return Recording(path.stem, signal, known_rate(path, rate, rate_hz), tuple(names[k] for k in kept), found[0], meta)


def _head(path: Path) -> tuple[list[list[str]], str]:
    """The cells of the lines before the first line of numbers (at most two), and what separates cells (' ' = any
    white space)."""
    with path.open("rb") as stream:
        text = stream.read(FIRST)
    if b"\0" in text:
        raise BadRecord(path.name, "is no text", "a table is saved as CSV in UTF-8")
    lines = [line for line in text.decode("utf-8-sig", "replace").splitlines()[:50] if line.strip()]
    if not lines:
        raise BadRecord(path.name, "is empty")
    delimiter = next((mark for mark in ("\t", ";", ",") if any(mark in line for line in lines[:3])), " ")
    head: list[list[str]] = []
    for line in lines[:3]:
        cells = [cell.strip().strip("\"'").strip() for cell in (line.split() if delimiter == " " else
                                                               line.split(delimiter))]
        if all(_is_number(cell) for cell in cells):
            return head, delimiter
        head.append(cells)
    raise BadRecord(path.name, f"is no table of numbers: its third line is {lines[min(2, len(lines) - 1)][:60]!r}",
                    "one line of channel names, then one line per sample")


def _is_number(cell: str) -> bool:
    try:
        float(cell or "nan")
    except ValueError:
        return False
    return True


def _columns(path: Path, head: list[list[str]]) -> tuple[list[str], list[str]]:
    """Names and units of the columns; ([], ...) without a line of names."""
    if not head:
        return [], [""] * WIDEST
    split = [UNIT.match(cell) for cell in head[0]]
    names = [match["name"] if match else cell for match, cell in zip(split, head[0])]
    units = [match["unit"] if match else "" for match in split]
    if len(names) > WIDEST:
        raise BadRecord(path.name, f"has {len(names)} columns")
    if len(head) == 2:
        if len(head[1]) != len(names):
            raise BadRecord(path.name, f"names {len(names)} columns and then {len(head[1])} units")
        units = head[1]
    return names, units


def _numbers(path: Path, delimiter: str, skipped: int, columns: int) -> np.ndarray:
    """(lines, columns) float64; empty cells are NaN."""
    check_memory(path.stat().st_size * 4, path)
    split = None if delimiter == " " else delimiter
    try:
        with path.open(encoding="utf-8-sig") as stream:
            numbers = np.loadtxt(_after(stream, skipped), delimiter=split, ndmin=2, comments=None)
    except ValueError:
        numbers = _with_gaps(path, split, skipped)
    if columns and numbers.shape[1] != columns:
        raise BadRecord(path.name, f"has lines of {numbers.shape[1]} numbers under {columns} names")
    return numbers


def _with_gaps(path: Path, delimiter: str | None, skipped: int) -> np.ndarray:
    """Slower: cells may be empty or quoted."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            rows = [[float(cell.strip("\"' \t\r\n") or "nan") for cell in line.split(delimiter)]
                    for line in _after(stream, skipped)]
        return np.array(rows, float, ndmin=2)
    except (ValueError, UnicodeDecodeError) as error:
        raise BadRecord(path.name, f"is no table of numbers: {error}",
                        "one line of channel names, then one line per sample") from error


def _after(stream, skipped: int):
    """The lines with something in them, without the first `skipped`."""
    lines = (line for line in stream if line.strip())
    for _ in range(skipped):
        next(lines)
    return lines


def _per_second(name: str, unit: str) -> float:
    return TIMES.get(unit.lower(), TIMES[name.lower()])


def _counts(column: np.ndarray) -> bool:
    return bool((np.diff(column) == 1).all())
