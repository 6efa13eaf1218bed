"""WFDB headers, read strictly: what a header says is checked against the files beside it before anything is read.

Follows the description of header files in the WFDB Applications Guide (header(5)). No file outside the data folder is
ever opened: a header that names one, or promises more samples than its files hold, is refused.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from src.data.units import unit_name
from src.errors import BadRecord

# Bytes per sample of the fixed-size formats; the FLAC formats 508, 516 and 524 are compressed.
BYTES = {"8": 1, "16": 2, "24": 3, "32": 4, "61": 2, "80": 1, "160": 2, "212": 1.5, "310": 4 / 3, "311": 4 / 3}
FLAC = {"508", "516", "524"}
DEFAULT_HZ, DEFAULT_GAIN = 250.0, 200.0
LARGEST_HEADER, LARGEST_RECORD = 1 << 20, 1 << 30  # bytes; samples over all signals

FORMAT = re.compile(r"(?P<fmt>\d+)(?:x(?P<frame>\d+))?(?::(?P<skew>\d+))?(?:\+(?P<offset>\d+))?$")
GAIN = re.compile(r"(?P<gain>[-+.\deE]+)?(?:\((?P<baseline>[-+]?\d+)\))?(?:/(?P<unit>.*))?$")


@dataclass(frozen=True)
class SignalLine:
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


@dataclass(frozen=True)
class Header:
    """One record: `samples` per signal (at the frame rate); `segments` are names of records, in order, or empty."""

    record: str
    folder: Path
    rate_hz: float
    samples: int
    signals: tuple[SignalLine, ...]
    segments: tuple[str, ...] = ()
    files: tuple[Path, ...] = field(default=())
    says_length: bool = True  # False where the number of samples was inferred from the file

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the signals; a name that comes again gets a number."""
        seen: dict[str, int] = {}
        names = []
        for line in self.signals:
            seen[line.name] = seen.get(line.name, 0) + 1
            names.append(line.name if seen[line.name] == 1 else f"{line.name}_{seen[line.name]}")
        return tuple(names)


def read_header(root: Path, record: str, nested: bool = False) -> Header:
    """The header of `record` (a path below `root`, without suffix), checked; raises BadRecord with the reason."""
    path = inside(root, f"{record}.hea", record)
    lines = _lines(path, record)
    head, body = lines[0].split(), lines[1:]
    count = head[0].partition("/")[2]
    if len(head) < 2:
        raise BadRecord(record, f"damaged header: its first line is {lines[0][:60]!r}")
    signals = _whole(head[1], record, "number of signals")
    rate = _number(re.split(r"[/(]", head[2])[0], record, "sampling rate") if len(head) > 2 else DEFAULT_HZ
    samples = _whole(head[3], record, "number of samples") if len(head) > 3 else 0
    if not 0 < rate < 1e7:
        raise BadRecord(record, f"damaged header: sampling rate {rate:g}")
    if samples * max(signals, 1) > LARGEST_RECORD:
        raise BadRecord(record, f"header promises too much: {samples} samples of {signals} signals")
    if count:
        if nested:
            raise BadRecord(record, "damaged header: segments inside segments")
        return _segmented(root, record, path.parent, rate, samples, body)
    if signals != len(body):
        raise BadRecord(record, f"damaged header: it promises {signals} signals and describes {len(body)}")
    parsed = tuple(_signal(line, record) for line in body)
    return _with_files(root, Header(record, path.parent, rate, samples, parsed))


def inside(root: Path, name: str, record: str) -> Path:
    """`root / name`, which must exist and lie below `root`; links out of the folder are refused too."""
    if name.startswith("/") or ".." in name.split("/") or "://" in name or "\0" in name or "\\" in name:
        raise BadRecord(record, f"outside the data folder: {name}")
    path = root / name
    try:
        kind = path.lstat().st_mode
    except OSError:
        raise BadRecord(record, f"no such file: {name}") from None
    linked = stat.S_ISLNK(kind) and not path.resolve().is_relative_to(root.resolve())
    if linked or not _is_inside(root, path.parent):
        raise BadRecord(record, f"outside the data folder: {name} is a link to {path.resolve()}")
    if not path.is_file():
        raise BadRecord(record, f"no such file: {name}")
    return path


@lru_cache(maxsize=4096)
def _is_inside(root: Path, folder: Path) -> bool:
    return folder.resolve().is_relative_to(root.resolve())


