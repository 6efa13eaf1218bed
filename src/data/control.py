"""Negative controls: the same data set with its training labels permuted, or with noise in place of every signal.

What learns from these has found a leak.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from src.data.dataset import BaseDataset
from src.data.signal import Sample


class _Controlled(BaseDataset):
    """The same records; `read` is changed by a subclass."""

    def __init__(self, dataset: BaseDataset, seed: int, note: str):
        self.inner, self.seed = dataset, seed
        self.records, self.spec, self.target = copy.copy(dataset.records), dataset.spec, dataset.target
        self.source, self.notes = dataset.source, (*dataset.notes, note)
        self.within_subject = dataset.within_subject

    def content_hash(self, row: int) -> str | None:
        return self.inner.content_hash(row)


class _Permuted(_Controlled):
    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        return [replace(sample, label=self.records.label[row]) for sample in self.inner.read(row, rng)]


class _Noise(_Controlled):
    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        noise = np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, row])))
        return [replace(sample, signal=noise.standard_normal(sample.signal.shape, dtype=np.float32))
                for sample in self.inner.read(row, rng)]


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
