"""`BaseDataset`: a table of records known without reading a signal, and `read`. Edit or subclass it for your own data.

A data set knows no model and draws nothing by itself: `read` gets the random generator of (seed, epoch, record).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from src.data.signal import Sample, SignalSpec, TargetSpec


@dataclass
class Records:
    """The table that splits, leak checks, census and samplers use. All columns have one row per record."""

    record: np.ndarray  # (n,) str, unique names
    subject: np.ndarray  # (n,) str; "" where the subject is unknown
    label: np.ndarray  # (n,) int64 class, (n, K) float32 multilabel (NaN where one is not known) or value
    subset: np.ndarray  # (n,) str: train, valid, test; "" where the split is not given
    length: np.ndarray  # (n,) int64 samples

    def __len__(self) -> int:
        return len(self.record)

    def take(self, rows: np.ndarray) -> Records:
        return Records(self.record[rows], self.subject[rows], self.label[rows], self.subset[rows], self.length[rows])


class BaseDataset(ABC):
    """Recordings with labels.

    Subclasses set `records`, `spec`, `target` in their constructor `__init__(self, config, data_path=None)`, where
    `config` is an instance of their frozen dataclass `Config` (every option with default and meaning; set by
    `--dataset_args key=value`), and implement `read`.
    """

    @dataclass(frozen=True)
    class Config:
        pass

    records: Records
    spec: SignalSpec
    target: TargetSpec
    source: str = ""  # one line for people: what these data are and where they come from
    licence: str = ""  # of the data, where it is known
    within_subject: bool = False  # True where each subject is decoded from other trials of the same subject
    info: dict[str, np.ndarray] = {}  # noqa: RUF012  column (age, sex, device) -> (n,) str, "" where unknown
    labelled: bool = True  # False where `records.label` holds nothing: such records are predicted, not judged
    protocol: str = ""  # the benchmark whose numbers are told beside ours; its name in src/evaluation/protocols
    notes: tuple[str, ...] = ()  # what was converted, left out or assumed; printed with the census
    room: np.ndarray | None = None  # of a batch: `read` may make its first signal there instead of in new memory

    @abstractmethod
    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        """Record `row` as one sample, or as several views of it: the two and more of a pair, or (where `rng` is None,
        nothing may be random) its windows in evaluation, whose predictions are aggregated per record."""

    @classmethod
    def options_for(cls, subjects: Sequence[str]) -> dict[str, Any]:
        """Options that bring these subjects among the records, where something must be said for it (`--subjs`)."""
        return {"subjs": tuple(subjects)} if "subjs" in {field.name for field in fields(cls.Config)} else {}

    @property
    def subsets(self) -> tuple[str, ...]:
        """The names of the official parts, in order of first appearance; empty when the data carry no split."""
        return tuple(dict.fromkeys(name for name in self.records.subset.tolist() if name))

    @property
    def subjects(self) -> list[str]:
        """Distinct subjects, sorted: `Batch.subject` indexes this list."""
        return sorted(set(self.records.subject.tolist()))

    def channels_of(self, subject: str) -> tuple[str, ...]:
        """The names of a subject's own channels, in order; what is behind them in its signals is padding."""
        return self.spec.channels

    def content_hash(self, row: int) -> str | None:
        """A digest of the record's bytes for the leak check, or None where equal records cannot occur."""
        return None

    def __len__(self) -> int:
        return len(self.records)
