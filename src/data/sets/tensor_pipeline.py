"""`--dataset tensor_pipeline`: a folder that the ECG tensor pipeline itself wrote (records/*.npz, splits.json, ...).

It says neither rate nor lead nor unit: they are what its code does (the mean of the leads at 500 Hz, z-scored), and
`rate_hz` says otherwise. What prepare.py made with --layout tensor_pipeline is a prepared folder, see
`src/data/prepared.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from src.data.dataset import Records
from src.data.prepare.options import ANY_UNIT, MEAN, PrepareConfig, describe, to_plain, unit_after
from src.data.prepare.vector_store import VectorReader
from src.data.readers.npz import read_npz
from src.data.recorded import RecordedConfig, RecordedDataset
from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.interop.layouts.tensor_pipeline import RECORDS, SPLITS, items_of

LABEL_MAP = "label_map.json"


class TensorPipelineDataset(RecordedDataset):
    """The parts are those of its splits.json; a record that it lists twice counts in its first part alone."""

    @dataclass(frozen=True)
    class Config(RecordedConfig):
        rate_hz: float = 500.0  # sampling rate of the stored signals

    config: Config
    gaps = False

    def __init__(self, config: Config | None = None, data_path: str | Path | None = None):
        self.config = config or self.Config()
        self.path = Path(data_path or "")
        names = _classes(self.path / LABEL_MAP)
        self.target = TargetSpec("classes", names)
        listed = [(part, item) for part, items in items_of(self.path / SPLITS).items() for item in items]
        first = {PurePosixPath(item["path"]).stem: (part, item) for part, item in reversed(listed)}
        files = list(first)[::-1]
        label = np.array([first[name][1]["label"] for name in files], np.int64)
        self._check(first, label)
        lengths = np.zeros(len(files), np.int64)
        self._signals = VectorReader(self.path / RECORDS, 1, files, lengths)  # UserError for files that are not there
        samples = read_npz(self.path / RECORDS / f"{files[0]}.npz", "signal").size
        lengths[:] = samples
        self.records = Records(np.array(files), np.full(len(files), ""), label,
                               np.array([first[name][0] for name in files]), lengths.copy())
        self.info = {"source": np.array([first[name][1]["dataset"] for name in files])}
        twice = len(listed) - len(files)
        self.notes = (f"{twice} records are listed more than once: each is used in its first part alone",) \
            if twice else ()
        self._describe(samples)

    def _check(self, first: dict, label: np.ndarray) -> None:
        if not first:
            raise UserError(f"{self.path / SPLITS} lists no record", "process the recordings again")
        wrong = [item["path"] for _, item in first.values()
                 if PurePosixPath(item["path"]).parent.name != RECORDS or ".." in item["path"]]
        if wrong:
            raise UserError(f"{self.path / SPLITS}: {wrong[0]} is not a file of {RECORDS}/")
        if not ((label >= 0) & (label < self.target.outputs)).all():
            raise UserError(f"{self.path / SPLITS}: labels beyond the {self.target.outputs} of {LABEL_MAP}")
        if self.config.classes and self.config.classes != self.target.names:
            raise UserError(f"{self.path} has the classes {', '.join(self.target.names)}",
                            f"expected: {', '.join(self.config.classes)}")

    def _describe(self, samples: int) -> None:
        rate = self.config.rate_hz
        done = PrepareConfig(leads=(MEAN,), unit=ANY_UNIT, resample_hz=rate, resampling="fourier", scale="zscore32",
                             samples=samples)
        unit = unit_after(done, "")
        if self.config.channels not in ((), (MEAN,)) or self.config.to_unit not in ("", unit):
            raise UserError(f"{self.path} has one channel, {MEAN}, in {unit}")
        self._arrange(np.full(len(self.records), rate), (MEAN,), unit)
        self.spec: SignalSpec = replace(self.spec, steps=describe(done), resampling="fourier",
                                        preparation=to_plain(done))
        self.source = f"{self.path}, processed by the ECG tensor pipeline"
        self.protocol = "tensor_pipeline"

    def read_range(self, row: int, low: int, high: int) -> np.ndarray:
        return self._signals.read(row, low, high)

    def content_hash(self, row: int) -> str | None:
        return self._signals.digest(row)


def _classes(path: Path) -> tuple[str, ...]:
    try:
        return tuple(str(name) for name in json.loads(path.read_text(encoding="utf-8"))["label_order"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no label_order ({type(error).__name__}: {error})",
                        "it is written by the ECG tensor pipeline beside splits.json") from error
