"""Folders as fairseq-signals and DeepECG-SSL write them, of random records that differ by their number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

RATE, SAMPLES = 100, 200
PARTS = ("train", "valid", "test")


def signal(number: int, samples: int = SAMPLES) -> np.ndarray:
    """(12, samples) float64."""
    return np.random.default_rng(number).standard_normal((12, samples))


def labels(count: int, width: int = 3) -> np.ndarray:
    """(count, width) of 0 and 1, all columns different."""
    return (np.arange(count)[:, None] >> np.arange(width) & 1).astype(bool)


def record(path: Path, number: int, **more: Any) -> Path:
    """One record; `more` adds or replaces entries."""
    savemat(path, {"feats": signal(number), "curr_sample_rate": RATE, "idx": number, "patient_id": number} | more)
    return path


def write_manifests(folder: Path, count: int = 12, label_file: bool = True, **more: Any) -> Path:
    """train.tsv (half of the records), valid.tsv, test.tsv, y.npy with label_def.csv."""
    (folder / "mats").mkdir(parents=True)
    for number in range(count):
        record(folder / "mats" / f"r{number}.mat", number, **more)
    bounds = [0, count // 2, 3 * count // 4, count]
    for part, low, high in zip(PARTS, bounds, bounds[1:]):
        lines = [f"r{number}.mat\t{SAMPLES}" for number in range(low, high)]
        (folder / f"{part}.tsv").write_text("\n".join([str((folder / "mats").resolve()), *lines]) + "\n")
    if label_file:
        np.save(folder / "y.npy", labels(count))
        (folder / "label_def.csv").write_text("name,pos_count_all\nAF,1\nLBBB,2\nSTTC,3\n")
        (folder / "pos_weight.txt").write_text("[1.500000,2.000000,0.500000]\n")
    return folder


def write_pairs(folder: Path, count: int = 8) -> Path:
    """The same as neighbouring segments."""
    (folder / "mats").mkdir(parents=True)
    for number in range(count):
        for segment in (0, 1):
            record(folder / "mats" / f"r{number}_{segment}.mat", 2 * number + segment, idx=number)
    for part, low, high in zip(PARTS, (0, count - 4, count - 2), (count - 4, count - 2, count)):
        lines = [f"r{number}\t{SAMPLES}\t0\t0,1" for number in range(low, high)]
        (folder / f"{part}.tsv").write_text("\n".join([str((folder / "mats").resolve()), "mat", *lines]) + "\n")
    return folder


def write_people(folder: Path, people: int = 6, parts: tuple[str, ...] = ("valid", "test")) -> Path:
    """train.tsv of two records for each of three people, and a gallery and probes of strangers for each of `parts`.
    A record is its person's signal and some noise."""
    (folder / "mats").mkdir(parents=True)
    lists: dict[str, list[str]] = {"train": []}
    strangers = [(part, range(100 * place, 100 * place + people)) for place, part in enumerate(parts, 1)]
    for part, persons in [("train", range(3)), *strangers]:
        for person in persons:
            for take in (0, 1):
                name = f"{part}_{person}_{take}.mat"
                noisy = signal(person) + 0.05 * np.random.default_rng(take).standard_normal((12, SAMPLES))
                record(folder / "mats" / name, person, feats=noisy)
                line = f"{name}\t{SAMPLES}\t{person}" if part == "train" else f"{name}\t{SAMPLES}"
                lists.setdefault(part if part == "train" else f"{part}_{('gallery', 'probe')[take]}", []).append(line)
    for name, lines in lists.items():
        (folder / f"{name}.tsv").write_text("\n".join([str((folder / "mats").resolve()), *lines]) + "\n")
    return folder


def write_visits(folder: Path, people: int = 30) -> Path:
    """train.tsv of two records for each of `people`."""
    (folder / "mats").mkdir(parents=True)
    visits = [(person, visit) for person in range(people) for visit in (0, 1)]
    for person, visit in visits:
        record(folder / "mats" / f"{person}_{visit}.mat", 2 * person + visit, patient_id=person)
    lines = [f"{person}_{visit}.mat\t{SAMPLES}" for person, visit in visits]
    (folder / "train.tsv").write_text("\n".join([str((folder / "mats").resolve()), *lines]) + "\n")
    return folder


def write_arrays(folder: Path, count: int = 6, *more: str) -> Path:
    """x.npy (count, samples, 12, 1) of whole numbers, y.npy, and train.tsv that describes them."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = np.stack([signal(number).T for number in range(count)])[..., None] * 200
    np.save(folder / "x.npy", counts.astype(np.float32))
    np.save(folder / "y.npy", labels(count).astype(np.float32))
    lines = ["x_path:x.npy", f"x_shape:({SAMPLES}, 12, 1)", "y_path:y.npy", *more]
    (folder / "train.tsv").write_text("\n".join(lines))
    return folder


def write_frame(folder: Path, count: int = 4, suffix: str = ".csv") -> Path:
    """A table of npy_path, afib, LVEF, and train.tsv that describes it."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(count):
        np.save(folder / f"{number}.npy", (signal(number).T * 200).astype(np.float32))
        rows.append((f"{number}.npy", number % 2, 50.5 + number))
    if suffix == ".csv":
        lines = ["npy_path,afib,LVEF", *(",".join(map(str, row)) for row in rows)]
        (folder / "table.csv").write_text("\n".join(lines))
    else:
        import pyarrow
        from pyarrow import parquet

        columns = dict(zip(("npy_path", "afib", "LVEF"), map(list, zip(*rows))))
        parquet.write_table(pyarrow.table(columns), folder / "table.parquet")
    about = [f"x_path:table{suffix}", "x_shape:(200, 12)", "y_labels:['afib']", "scale:0.00488"]
    (folder / "train.tsv").write_text("\n".join(about))
    return folder
