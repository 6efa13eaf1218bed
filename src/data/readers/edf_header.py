"""EDF and BDF headers, checked against their file before anything is read: a recording is as long as it promises.

Follows Kemp et al. 1992 (EDF), Kemp and Olivan 2003 (EDF+) and BioSemi's description of BDF. The signals themselves are
read by MNE (`mne_files`), which infers a length where header and file disagree and closes the gaps of a discontinuous
recording: both would move every event behind the place.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.errors import BadRecord

FIXED, PER_SIGNAL = 256, 256  # bytes
SAMPLES_AT = 216  # bytes per signal before the field "samples in a record"
ANNOTATIONS = ("EDF Annotations", "BDF Annotations")
ONSET = re.compile(rb"([+-]\d+(?:\.\d*)?)[\x14\x15]")


class _Layout(NamedTuple):
    begin: int  # of the data, in bytes
    records: int  # -1 where the recorder was not stopped in order
    seconds: float  # of a record
    samples: list[int]  # of each signal in a record
    labels: list[str]
    width: int  # bytes of a sample


def check_edf(path: Path, name: str) -> None:
    """BadRecord (named `name`) unless `path` is a whole, continuous EDF or BDF file."""
    try:
        with path.open("rb") as stream:
            fixed = stream.read(FIXED)
            signals = _signals(fixed, name)
            layout = _layout(fixed, stream.read(signals * PER_SIGNAL), signals, name)
    except OSError as error:
        raise BadRecord(name, f"cannot be read: {error}") from error
    size = path.stat().st_size
    record = sum(layout.samples) * layout.width
    if layout.records >= 0 and size < layout.begin + layout.records * record:
        raise BadRecord(name, f"shorter than its header promises: {size} of {layout.begin + layout.records * record} "
                              "bytes", "copy it again from where it was recorded")
    if fixed[192:197] in (b"EDF+D", b"BDF+D"):
        _check_continuous(path, layout, (size - layout.begin) // record, name)


def _signals(fixed: bytes, name: str) -> int:
    if len(fixed) < FIXED or not (fixed[:8] == b"0       " or fixed[:8] == b"\xffBIOSEMI"):
        raise BadRecord(name, "is no EDF or BDF file")
    signals = _whole(fixed[252:256], name)
    if signals < 1 or _whole(fixed[184:192], name) != FIXED + signals * PER_SIGNAL:
        raise BadRecord(name, f"damaged header: {signals} signals in {_text(fixed[184:192])} bytes")
    return signals


def _layout(fixed: bytes, body: bytes, signals: int, name: str) -> _Layout:
    if len(body) < signals * PER_SIGNAL:
        raise BadRecord(name, "shorter than its header promises: it ends in the header")
    labels = [_text(body[16 * number:16 * number + 16]) for number in range(signals)]
    counts = body[SAMPLES_AT * signals:(SAMPLES_AT + 8) * signals]
    samples = [_whole(counts[8 * number:8 * number + 8], name) for number in range(signals)]
    records = _whole(fixed[236:244], name)
    try:
        seconds = float(fixed[244:252])
    except ValueError:
        raise BadRecord(name, f"damaged header: a record lasts {_text(fixed[244:252])!r} s") from None
    if records < -1 or records == 0 or min(samples) < 0 or sum(samples) == 0 or not 0 <= seconds < 1e6:
        raise BadRecord(name, f"damaged header: {records} records of {seconds:g} s with {sum(samples)} samples")
    return _Layout(FIXED + signals * PER_SIGNAL, records, seconds, samples, labels, 3 if fixed[0] == 0xFF else 2)


def _check_continuous(path: Path, layout: _Layout, records: int, name: str) -> None:
    """A file that may have gaps is whole where its records' own times follow one another."""
    at = next((number for number, label in enumerate(layout.labels) if label in ANNOTATIONS), None)
    if at is None:
        raise BadRecord(name, "is discontinuous (EDF+D) and does not say where")
    record, offset = sum(layout.samples) * layout.width, sum(layout.samples[:at]) * layout.width
    stored = np.memmap(path, np.uint8, "r", layout.begin, (records, record))
    first = None
    for number in range(records):
        found = ONSET.match(stored[number, offset:offset + 32].tobytes())
        onset = float(found[1]) if found else 0.0
        first = onset if first is None else first
        if found is None or abs(onset - first - number * layout.seconds) > 1e-3:
            raise BadRecord(name, f"is discontinuous: a gap after {number * layout.seconds:g} s",
                            "export it in pieces without gaps (EDF+C)")


def _whole(field: bytes, name: str) -> int:
    if not re.fullmatch(rb"-?\d{1,8} *", field):
        raise BadRecord(name, f"damaged header: {_text(field)!r} in place of a whole number")
    return int(field)


def _text(field: bytes) -> str:
    return field.decode("latin-1").strip(" \0")
