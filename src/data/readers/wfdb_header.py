"""WFDB headers, read strictly: what a header says is checked against the files beside it before anything is read.

Follows the description of header files in the WFDB Applications Guide (header(5)). No file outside the data folder is
ever opened: a header that names one, or promises more samples than its files hold, is refused. Headers of a data set
repeat the same few calibrations, so these are parsed once.
"""

from __future__ import annotations

import math
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from src.data.readers.wfdb_paths import file_in, folder_of, read_bytes
from src.data.units import unit_name
from src.errors import BadRecord

# Bytes per sample of the fixed-size formats; the FLAC formats 508, 516 and 524 are compressed.
BYTES = {"8": 1, "16": 2, "24": 3, "32": 4, "61": 2, "80": 1, "160": 2, "212": 1.5, "310": 4 / 3, "311": 4 / 3}
FLAC = {"508", "516", "524"}
DEFAULT_HZ, DEFAULT_GAIN = 250.0, 200.0
LARGEST_HEADER, LARGEST_RECORD, MOST_SIGNALS = 1 << 20, 1 << 30, 4096  # bytes; samples over all signals; signals
LARGEST_FRAME = 10_000  # samples of one signal

FORMAT = re.compile(r"(\d{1,3})(?:x(\d{1,9}))?(?::(\d{1,9}))?(?:\+(\d{1,12}))?", re.ASCII)
WHOLE = re.compile(r"[-+]?\d{1,12}", re.ASCII)
GAIN = re.compile(r"([-+.\deE]+)?(?:\(([-+]?\d{1,12})\))?(?:/(.*))?", re.ASCII)


class SignalLine(NamedTuple):
    """One signal of a header; a stored number n means (n - baseline) / gain in `unit`."""

    file: str
    fmt: str
    per_frame: int
    skew: int
    offset: int
    gain: float
    baseline: int
    unit: str
    name: str
    initial: str  # the first stored number and the sum of all, modulo 2**16, as written; "" where they are not given
    checksum: str


class SignalFile(NamedTuple):
    """The signals (`rows` of the header) that one file holds, `frame` samples for each instant."""

    path: str
    fmt: str
    offset: int
    frame: int
    rows: tuple[int, ...]


class Segment(NamedTuple):
    """A piece of a record of several; `header` is None for a gap."""

    header: Header | None
    samples: int


class Header(NamedTuple):
    """One record: `samples` per signal (at the frame rate); `segments` are names of records, in order, or empty."""

    record: str
    root: str  # nothing outside this folder is opened
    folder: str
    rate_hz: float
    samples: int
    signals: tuple[SignalLine, ...]
    segments: tuple[str, ...] = ()
    parts: tuple[Segment, ...] = ()
    layout: bool = False  # the segments' signals are found by name, not by number
    signal_files: tuple[SignalFile, ...] = ()
    says_length: bool = True  # False where the number of samples was inferred from the file
    start: tuple[str, ...] = ()  # time and date of the first sample, as written
    comments: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Every signal file, those of the segments included."""
        own = tuple(Path(file.path) for file in self.signal_files)
        parts = dict.fromkeys(part.header.record for part in self.parts if part.header)
        headers = {part.header.record: part.header for part in self.parts if part.header}
        return own + tuple(path for record in parts for path in headers[record].files)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the signals; a name that comes again gets a number."""
        return _numbered(tuple([line.name for line in self.signals]))


