"""What data sets of long recordings share: trials around events, whole labelled files, or unlabelled stretches.

Signals stay on disk. A window comes with its surroundings into every filter, so it equals the same part of the whole
recording re-referenced, filtered and resampled.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from src.data.bad_records import BadRecords
from src.data.cache import RecordCache
from src.data.dataset import Records
from src.data.readers.mne_files import read_range
from src.data.recorded import RecordedConfig, RecordedDataset, most_common
from src.data.sets.cutting import Cut, events_of, part_limits, stretches, trials, whole_files
from src.data.sets.layout import lay_out
from src.data.sets.sources import Source, of_subjects, open_files
from src.data.signal import TargetSpec
from src.data.splits import PARTS
from src.data.targets import encode, subset_names
from src.data.units import VOLTS, unit_factor, unit_name
from src.data.windows import Window
from src.errors import UserError

NOTCH_Q, NOTCH_MARGIN_S = 30, 1.0  # a notch at 50 Hz has rung out after a second
PRETRAIN_S = 4.0  # Du-IN's crop
KEPT_WINDOWS = 4  # a record of at most so many windows is read as a whole and kept
HASHED, PIECES = 1 << 16, (0.3, 0.5, 0.7)  # bytes of a piece of a file, and where they are taken


@dataclass(frozen=True)
class ContinuousConfig(RecordedConfig):
    """Options of data sets of long recordings (`--dataset_args key=value`)."""

    task: Literal["events", "recordings", "pretrain"] = "events"  # trials, one label per file, or unlabelled stretches
    tmin: float = 0.0  # seconds from an event to the start of its window
    tmax: float | None = None  # seconds from an event to the end of its window; none = the most common duration
    stretch_s: float = 10.0  # pretrain: seconds of a stretch, from which windows (4 s by default) are cropped
    events: Literal["auto", "table", "annotations", "triggers"] = "auto"  # where events come from
    event_column: str = ""  # column of the table that names an event; empty = trial_type, or what is like it
    subjs: tuple[str, ...] = ()  # these subjects only; empty = all (--subjs says the same)
    kinds: tuple[str, ...] = ()  # types of channels (seeg, ecog, eeg, dbs, ecg, ...); empty = those of the brain
    bad_channels: Literal["mask", "drop"] = "mask"  # where a channel is marked bad: mask it there, or leave it out
    reference: Literal["none", "average", "bipolar"] = "none"  # bipolar: neighbouring contacts of a shaft
    notch_hz: tuple[float, ...] = ()  # mains and its harmonics to take out, for instance 50,100,150
    align: Literal["auto", "names", "places"] = "auto"  # channels across subjects: by name, or numbered places
    split: Literal["auto", "trials", "time", "subjects"] = "auto"  # parts of trials, of each file's time, of subjects
    cache_mb: int = 512  # memory for records that were read, filtered and resampled already (of each worker process)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cache_mb < 0:
            raise UserError(f"cache_mb={self.cache_mb}: expected 0 or more")
        if self.tmax is not None and not self.tmin < self.tmax:
            raise UserError(f"tmin={self.tmin:g} tmax={self.tmax:g}: a window ends after it starts")
        if not 0 < self.stretch_s < float("inf"):
            raise UserError(f"stretch_s={self.stretch_s:g}: expected a number above 0")
        if any(not 0 < line < 1e5 for line in self.notch_hz):
            raise UserError(f"notch_hz={','.join(f'{line:g}' for line in self.notch_hz)}: expected frequencies in Hz")
        if self.to_unit and unit_name(self.to_unit) not in VOLTS:
            raise UserError(f"to_unit={self.to_unit}: these recordings are voltages", f"known: {', '.join(VOLTS)}")
        if self.task == "pretrain" and self.split == "trials":
            raise UserError("split=trials: stretches for pretraining are no trials", "split=time or split=subjects")


class ContinuousDataset(RecordedDataset):
    """Subclasses list their recordings in `sources`."""

    config: ContinuousConfig
    what: str  # the kind of these data, for people

    @abstractmethod
    def sources(self) -> list[Source]:
        """Every recording of `self.path`, sorted."""

    def __init__(self, config: ContinuousConfig | None = None, data_path: str | Path | None = None):
        self.config = config or self.Config()
        if data_path is None or not Path(data_path).exists():
            raise UserError(f"{data_path}: not found", "--data_path names a folder of recordings")
        if self.config.task == "pretrain" and not self.config.window_s:
            self.config = replace(self.config, window_s=min(PRETRAIN_S, self.config.stretch_s))
        self.path, bad = Path(data_path), BadRecords()
        self.root = self.path.parent if self.path.is_file() else self.path
        self._cache = RecordCache(self.config.cache_mb)
        self._open(bad)
        cut = self._cut(bad)
        self.notes += (*cut.notes, *bad.settle(self.config.on_bad_record, len(cut.name)))
        self._collect(cut)
        self._divide()
        self.gaps = self.layout.has_gaps
        self._arrange(np.full(len(self.records), self._rate), self.layout.names, self._unit)
        self.spec = self.spec.with_steps(*self._steps())
        self.source = f"{self.path} ({self.what}, {len(self.files)} file{'s' * (len(self.files) > 1)})"

    def _open(self, bad: BadRecords) -> None:
        options = self.config
        sources = of_subjects(self.sources(), options.subjs)
        self.files = open_files(sources, self.root, options.kinds, options.reference, options.channels, bad)
        if not self.files:
            bad.settle(options.on_bad_record, 0)
        self.layout = lay_out(self.files, options.channels, options.align, options.bad_channels)
        self._rate = options.resample_hz or most_common([file.header.rate_hz for file in self.files])
        self._between = [Window.between(file.header.rate_hz, self._rate, 1) for file in self.files]
        self._totals = [between.length(file.header.samples) for between, file in zip(self._between, self.files)]
        self._unit = unit_name(options.to_unit) or "uV"
        self.notes += (*self._file_notes(), *self.layout.notes)

    def _cut(self, bad: BadRecords) -> Cut:
        options, files, totals, rate = self.config, self.files, self._totals, self._rate
        if options.task == "recordings":
            return whole_files(files, totals, bad)
        if options.task == "events":
            events = events_of(files, options.events, options.event_column, bad)
            end = options.tmin + options.window_s if options.tmax is None and options.window_s else options.tmax
            return trials(files, totals, rate, events, options.classes, (options.tmin, end), bad)
        window = round(options.window_s * rate)
        return stretches(files, totals, rate, max(round(options.stretch_s * rate), window), window, bad)

    def _collect(self, cut: Cut) -> None:
        self._file, self._start = np.array(cut.file, np.int64), np.array(cut.start, np.int64)
        if self.config.task == "pretrain":
            self.target, label = TargetSpec("signal", self.layout.names), np.zeros(len(cut.name), np.int64)
        else:
            kind = "classes" if self.config.task == "events" and self.config.target == "auto" else self.config.target
            self.target, label, _ = encode(np.array(cut.label), self.config.classes, kind)
        sources = [self.files[number].source for number in cut.file]
        self.records = Records(np.array(cut.name), np.array([source.subject for source in sources]), label,
                               subset_names(np.array([source.subset for source in sources])),
                               np.array(cut.length, np.int64))

    # -------------------------------------------------------------------------------------------- parts
    def _divide(self) -> None:
        """Set `within_subject`, and the official parts where they follow from time."""
        records, official = self.records, bool(self.subsets)
        usual = {"events": "trials", "recordings": "subjects", "pretrain": "time"}[self.config.task]
        split = self.config.split if self.config.split != "auto" else "table" if official else usual
        if split == "time":
            self._divide_time()
        elif split == "trials" and (shared := self._overlapping()):
            self.notes += (f"{shared} windows overlap the one before: trials of different parts may share samples; "
                           "split=time keeps them apart",)
        several = Counter(who for who, _ in set(zip(records.subject.tolist(), records.subset.tolist())))
        self.within_subject = max(several.values()) > 1 if official and split != "time" else split != "subjects"

    def _divide_time(self) -> None:
        """By the place of each record in its file; what crosses from one part into the next is left out."""
        limits = np.array([part_limits(total) for total in self._totals])[self._file]
        end = self._start + self.records.length
        part = (self._start[:, None] >= limits).sum(axis=1)
        rows = np.flatnonzero((end[:, None] > limits).sum(axis=1) == part)
        if len(rows) < len(part):
            self.notes += (f"{len(part) - len(rows)} records cross from one part into the next: left out",)
        if not len(rows):
            raise UserError("split=time: every record crosses from one part of its file into the next",
                            "the recordings are too short to be divided: split=trials or split=subjects")
        self.records, self._file, self._start = self.records.take(rows), self._file[rows], self._start[rows]
        self.records.subset = np.array(PARTS)[part[rows]]

    def _overlapping(self) -> int:
        """Records that begin before the one before them in the same file ends."""
        order = np.lexsort((self._start, self._file))
        start, file, length = self._start[order], self._file[order], self.records.length[order]
        return int(((start[1:] < start[:-1] + length[:-1]) & (file[1:] == file[:-1])).sum())

    # ------------------------------------------------------------------------------------------ signals
    def read_range(self, row: int, low: int, high: int) -> np.ndarray:
        length = int(self.records.length[row])
        if length > KEPT_WINDOWS * self.spec.samples:  # of a long recording only what is asked for
            return self._placed(row, low, high)
        whole = self._cache.get(row, lambda row: self._placed(row, 0, length))
        return np.ascontiguousarray(whole[:, low:high])

    def _placed(self, row: int, low: int, high: int) -> np.ndarray:
        """Samples [low, high) of a record in the channels that a model sees, NaN where its file lacks one."""
        number, start = int(self._file[row]), int(self._start[row])
        signal, places = self._derived(number, start + low, start + high), self.layout.places[number]
        if self.layout.is_plain(number):
            return signal
        full = np.full((len(self.layout.names), signal.shape[1]), np.nan, np.float32)
        full[places[places >= 0]] = signal[places >= 0]
        return full

    def _derived(self, number: int, low: int, high: int) -> np.ndarray:
        """Samples [low, high), at the rate that a model sees, of a file's derived channels: float32."""
        file, window = self.files[number], replace(self._between[number], samples=high - low)
        total, rate = file.header.samples, file.header.rate_hz
        first, last, begin = window.span(total, low)
        margin = round(NOTCH_MARGIN_S * rate) if self.config.notch_hz else 0
        before = min(margin, first)
        signal = read_range(file.source.path, file.montage.picks, first - before, min(last + margin, total))
        signal = signal * (unit_factor("V", self._unit) or 1.0)
        if file.montage.matrix is not None:
            signal = file.montage.matrix @ signal
        signal = without_mains(signal, rate, self.config.notch_hz)[:, before:before + last - first]
        level = signal.mean(axis=1, keepdims=True)  # else the step to zero at the end of a file rings in the resampling
        return window.cut((signal - level).astype(np.float32), begin) + level.astype(np.float32)

    def content_hash(self, row: int) -> str | None:
        """Of three pieces of the file and the record's place in it: a copy is seen whatever its name and header."""
        path = self.files[int(self._file[row])].source.path
        return f"{_pieces(path, path.stat().st_mtime_ns)} {self._start[row]} {self.records.length[row]}"

    # -------------------------------------------------------------------------------------------- words
    def _steps(self) -> list[str]:
        reference = {"none": [], "average": ["average reference of the good channels"],
                     "bipolar": ["bipolar: neighbouring contacts of a shaft"]}[self.config.reference]
        return reference + [f"notch at {line:g} Hz (Q {NOTCH_Q}, zero phase)" for line in self.config.notch_hz]

    def _file_notes(self) -> list[str]:
        rates = Counter(file.header.rate_hz for file in self.files)
        notes = [f"{count} files resampled from {rate:g} to {self._rate:g} Hz"
                 for rate, count in rates.most_common() if rate != self._rate]
        bad = sum(int(file.montage.bad.sum()) for file in self.files)
        state = "masked" if self.config.bad_channels == "mask" else "left out"
        return notes + ([f"{bad} channels of {len(self.files)} files are marked bad: {state}"] if bad else [])


def without_mains(signal: np.ndarray, rate_hz: float, lines_hz: tuple[float, ...]) -> np.ndarray:
    """(channels, samples) without these frequencies (those below half the rate), filtered forwards and backwards."""
    if not any(line < rate_hz / 2 for line in lines_hz):
        return signal
    from scipy.signal import filtfilt, iirnotch

    for line in lines_hz:
        if line < rate_hz / 2:
            b, a = iirnotch(line, NOTCH_Q, rate_hz)
            signal = filtfilt(b, a, signal, axis=1, padlen=min(round(rate_hz), signal.shape[1] - 1))
    return signal


@lru_cache(maxsize=4096)
def _pieces(path: Path, changed: int) -> str:
    """A digest of some of the file's bytes, and its size."""
    size, digest = path.stat().st_size, hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        for share in PIECES:
            stream.seek(int(size * share))
            digest.update(stream.read(HASHED))
    return f"{digest.hexdigest()} {size}"
