"""Simulated sEEG in the layout of Du-IN's release, so that its scripts and our data set `duin` can read it.

Run 1 of a subject holds the repetitions for training and validation, run 2 those for testing. Records are
`types.SimpleNamespace`, which any Python unpickles; the second signal repeats the first. Unlabelled stretches are
standardised per channel, as the original expects them. What the release lacks and is ignored there: the unit in `info`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from src.data.sets.duin_channels import CHANNELS
from src.data.sets.duin_layout import PRETRAIN, RATE_HZ, RECORDINGS, WORDS
from src.data.simulated.seeg import SimulatedSEEG, subject_name
from src.errors import UserError
from src.interop.pickle_writer import NAMESPACE, write_pickle


def write_duin(dataset: SimulatedSEEG, folder: Path, limit: int | None) -> int:
    """The first `limit` trials and stretches of each subject below `folder`; returns how many trials.

    Raises UserError where the data are not at the rate of the release.
    """
    if dataset.config.rate_hz != RATE_HZ:
        raise UserError(f"rate_hz={dataset.config.rate_hz}: Du-IN's recordings have {RATE_HZ} Hz",
                        f"leave it out, or --dataset_args rate_hz={RATE_HZ}")
    dataset = SimulatedSEEG(replace(dataset.config, task="words"))  # all there is
    written = 0
    for subject in range(dataset.config.subjects):
        name = subject_name(subject)
        place = folder / "data" / RECORDINGS / name
        rows = np.flatnonzero(dataset.records.subject == name)[:limit]
        tested = dataset.records.subset[rows] == "test"
        for run, chosen in (("run1", rows[~tested]), ("run2", rows[tested])):
            if len(chosen):
                _write_run(dataset, place / WORDS / run / "dataset.bipolar.default.unaligned", name, chosen)
        _write_stretches(dataset, place / PRETRAIN, name, subject, limit)
        written += len(rows)
    return written


def _write_run(dataset: SimulatedSEEG, folder: Path, name: str, rows: np.ndarray) -> None:
    write_pickle(folder / "info", {"ch_names": _channels(dataset, name), "unit": dataset.spec.unit}, NAMESPACE)
    write_pickle(folder / "data", _trials(dataset, rows), NAMESPACE)


def _trials(dataset: SimulatedSEEG, rows: np.ndarray) -> Iterator[dict]:
    for row in rows.tolist():
        signal = dataset.recording(row).signal
        yield {"name": dataset.target.names[dataset.records.label[row]], "data_s": signal, "data_n": signal}


def _write_stretches(dataset: SimulatedSEEG, folder: Path, name: str, subject: int, limit: int | None) -> None:
    for index in range(dataset.config.stretches)[:limit]:
        signal = standardised(dataset.stretch(subject, index).signal)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"stretch-{index:05d}.npy", np.stack([signal, signal]), allow_pickle=False)
    if folder.is_dir():
        write_pickle(folder / "info", {"ch_names": _channels(dataset, name), "unit": "sd"}, NAMESPACE)


def standardised(signal: np.ndarray) -> np.ndarray:
    """(channels, samples) -> z-score of each channel, float32."""
    return ((signal - signal.mean(1, keepdims=True)) / signal.std(1, keepdims=True)).astype(np.float32)


def _channels(dataset: SimulatedSEEG, name: str) -> list[str]:
    """The published names where as many channels are simulated: the original's scripts ask for these."""
    published = CHANNELS.get(name, ())
    return list(published if len(published) == dataset.config.channels else dataset.spec.channels)
