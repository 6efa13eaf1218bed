"""What a file holds, measured: the row that `prepare.py inspect` shows of each file, and which files below a folder
are recordings of their own."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from src.data.leads import derive_limb_leads
from src.data.readers import read_recording, recording_names
from src.data.readers.recording import format_of
from src.data.signal import Recording
from src.data.units import unit_factor
from src.errors import BadRecord, UserError, one_line

HEADERS = {".hea": "WFDB", ".vhdr": "BrainVision", ".set": "EEGLAB"}  # of recordings that are several files
LARGEST_HEADER = 1 << 20
LIMBS_AGREE = 0.05  # mV: a few steps of any recorder


@dataclass(frozen=True)
class Stated:
    """What a person says of files that do not say it (`--dataset_args key=value`)."""

    rate_hz: float = 0.0  # sampling rate of files that do not say it
    unit: str = ""  # unit of files that do not say it


@dataclass
class Finding:
    """One file: the recording in it (the first, of several), or `reason`, why it is refused."""

    path: Path
    kind: str = ""
    reason: str = ""
    recording: Recording | None = None
    records: int = 1
    read_s: float = 0.0
    marks: dict[str, int] = field(default_factory=dict)  # annotations by kind, the most frequent first
    absent: float = 0.0  # share of samples that are NaN
    flat: tuple[str, ...] = ()
    checksums: str = ""  # "ok", what differs, or "" where the file has none
    limb_error: float | None = None  # largest departure of the limb leads from Einthoven's and Goldberger's laws
    limb_unit: str = ""  # mV, or the recording's own where it is no voltage

    @property
    def seconds(self) -> float:
        return self.recording.signal.shape[1] / self.recording.sampling_rate_hz if self.recording else 0.0


def look(path: Path, stated: Stated) -> Finding:
    """Read one file and measure it; what is wrong with it is in `reason`, never raised."""
    found, begin = Finding(path), time.perf_counter()
    try:
        found.kind = format_of(path)
        recording = read_recording(path, None, stated.rate_hz, stated.unit)
        found.read_s = time.perf_counter() - begin
        found.records = max(1, len(recording_names(path)) if "records" in recording.metadata else 1)
    except UserError as error:
        found.read_s = time.perf_counter() - begin
        found.reason = one_line(error).removeprefix(f"{path}: ")
        return found
    found.recording = recording
    found.marks = kinds_of_marks(recording)
    if recording.signal.size:
        found.absent = float(np.isnan(recording.signal).mean())
        found.flat = tuple(name for name, trace in zip(recording.channel_names, recording.signal) if _is_flat(trace))
    found.limb_error, found.limb_unit = limb_lead_error(recording)
    found.checksums = checksums(path) if found.kind == "wfdb" and recording.signal.size else ""
    return found


def kinds_of_marks(recording: Recording) -> dict[str, int]:
    """Annotations by symbol, or by their text where they have none."""
    marks = recording.annotations
    return dict(Counter(symbol or note for symbol, note in zip(marks.symbol.tolist(), marks.note.tolist()))
                .most_common())


def limb_lead_error(recording: Recording) -> tuple[float | None, str]:
    """The largest difference between limb leads as recorded and as they follow from I and II, and its unit."""
    place = {name: row for row, name in enumerate(recording.channel_names)}
    if "I" not in place or "II" not in place or len(set(recording.metadata.get("units", ()))) > 1:
        return None, ""
    derived = derive_limb_leads(recording.signal[[place["I"], place["II"]]], ("I", "II"))
    gaps = [np.abs(row - recording.signal[place[lead]]) for lead, row in derived.items() if lead in place]
    largest = [float(np.nanmax(gap)) for gap in gaps if np.isfinite(gap).any()]
    factor = unit_factor(recording.unit, "mV")
    return (max(largest) * (factor or 1.0), "mV" if factor else recording.unit) if largest else (None, "")


def checksums(path: Path) -> str:
    """Of the WFDB record that a file belongs to: ok, what differs, or '' where its header has none."""
    from src.data.readers.wfdb_header import read_header
    from src.data.readers.wfdb_verify import check_sums

    base = path if path.with_name(f"{path.name}.hea").is_file() else path.with_suffix("")
    try:
        return "ok" if check_sums(read_header(base.parent, base.name)) else ""
    except BadRecord as error:
        return error.reason


def _is_flat(trace: np.ndarray) -> bool:
    there = trace[np.isfinite(trace)]
    return len(there) > 1 and there.min() == there.max()


def files_below(folder: Path) -> tuple[list[Path], list[Path]]:
    """(files that may be recordings, files that are parts of one of these): a header stands for its signals and
    annotations, a record of segments does not stand for them. Hidden files and linked folders are passed over."""
    files = sorted(Path(root, name) for root, _, names in os.walk(folder) for name in names if name[0] != ".")
    headed = {file.with_suffix("") for file in files if file.suffix in HEADERS}
    named = {file.parent / name for file in files if file.suffix == ".hea" for name in _named_in(file)}
    parts = {file for file in files if file.suffix not in HEADERS and (file in named or file.with_suffix("") in headed)}
    return [file for file in files if file not in parts], sorted(parts)


def _named_in(header: Path) -> set[str]:
    """The signal files that the lines of a WFDB header begin with."""
    try:
        with header.open("rb") as stream:
            lines = stream.read(LARGEST_HEADER).decode("utf-8", "replace").splitlines()
    except OSError:
        return set()
    return {line.split()[0] for line in lines[1:] if line.strip() and line[0] != "#"}