@lru_cache(maxsize=1024)
def _numbered(found: tuple[str, ...]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    names = []
    for name in found:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return tuple(names)


def read_header(root: Path | str, record: str) -> Header:
    """The header of `record` (a path below `root`, without suffix), checked; raises BadRecord with the reason."""
    return with_files(parse_header(root, record))


def parse_header(root: Path | str, record: str, nested: bool = False) -> Header:
    """The header as written, its signal files not yet looked for; those of the segments are."""
    root = os.fspath(root)
    below, _, name = record.rpartition("/")
    folder = folder_of(root, f"/{below}" if record.startswith("/") else below, record)
    path, size = file_in(root, folder, f"{name}.hea", record)
    lines, comments = _lines(path, size, record)
    head, body = lines[0].split(), lines[1:]
    if len(head) < 2:
        raise BadRecord(record, f"damaged header: its first line is {lines[0][:60]!r}")
    signals = _whole(head[1], record, "number of signals")
    rate = _number(re.split(r"[/(]", head[2])[0], record, "sampling rate") if len(head) > 2 else DEFAULT_HZ
    samples = _whole(head[3], record, "number of samples") if len(head) > 3 else 0
    if not 0 < rate < 1e7:
        raise BadRecord(record, f"damaged header: sampling rate {rate:g}")
    if signals > MOST_SIGNALS or samples * max(signals, 1) > LARGEST_RECORD:
        raise BadRecord(record, f"header promises too much: {samples} samples of {signals} signals")
    header = Header(record, root, folder, rate, samples, (), start=tuple(head[4:6]), comments=comments,
                    says_length=samples > 0)
    if "/" in head[0]:
        if nested:
            raise BadRecord(record, "damaged header: segments inside segments")
        return _segmented(header, signals, body)
    if signals != len(body):
        raise BadRecord(record, f"damaged header: it promises {signals} signals and describes {len(body)}")
    return header._replace(signals=tuple([_signal(line, record) for line in body]))


def _lines(path: str, size: int, record: str) -> tuple[list[str], tuple[str, ...]]:
    """What counts and, apart, the comments without their '#'."""
    if size > LARGEST_HEADER:
        raise BadRecord(record, f"damaged header: {size} bytes")
    try:
        data = read_bytes(path, 0, size)
    except OSError as error:
        raise BadRecord(record, f"cannot be read: {error.strerror}") from error
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    stripped = [raw.strip() for raw in text.replace("\r", "\n").split("\n")]
    lines = [line for line in stripped if line and line[0] != "#"]
    if not lines:
        raise BadRecord(record, "damaged header: it is empty")
    return lines, tuple([line.lstrip("# \t") for line in stripped if line and line[0] == "#"])


def _signal(line: str, record: str) -> SignalLine:
    words = line.split(maxsplit=8)
    if len(words) < 9:
        words += [""] * (9 - len(words))
    coded = _coded(words[1], words[2], words[4])
    if coded is None or (coded[0] == "0" and words[0] != "~"):
        raise BadRecord(record, f"damaged header: signal line {line[:60]!r}")
    return SignalLine(words[0], *coded, words[8] or words[0], words[5], words[6])


@lru_cache(maxsize=4096)
def _coded(fmt: str, gain: str, zero: str) -> tuple[str, int, int, int, float, int, str] | None:
    """Format, samples per frame, skew, offset, gain, baseline and unit from their words, None where they are wrong."""
    stored, meaning, adc_zero = FORMAT.fullmatch(fmt), GAIN.fullmatch(gain), WHOLE.fullmatch(zero or "0")
    if stored is None or meaning is None or adc_zero is None:
        return None
    if not (stored[1] in BYTES or stored[1] in FLAC or stored[1] == "0"):  # 0: a signal of the layout without data
        return None
    try:
        value = float(meaning[1] or 0)
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return (stored[1], int(stored[2] or 1), int(stored[3] or 0), int(stored[4] or 0), value or DEFAULT_GAIN,
            int(meaning[2] or adc_zero[0]), unit_name(meaning[3]) if meaning[3] else "mV")


def with_files(header: Header) -> Header:
    """The header with its files found, long enough, and its number of samples known."""
    if header.segments:
        return header
    record, files, samples = header.record, [], header.samples
    rows: dict[str, list[int]] = {}
    for row, line in enumerate(header.signals):
        if line.file != "~":
            rows.setdefault(line.file, []).append(row)
    for name, numbers in rows.items():
        path, size = file_in(header.root, header.folder, name, record)
        lines = [header.signals[row] for row in numbers]
        held = _samples_in(path, size, lines, record)
        samples = samples or held or 0
        if held is not None and held < samples:
            raise BadRecord(record, f"shorter than its header promises: {name} holds {held} of {samples} samples")
        frame = sum([line.per_frame for line in lines])
        files.append(SignalFile(path, lines[0].fmt, lines[0].offset, frame, tuple(numbers)))
    if files and not samples:
        raise BadRecord(record, "holds no samples")
    if samples * len(header.signals) > LARGEST_RECORD or any(line.skew >= samples > 0 for line in header.signals):
        raise BadRecord(record, f"header promises too much: {samples} samples of {len(header.signals)} signals")
    return header._replace(samples=samples, signal_files=tuple(files))


def _samples_in(path: str, size: int, lines: list[SignalLine], record: str) -> int | None:
    """Frames that a file holds; None where it does not say (a FLAC stream)."""
    fmt, offset, frame = lines[0].fmt, lines[0].offset, 0
    for line in lines:
        if not 0 < line.per_frame <= LARGEST_FRAME or line.fmt != fmt:
            raise BadRecord(record, f"damaged header: formats of {os.path.basename(path)}")
        frame += line.per_frame
    if fmt in FLAC:
        # STREAMINFO is the first block; its last 36 bits before the MD5 sum count the samples of each channel
        head = read_bytes(path, offset, 26)
        samples = int.from_bytes(head[18:26], "big") & ((1 << 36) - 1)
        if head[:4] != b"fLaC":
            raise BadRecord(record, f"damaged: {os.path.basename(path)} is no FLAC file")
        return samples // lines[0].per_frame or None
    held = (size - offset) / BYTES[fmt]
    return max(0, int((held + 0.5) // frame))  # 212, 310 and 311 may drop the bits of a last, unpaired sample


def _segmented(header: Header, signals: int, body: list[str]) -> Header:
    """A record of segments takes its signals from the first of them, its layout."""
    record, words = header.record, [line.split() for line in body]
    lengths = [_whole(pair[1], record, "length of a segment") if len(pair) > 1 else 0 for pair in words]
    names = tuple(pair[0] for pair in words)
    real = [name for name in dict.fromkeys(names) if name != "~"]
    if not real:
        raise BadRecord(record, "damaged header: no segments")
    if any("/" in name for name in real):
        raise BadRecord(record, "outside the data folder: its segments")
    below = record.rpartition("/")[0]
    found = {name: with_files(parse_header(header.root, f"{below}/{name}" if below else name, True)) for name in real}
    first = found[real[0]]
    layout = names[0] != "~" and lengths[0] == 0 and not first.signal_files
    parts = tuple(Segment(found.get(name), length) for name, length in zip(names, lengths) if length)
    samples = sum(lengths)
    if header.samples not in (0, samples) or samples * len(first.signals) > LARGEST_RECORD:
        raise BadRecord(record, f"damaged header: segments of {samples} samples in a record of {header.samples}")
    whole = header._replace(samples=samples, signals=first.signals, segments=names, parts=parts, layout=layout)
    for part in parts:
        if part.header is not None:
            _check_segment(whole, part.header, part.samples)
    return whole


def _check_segment(whole: Header, part: Header, samples: int) -> None:
    if part.samples < samples:
        raise BadRecord(whole.record, f"shorter than its header promises: {part.record} holds {part.samples} of "
                                      f"{samples} samples")
    if abs(part.rate_hz / whole.rate_hz - 1) > 1e-3:
        raise BadRecord(whole.record, f"damaged header: {part.record} has {part.rate_hz:g} Hz, not {whole.rate_hz:g}")
    if not whole.layout and len(part.signals) != len(whole.signals):
        raise BadRecord(whole.record, f"damaged header: {part.record} has {len(part.signals)} signals, the first "
                                      f"segment {len(whole.signals)}")


def _whole(text: str, record: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadRecord(record, f"damaged header: {what} {text[:30]!r}")
    return int(text)


def _number(text: str, record: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadRecord(record, f"damaged header: {what} {text[:30]!r}") from None
