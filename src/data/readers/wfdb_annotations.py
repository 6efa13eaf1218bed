"""WFDB annotation files (.atr, .qrs, ...) -> `Annotations`: the MIT format of annot(5) in the WFDB Applications Guide.

A mark is a 16-bit word, 6 bits of kind and 10 of time since the mark before; longer times (SKIP) and texts (TEXT) are
words of their own. Read here rather than by the wfdb package: many times as fast, and bounded in time and memory by the
file. Subtype, channel and number of a mark are passed over.
"""

from __future__ import annotations

import os
import re

import numpy as np

from src.data.readers.wfdb_header import DEFAULT_HZ
from src.data.readers.wfdb_paths import file_in, read_bytes
from src.data.signal import Annotations
from src.errors import BadRecord

# the symbol of each kind of mark (ecgcodes.h); others are shown by their number, [15]
SYMBOLS = {kind: symbol for kind, symbol in enumerate(" NLRaVFJASEj/Q~ | sT*D\"=pB^t+u?![]en@xf()r") if symbol != " "}
NOTE, SKIP, TEXT = 22, 59, 63  # 60 to 62 are subtype, channel and number
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
    try:
        time, kind, text = _marks(read_bytes(path, 0, size))
    except IndexError:
        raise BadRecord(name, f"damaged: {file} ends in the middle of a mark") from None
    about = (time == 0) & (kind == NOTE)
    resolution, symbols = _definitions(text[about].tolist())
    time, kind, text = time[~about], kind[~about], text[~about]
    rate_hz = rate_hz or resolution or DEFAULT_HZ
    if resolution and resolution != rate_hz:
        time = np.round(time * (rate_hz / resolution)).astype(np.int64)
    text[text == UNSAID] = ""
    order = np.argsort(time, kind="stable")  # skips may lead back
    return Annotations(time[order], symbols[kind[order]], text[order], np.zeros(len(time), np.int64)), rate_hz


def _marks(data: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time, kind and text of each mark, in the file's order; IndexError where the last one is cut off."""
    words = np.frombuffer(data[:len(data) // 2 * 2], "<u2")
    kind, step = words >> 10, (words & 0x3FF).astype(np.int64)
    mark, texts, free = kind < SKIP, {}, 0
    for place in np.flatnonzero(kind >= SKIP).tolist():
        if place < free:  # inside a text or a long time
            continue
        free, step[place] = place + 1, 0
        if kind[place] == SKIP:
            jump = int(words[place + 1]) << 16 | int(words[place + 2])
            free, step[place] = place + 3, jump - (1 << 32) if jump >> 31 else jump
        elif kind[place] == TEXT:
            length = int(words[place]) & 0xFF
            free += (length + 1) // 2
            if 2 * free > len(data) + 1:
                raise IndexError
            texts[place] = _text(data[2 * place + 2:2 * place + 2 + length])
        step[place + 1:free], mark[place + 1:free] = 0, False
    end = np.flatnonzero(mark & (words == 0))
    mark[end[0] if len(end) else len(mark):] = False
    places = np.flatnonzero(mark & (kind > 0))
    notes = [""] * len(places)
    for number, text in zip((np.searchsorted(places, list(texts)) - 1).tolist(), texts.values()):
        if number >= 0:
            notes[number] = text
    return np.cumsum(step)[places], kind[places], np.array(notes, str)


def _text(data: bytes) -> str:
    try:
        return data.decode().rstrip("\0")
    except UnicodeDecodeError:
        return data.decode("latin-1").rstrip("\0")


def _definitions(texts: list[str]) -> tuple[float | None, np.ndarray]:
    """The time resolution that the file states and the symbol of each of the 64 kinds, its own among them.

    Notes at sample 0 say it; they are about the file (who made it, definitions), not about that moment.
    """
    resolution, symbols, defining = None, [SYMBOLS.get(kind, f"[{kind}]") for kind in range(64)], False
    for text in texts:
        if found := RESOLUTION.match(text):
            resolution = float(found[1]) or None
        elif text.startswith("## "):
            defining = text == "## annotation type definitions"
        elif defining and (found := DEFINITION.match(text)) and int(found[1]) < len(symbols):
            symbols[int(found[1])] = found[2]
    return resolution, np.array(symbols)
