"""WFDB annotation files (.atr, .qrs, ...) -> `Annotations`: the MIT format of annot(5) in the WFDB Applications Guide.

A mark is a 16-bit word, 6 bits of kind and 10 of time since the mark before; longer times (SKIP) and texts (AUX) are
words of their own. Read here rather than by the wfdb package: many times as fast, in time and memory bounded by the file.
Subtype, channel and number of a mark are passed over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import numpy as np

from src.data.readers.wfdb_header import DEFAULT_HZ
from src.data.readers.wfdb_paths import file_in, read_bytes
from src.data.signal import Annotations
from src.errors import BadRecord

# the symbol of each kind of mark (ecgcodes.h); others are shown by their number, [15]
SYMBOLS = {kind: symbol for kind, symbol in enumerate(" NLRaVFJASEj/Q~ | sT*D\"=pB^t+u?![]en@xf()r") if symbol != " "}
NOTE, SKIP, NUMBER, SUBTYPE, CHANNEL, TEXT = 22, 59, 60, 61, 62, 63
LARGEST = 1 << 24  # bytes; a day of beats takes 0.3 MB
RESOLUTION = re.compile(r"## time resolution: (\d{1,9}(?:\.\d{1,12})?)", re.ASCII)
DEFINITION = re.compile(r"(\d{1,2}) (\S+) ", re.ASCII)
UNSAID = "None"  # what some writers put where there is no note


def read_annotations(folder: str, file: str, rate_hz: float | None = None) -> tuple[Annotations, float]:
    """The marks in `file`, in order of time, their samples counted at `rate_hz`; and that rate.

    With `rate_hz` None it is the time resolution that the file itself states, or WFDB's default of 250 Hz. A note of
    the literal text None is no note. BadRecord where the file is damaged.
    """
    name = os.path.splitext(file)[0]
    path, size = file_in(folder, folder, file, name)
    if size > LARGEST:
        raise BadRecord(name, f"{file} is too large for annotations: {size} bytes")
    data = read_bytes(path, 0, size)
    try:
        marks = list(_marks(data))
    except IndexError:
        raise BadRecord(name, f"damaged: {file} ends in the middle of a mark") from None
    resolution, symbols, marks = _definitions(marks)
    rate_hz = rate_hz or resolution or DEFAULT_HZ
    sample = np.array([mark[0] for mark in marks], np.int64)
    if resolution and resolution != rate_hz:
        sample = np.round(sample * (rate_hz / resolution)).astype(np.int64)
    symbol = np.array([symbols.get(mark[1], f"[{mark[1]}]") for mark in marks], str)
    note = np.array(["" if mark[2] == UNSAID else mark[2] for mark in marks], str)
    order = np.argsort(sample, kind="stable")  # skips may lead back
    return Annotations(sample[order], symbol[order], note[order], np.zeros(len(marks), np.int64)), rate_hz


def _marks(data: bytes) -> Iterator[tuple[int, int, str]]:
    """(time, kind, text) of each mark in the file's order; IndexError where the last one is cut off."""
    words = np.frombuffer(data[:len(data) // 2 * 2], "<u2").tolist()
    time, place, end = 0, 0, len(words)
    marked, kind, text = 0, 0, ""  # the mark whose texts may still follow; kind 0: none
    while place < end:
        word = words[place]
        code, value = word >> 10, word & 0x3FF
        place += 1
        if code < SKIP:
            if kind:
                yield marked, kind, text
            if word == 0:
                return
            time += value
            marked, kind, text = time, code, ""
        elif code == SKIP:
            jump = words[place] << 16 | words[place + 1]
            if kind:
                yield marked, kind, text
            time, kind, place = time + (jump - (1 << 32) if jump >> 31 else jump), 0, place + 2
        elif code == TEXT:
            length = value & 0xFF
            if place * 2 + length > len(data):
                raise IndexError
            text = _text(data[place * 2:place * 2 + length])
            place += (length + 1) // 2
    if kind:
        yield marked, kind, text


def _text(data: bytes) -> str:
    try:
        return data.decode().rstrip("\0")
    except UnicodeDecodeError:
        return data.decode("latin-1").rstrip("\0")


def _definitions(marks: list[tuple[int, int, str]]) -> tuple[float | None, dict[int, str], list[tuple[int, int, str]]]:
    """The time resolution and the own kinds of marks that the file defines, and the marks proper.

    Notes at sample 0 are about the file (who made it, definitions), not about that moment: they are left out.
    """
    resolution, symbols, defining = None, SYMBOLS, False
    for text in [text for time, kind, text in marks if time == 0 and kind == NOTE]:
        if found := RESOLUTION.match(text):
            resolution = float(found[1]) or None
        elif text.startswith("## "):
            defining = text == "## annotation type definitions"
        elif defining and (found := DEFINITION.match(text)):
            symbols = symbols | {int(found[1]): found[2]}
    return resolution, symbols, [mark for mark in marks if mark[0] != 0 or mark[1] != NOTE]
