"""The records of Du-IN's release as a table, and their signals: word trials, or unlabelled recordings.

Both leave the signals in their files until a part of them is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from src.data.readers.npz import read_npy
from src.data.sets.duin_layout import EXAMPLE, Info, Layout, Run, read_info, read_run
from src.data.units import unit_factor
from src.errors import UserError

UNIT, STANDARDISED = "uV", "sd"  # of trials, and of unlabelled recordings: in standard deviations


class DuinRecords(ABC):
    """Columns with one entry per record, and what each of its files says of its channels."""

    unit: str

    def __init__(self) -> None:
        self.names: list[str] = []
        self.subjects: list[str] = []
        self.words: list[str] = []
        self.lengths = np.zeros(0, np.int64)  # samples as recorded
        self.source = np.zeros(0, np.int64)  # run, or file of `info`, of each record: index into `infos`
        self.infos: list[Info] = []
        self.factors: list[float] = []  # what turns the numbers of each source into `unit`
        self.orders: list[list[int]] = []

    @abstractmethod
    def stored(self, row: int) -> np.ndarray:
        """(all channels, samples) as stored: a view of the file."""

    def channels(self, subject: str) -> tuple[str, ...]:
        """All channels of a subject, as its first file has them."""
        return self.infos[int(self.source[self.subjects.index(subject)])].channels

    def choose(self, names: dict[str, tuple[str, ...]]) -> None:
        """Use these channels of each subject. Raises UserError for a file that lacks one."""
        subject_of = dict(zip(self.source.tolist(), self.subjects))
        self.orders = [info.order(names[subject_of[number]]) for number, info in enumerate(self.infos)]

    def first(self, row: int) -> np.ndarray:
        """(samples,) of the first chosen channel, as stored."""
        return self.stored(row)[self.orders[int(self.source[row])][0]]

    def cut(self, row: int, low: int = 0, high: int | None = None) -> np.ndarray:
        """Samples [low, high) of the chosen channels: (channels, samples) float64 in the unit of these records."""
        source = int(self.source[row])
        return self.stored(row)[self.orders[source], low:high].astype(np.float64) * self.factors[source]


class Trials(DuinRecords):
    """Every trial of every run, in the order of the files. `unit` counts where a file does not say its own."""

    unit = UNIT

    def __init__(self, layout: Layout, subjects: tuple[str, ...], version: str, unit: str):
        super().__init__()
        self.folders: list[Path] = []
        self._open: dict[int, Run] = {}
        places, lengths, sources = [], [], []
        for subject in subjects:
            runs = layout.runs(subject, version)
            if not runs:
                raise UserError(f"{layout.recordings / subject}: no run has data and info of {version} trials", EXAMPLE)
            for folder in runs:
                run = self._open[len(self.folders)] = read_run(folder)
                trials, name = len(run.words), folder.parent.name
                sources += [len(self.folders)] * trials
                self.folders.append(folder)
                self.infos.append(run.info)
                self.factors.append(unit_factor(run.info.unit or unit or "V", UNIT) or 1.0)
                self.names += [f"sub-{subject}_{name}_trial-{number:04d}" for number in range(trials)]
                self.subjects += [subject] * trials
                self.words += run.words
                places += range(trials)
                lengths += [signal.shape[1] for signal in run.signals]
        self.source, self.lengths, self._place = (np.array(values, np.int64) for values in (sources, lengths, places))

    def stored(self, row: int) -> np.ndarray:
        source = int(self.source[row])
        if source not in self._open:
            self._open[source] = read_run(self.folders[source])
        return self._open[source].signals[int(self._place[row])]

    def __getstate__(self) -> dict[str, Any]:
        """Worker processes map the files themselves."""
        return {**self.__dict__, "_open": {}}


class Recordings(DuinRecords):
    """Every unlabelled recording: an array (2, channels, samples) whose first part is the signal, standardised."""

    unit = STANDARDISED

    def __init__(self, layout: Layout, subjects: tuple[str, ...]):
        super().__init__()
        self.files: list[Path] = []
        lengths, sources = [], []
        for number, subject in enumerate(subjects):
            info_path, files = layout.pretraining(subject)
            info = read_info(info_path)
            self.infos.append(info)
            self.factors.append(1.0)
            for path in files:
                lengths.append(_check_recording(path, len(info.channels)))
                name = path.relative_to(info_path.parent).with_suffix("").as_posix()
                self.names.append(f"sub-{subject}_{name}")
            sources += [number] * len(files)
            self.files += files
            self.subjects += [subject] * len(files)
        self.words = [""] * len(self.files)
        self.source, self.lengths = np.array(sources, np.int64), np.array(lengths, np.int64)

    def stored(self, row: int) -> np.ndarray:
        return read_npy(self.files[row])[0]


def _check_recording(path: Path, channels: int) -> int:
    """Its samples; UserError where it is no array (2, channels, samples) of numbers."""
    signal = read_npy(path)
    if signal.ndim != 3 or signal.dtype.kind not in "iuf" or signal.shape[1] != channels:
        raise UserError(f"{path}: an array (2, {channels} channels, samples) is expected, found "
                        f"{signal.dtype}{signal.shape}", "its channels are those that info names")
    return signal.shape[2]
