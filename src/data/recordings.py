"""`--dataset recordings`: any readable files without labels, one or a folder of them, in the form that a model expects.

What `prepare.py` did to the training data is done to them too; then lead names, unit, rate and window are brought to
the model's. Limb leads are derived where two others allow it; what stays absent is 0 and False in the mask, and said.
Long recordings give windows one after the other. A file that cannot be used is told with its reason.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from src.data.dataset import Records
from src.data.leads import in_order
from src.data.prepare.options import from_plain
from src.data.prepare.steps import prepare_signal
from src.data.readers import read_recording, recording_names
from src.data.readers.recording import FORMATS, format_of
from src.data.recorded import RecordedConfig, RecordedDataset
from src.data.signal import Recording, TargetSpec
from src.data.units import unit_factor, unit_name
from src.errors import BadRecord, UserError, one_line

KEPT_BYTES = 256_000_000  # of signals read while the table is made; others are read again
OF_WFDB = {".dat"} | set(FORMATS["wfdb"].suffixes) - {".hea"}  # read through their header


@dataclass(frozen=True)
class Source:
    """Where one recording is: a file, and which of its recordings where it holds many."""

    name: str
    path: Path
    record: str | None = None


class RecordingsDataset(RecordedDataset):
    """`failures`: file -> why it cannot be used; `warnings`: record -> what is not as the model expects."""

    @dataclass(frozen=True)
    class Config(RecordedConfig):
        rate_hz: float = 0.0  # sampling rate of files that do not say it
        unit: str = ""  # unit of files that do not say it
        windows: Literal["all", "center"] = "all"  # of long recordings: one after the other (or stride_s); the middle
        preparation: Any = None  # what prepare.py did to the training data; test.py says it

    config: Config
    labelled = False

    def __init__(self, config: Config | None = None, data_path: str | Path | None = None):
        self.config = config = config or self.Config()
        if config.windows == "all" and not config.stride_s:
            self.config = replace(config, stride_s=config.window_s)
        if data_path is None:
            raise UserError("--dataset recordings needs --data_path", "name a recording, or a folder of recordings")
        self.failures: dict[str, str] = {}
        self.warnings: dict[str, str] = {}
        self._kept: dict[int, np.ndarray] = {}
        self._last: tuple[int, np.ndarray] | None = None
        found = list(self._sources(Path(data_path)))
        self._channels = config.channels or self._usual_channels(found)
        self._collect(found, data_path)

    def _sources(self, path: Path) -> Iterator[Source]:
        files = recording_files(path)
        shown = [str(file.relative_to(path) if path.is_dir() else file.name) for file in files]
        times = Counter(name.removesuffix(file.suffix) for name, file in zip(shown, files))
        for file, name in zip(files, shown):
            plain = name.removesuffix(file.suffix)
            plain = plain if times[plain] == 1 else name
            try:
                inside = recording_names(file)
            except UserError as error:
                self._refuse(plain, error)
                continue
            yield from [Source(f"{plain}/{each}", file, each) for each in inside] or [Source(plain, file)]

    def _usual_channels(self, sources: list[Source]) -> tuple[str, ...]:
        """What most recordings have."""
        counts: Counter[tuple[str, ...]] = Counter()
        for source in sources:
            try:
                counts[read_recording(source.path, source.record, self.config.rate_hz).channel_names] += 1
            except UserError:
                continue  # it is told when the recordings are collected
        return counts.most_common(1)[0][0] if counts else ()

    def _collect(self, sources: list[Source], data_path: str | Path) -> None:
        """The table of those that can be used."""
        self._sources_used, rates, lengths, units = [], [], [], Counter()
        room, self._unit = KEPT_BYTES, unit_name(self.config.to_unit)
        for source in sources:
            try:
                recording = self._read(source)
            except UserError as error:
                self._refuse(source.name, error)
                continue
            if recording.signal.nbytes <= room:
                self._kept[len(rates)] = recording.signal
                room -= recording.signal.nbytes
            self._sources_used.append(source)
            rates.append(recording.sampling_rate_hz)
            lengths.append(recording.signal.shape[1])
            units[recording.unit] += 1
        if not rates:
            raise UserError(f"{data_path}: no recording can be used\n" + "\n".join(
                f"{name}: {reason}" for name, reason in self.failures.items()))
        self._unit = self._unit or units.most_common(1)[0][0]
        count, kind, names = len(rates), self.config.target, self.config.classes
        label = np.zeros(count, np.int64) if kind in ("auto", "classes") else np.zeros((count, len(names)), np.float32)
        self.target = TargetSpec("none" if kind == "auto" else kind, names)
        empty = np.full(count, "")
        self.records = Records(np.array([source.name for source in self._sources_used]), empty, label, empty,
                               np.array(lengths, np.int64))
        self.source = f"{Path(data_path).name} ({count} recording{'s' * (count > 1)} without labels)"
        self._arrange(np.array(rates), self._channels, self._unit)
        self.notes += tuple(f"{name}: {warning}" for name, warning in self.warnings.items())

    def _refuse(self, name: str, error: UserError) -> None:
        if self.config.on_bad_record == "error":
            raise error
        self.failures[name] = one_line(error)

    def _read(self, source: Source) -> Recording:
        """The recording in the wanted channels and unit; BadRecord where none of them is there."""
        recording = read_recording(source.path, source.record, self.config.rate_hz, self.config.unit)
        if self.config.preparation:
            recording = prepare_signal(recording, replace(from_plain(self.config.preparation), samples=0))
        chosen = in_order(recording, self._channels)
        if not np.isfinite(chosen.signal).any():
            raise BadRecord(source.name, f"has {_listed(recording.channel_names)}, expected any of "
                                         f"{_listed(self._channels)}")
        factor = unit_factor(chosen.unit, self._unit) if self._unit else 1.0
        if factor is None:
            raise BadRecord(source.name, f"is in {chosen.unit or 'no stated unit'}, expected {self._unit}",
                            f"--dataset_args unit={self._unit} states the unit of files that do not")
        self._warn(source.name, chosen)
        return chosen if factor == 1 else replace(chosen, signal=chosen.signal * np.float32(factor), unit=self._unit)

    def _warn(self, name: str, recording: Recording) -> None:
        absent = [lead for lead, row in zip(recording.channel_names, recording.signal) if np.isnan(row).all()]
        derived = recording.metadata.get("derived_leads", ())
        said = [f"{', '.join(absent)} absent: 0 and masked"] if absent else []
        said += [f"{', '.join(derived)} derived from the other limb leads"] if derived else []
        if said:
            self.warnings[name] = "; ".join(said)

    def windows(self, row: int) -> int:
        """How many windows of a record are predicted."""
        step = round(self.config.stride_s * self.spec.rate_hz)
        return len(self._windows[self._rates[row]].starts(int(self._recorded[row]), step)) if step else 1

    def read_range(self, row: int, low: int, high: int) -> np.ndarray:
        if row in self._kept:
            return self._kept[row][:, low:high].copy()
        if self._last is None or self._last[0] != row:
            self._last = row, self._read(self._sources_used[row]).signal
        return self._last[1][:, low:high].copy()


def recording_files(path: Path) -> list[Path]:
    """The file itself, or every file below a folder that is of a known kind: a header stands for its signal files and
    annotations, and what is named as a segment of another record is left out."""
    if path.with_name(path.name + ".hea").is_file() and not path.exists():
        return [path.with_name(path.name + ".hea")]
    if not path.exists():
        raise UserError(f"{path}: not found", "name a recording, or a folder of recordings")
    if not path.is_dir():
        return [path]
    files = sorted(Path(folder) / name for folder, _, names in os.walk(path) for name in names if name[0] != ".")
    headers = {file.with_suffix("") for file in files if file.suffix.lower() == ".hea"}
    segments = {file.parent / name for file in files if file.suffix.lower() == ".hea" for name in _segments(file)}
    return [file for file in files if file.suffix.lower() not in OF_WFDB and file.with_suffix("") not in segments
            and (file.suffix.lower() == ".hea" or file.with_suffix("") not in headers) and _is_recording(file)]


def _is_recording(file: Path) -> bool:
    try:
        return bool(format_of(file))
    except UserError:
        return False


def _segments(header: Path) -> list[str]:
    """The records that a WFDB header with segments is made of."""
    with header.open(encoding="latin-1") as stream:
        lines = [line.split() for line in stream.read(1 << 20).splitlines() if line.strip() and line[0] != "#"]
    return [line[0] for line in lines[1:]] if lines and "/" in lines[0][0] else []


def _listed(names: tuple[str, ...]) -> str:
    return f"the channels {', '.join(names[:12])}{' ...' if len(names) > 12 else ''}" if names else "no channel"
