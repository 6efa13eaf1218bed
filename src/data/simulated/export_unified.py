"""Simulated ECG as the raw files of the ECG tensor pipeline: three data sets in folders of their own, and the table
`logs/unified_label_mapping.csv` (dataset, record_id, mapped_label) beside them.

ptb-xl holds WFDB records, chapman MAT files with headers, CinC2017 MAT files of one lead without header, as people
mix them; names in the table are written as people write them, with folder or without, with either slash.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from src.data.signal import Recording
from src.data.simulated.ecg import SimulatedECG
from src.data.simulated.wfdb_files import write_mat, write_wfdb

FINDINGS = {"MI": "MI", "AF": "AF", "LBBB": "BBB", "RBBB": "BBB", "NORM": "NORM"}  # the first that a record has counts
TABLE = "logs/unified_label_mapping.csv"


def write_loose_mat(recording: Recording, folder: Path) -> None:
    """<name>.mat alone: `val` (1, samples) int16 of lead I in uV, and the rate `fs`."""
    from scipy.io import savemat

    signal = np.rint(recording.signal[:1] * 1000).astype(np.int16)
    savemat(folder / f"{recording.name}.mat", {"val": signal, "fs": recording.sampling_rate_hz})


SETS: tuple[tuple[str, str, Callable[[Recording, Path], None], str], ...] = (  # data set, folder, writer, name in table
    ("ptb-xl", "rec00", write_wfdb, "rec00\\{}.hea"),
    ("chapman", "", write_mat, "{}"),
    ("CinC2017", "training", write_loose_mat, "{}"),
)


def write_unified(dataset: SimulatedECG, folder: Path, limit: int | None) -> int:
    """The first `limit` records in turn to the three sets; every tenth is not in the table."""
    rows = []
    for row in range(len(dataset))[:limit]:
        recording, (name, below, write, written) = dataset.recording(row), SETS[row % len(SETS)]
        place = folder / name / below
        place.mkdir(parents=True, exist_ok=True)
        write(recording, place)
        if row % 10 != 9:
            rows.append((name, written.format(recording.name), unified_label(recording.metadata["labels"])))
    table = folder / TABLE
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("dataset", "record_id", "mapped_label"), *rows])
    return len(range(len(dataset))[:limit])


def unified_label(labels: list[str]) -> str:
    return next((name for finding, name in FINDINGS.items() if finding in labels), "OTHER")