def _lines(path: Path, record: str) -> list[str]:
    if path.stat().st_size > LARGEST_HEADER:
        raise BadRecord(record, f"damaged header: {path.stat().st_size} bytes")
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = [line for line in (raw.strip() for raw in text.splitlines()) if line and not line.startswith("#")]
    if not lines:
        raise BadRecord(record, "damaged header: it is empty")
    return lines


def _signal(line: str, record: str) -> SignalLine:
    words = line.split(maxsplit=8)
    if len(words) < 2:
        raise BadRecord(record, f"damaged header: signal line {line[:60]!r}")
    fmt = FORMAT.match(words[1])
    gain = GAIN.match(words[2]) if len(words) > 2 else None
    if fmt is None or (len(words) > 2 and gain is None) or not _known(fmt["fmt"], words[0]):
        raise BadRecord(record, f"damaged header: signal line {line[:60]!r}")
    zero = _whole(words[4], record, "ADC zero", negative=True) if len(words) > 4 else 0
    value = _number(gain["gain"], record, "gain") if gain and gain["gain"] else 0.0
    return SignalLine(
        file=words[0], fmt=fmt["fmt"], per_frame=int(fmt["frame"] or 1), skew=int(fmt["skew"] or 0),
        offset=int(fmt["offset"] or 0), gain=value or DEFAULT_GAIN,
        baseline=int(gain["baseline"]) if gain and gain["baseline"] else zero,
        unit=unit_name(gain["unit"]) if gain and gain["unit"] else "mV", name=words[8] if len(words) > 8 else words[0])


def _known(fmt: str, file: str) -> bool:
    return fmt in BYTES or fmt in FLAC or (fmt == "0" and file == "~")  # 0: a signal of the layout without data


def _with_files(root: Path, header: Header) -> Header:
    """The header with its files found, long enough, and its number of samples known."""
    record, below = header.record, header.folder.relative_to(root)
    files, samples = [], header.samples
    for name in dict.fromkeys(line.file for line in header.signals if line.file != "~"):
        if Path(name).name != name:
            raise BadRecord(record, f"outside the data folder: {name}")
        path = inside(root, str(below / name), record)
        lines = [line for line in header.signals if line.file == name]
        held = _samples_in(path, lines, record)
        samples = samples or held
        if held and held < samples:
            raise BadRecord(record, f"shorter than its header promises: {name} holds {held} of {samples} samples")
        files.append(path)
    if samples == 0 and files:
        raise BadRecord(record, "holds no samples")
    return Header(record, header.folder, header.rate_hz, samples, header.signals, (), tuple(files), header.samples > 0)


def _samples_in(path: Path, lines: list[SignalLine], record: str) -> int:
    """Frames that a file of fixed-size samples holds; 0 where only its decoder knows."""
    if any(line.per_frame == 0 or line.per_frame > 10_000 for line in lines) or len({line.fmt for line in lines}) > 1:
        raise BadRecord(record, f"damaged header: formats of {path.name}")
    if lines[0].fmt in FLAC:
        return 0
    frame = sum(line.per_frame for line in lines)
    held = (path.stat().st_size - lines[0].offset) / BYTES[lines[0].fmt]
    return max(0, int((held + 0.5) // frame))  # 212, 310 and 311 may drop the bits of a last, unpaired sample


def _segmented(root: Path, record: str, folder: Path, rate: float, samples: int, body: list[str]) -> Header:
    """A record of segments takes its signals from the first of them, its layout."""
    names = tuple(line.split()[0] for line in body)
    real = [name for name in names if name != "~"]
    if not real or any(Path(name).name != name for name in real):
        raise BadRecord(record, "outside the data folder: its segments" if real else "damaged header: no segments")
    below = folder.relative_to(root)
    first, *others = [read_header(root, str(below / name), nested=True) for name in dict.fromkeys(real)]
    files = tuple(path for header in (first, *others) for path in header.files)
    return Header(record, folder, rate, samples, first.signals, names, files)


def _whole(text: str, record: str, what: str, negative: bool = False) -> int:
    if not re.fullmatch(r"-?\d{1,15}" if negative else r"\d{1,15}", text):
        raise BadRecord(record, f"damaged header: {what} {text[:30]!r}")
    return int(text)


def _number(text: str, record: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadRecord(record, f"damaged header: {what} {text[:30]!r}") from None
