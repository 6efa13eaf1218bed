"""`SimulatedIdentity`: whose ECG is it? People who were recorded before, in another recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.data.dataset import BaseDataset, Records
from src.data.signal import Sample, TargetSpec
from src.data.simulated.checks import check_no_path
from src.data.simulated.ecg import SimulatedECG


class SimulatedIdentity(BaseDataset):
    """Halves of the recordings of `simulated_ecg`, of its patients with two and more. A patient's last recording is for
    validation (first half) and test (second half), those before it are for training."""

    @dataclass(frozen=True)
    class Config:
        patients: int = 200  # half of them have more than one recording
        rate_hz: int = 100
        difficulty: str = "default"
        seed: int = 0
        leads: str | tuple[str, ...] = "12"
        cache_mb: int = 256

    within_subject = True

    def __init__(self, config: Config | None = None, data_path: str | None = None):
        check_no_path("simulated_identity", data_path)
        self.config = config = config or self.Config()
        self.inner = SimulatedECG(SimulatedECG.Config(
            patients=config.patients, rate_hz=config.rate_hz, difficulty=config.difficulty, seed=config.seed,
            leads=config.leads, views="adjacent", cache_mb=config.cache_mb))
        subject = self.inner.records.subject
        people, owner, count = np.unique(subject, return_inverse=True, return_counts=True)
        row = np.flatnonzero(count[owner] > 1)
        known = people[count > 1]
        is_last = np.append(subject[row][1:] != subject[row][:-1], True)
        subset = np.where(is_last[:, None], ["valid", "test"], ["train", "train"]).ravel()
        self.row, self.half = np.repeat(row, 2), np.tile([0, 1], len(row))
        names = [f"{self.inner.records.record[one]}_{half}" for one, half in zip(self.row, self.half, strict=True)]
        self.records = Records(np.array(names), subject[self.row], np.searchsorted(known, subject[self.row]), subset,
                               np.full(len(names), self.inner.spec.samples))
        self.spec = self.inner.spec
        self.target = TargetSpec("classes", tuple(known.tolist()))
        self.source = f"{self.inner.source}; halves of the recordings of {len(known)} people with several"

    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        """Half a record: (leads, samples) float32 in mV, and the number of its person."""
        halves = self.inner.read(int(self.row[row]), rng)
        return [Sample(halves[self.half[row]].signal, self.records.label[row])]
