"""A data set with something exchanged: its target by one that needs no labels, its signals by disturbed ones, or, as
negative controls, its training labels by permuted ones and every signal by noise. What learns from the controls has
found a leak.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from src.data.dataset import BaseDataset
from src.data.signal import Sample, TargetSpec
from src.data.transforms import augment_recorded
from src.data.transforms_recorded import RecordedTransform


class _Controlled(BaseDataset):
    """The same records; `read` is changed by a subclass."""

    def __init__(self, dataset: BaseDataset, seed: int = 0, *notes: str):
        self.inner, self.seed = dataset, seed
        self.records, self.spec, self.target = copy.copy(dataset.records), dataset.spec, dataset.target
        self.source, self.notes = dataset.source, (*dataset.notes, *notes)
        self.within_subject = dataset.within_subject
        self.info, self.protocol = dataset.info, dataset.protocol

    @property
    def subjects(self) -> list[str]:
        return self.inner.subjects

    def channels_of(self, subject: str) -> tuple[str, ...]:
        return self.inner.channels_of(subject)

    def content_hash(self, row: int) -> str | None:
        return self.inner.content_hash(row)


class _Permuted(_Controlled):
    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        return [replace(sample, label=self.records.label[row]) for sample in self.inner.read(row, rng)]


class _Retargeted(_Controlled):
    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        return self.inner.read(row, rng)


class _Noise(_Controlled):
    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        noise = np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, row])))
        return [replace(sample, signal=noise.standard_normal(sample.signal.shape, dtype=np.float32))
                for sample in self.inner.read(row, rng)]


class _Disturbed(_Controlled):
    """The records as a poorer recording would have them, the same at each reading."""

    change: RecordedTransform

    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        own = np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, row])))
        return [augment_recorded(sample, [self.change], own) for sample in self.inner.read(row, rng)]


def disturbed(dataset: BaseDataset, change: RecordedTransform, seed: int) -> BaseDataset:
    """Every signal as it is after `change`, before any normalisation."""
    found = _Disturbed(dataset, seed)
    found.change = change
    return found


def permute_labels(dataset: BaseDataset, rows: np.ndarray, seed: int) -> BaseDataset:
    """Labels of the training `rows` shuffled among them; validation and test keep theirs."""
    controlled = _Permuted(dataset, seed, "control: the labels of the training part are permuted")
    label = dataset.records.label.copy()
    label[rows] = label[np.random.default_rng([seed, len(rows)]).permutation(rows)]
    controlled.records.label = label
    return controlled


def with_noise(dataset: BaseDataset, seed: int) -> BaseDataset:
    """Every signal replaced by white noise of unit variance, the same at each reading."""
    return _Noise(dataset, seed, "control: every signal is replaced by noise")


def retargeted(dataset: BaseDataset, target: TargetSpec) -> BaseDataset:
    """The same records for a model that makes its target by itself. The labels stay in the table, so that the split is
    that of the labelled stages."""
    other = _Retargeted(dataset)
    other.target = target
    return other
