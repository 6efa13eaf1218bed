"""Samples per second of the data path against the usual one (a compressed npz per record in a plain torch data set).

    python benchmarks/loader.py [--records 256] [--workers 0 2]

Each line: recordings of 12 x 5000 samples read, normalised and collated in batches of 32; best of three epochs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from src.data.arrays import ArraysDataset
from src.data.loaders import make_loader
from src.data.normalize import Normalizer

CHANNELS, SAMPLES, BATCH = 12, 5000, 32


class CompressedFiles(Dataset):
    """What most projects do: np.load of a compressed file per record, z-score, default collation."""

    def __init__(self, files: list[Path], labels: np.ndarray):
        self.files, self.labels = files, labels

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        signal = np.load(self.files[row])["signal"].astype(np.float32)
        signal = (signal - signal.mean(axis=1, keepdims=True)) / (signal.std(axis=1, keepdims=True) + 1e-8)
        return torch.from_numpy(signal), int(self.labels[row])


def write(folder: Path, records: int) -> np.ndarray:
    """The same smooth signals as float32, int16 with a scale, and one compressed file per record; gives the labels."""
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((records, CHANNELS, SAMPLES), dtype=np.float32)
    stored = (np.cumsum(steps, axis=2) * 10).astype(np.int16)
    label = np.arange(records) % 5
    common = {"label": label, "fs": 500.0, "unit": "mV"}
    np.savez(folder / "int16.npz", signal=stored, scale=0.001, **common)
    np.savez(folder / "float32.npz", signal=(stored * np.float32(0.001)), **common)
    (folder / "files").mkdir()
    for number, signal in enumerate(stored):
        np.savez_compressed(folder / "files" / f"{number:05d}.npz", signal=signal * np.float32(0.001))
    return label


def samples_per_second(loader: DataLoader, records: int) -> float:
    best = float("inf")
    for _ in range(4):  # the first epoch starts workers and fills the page cache
        begin = time.perf_counter()
        for batch in loader:
            signal = batch.signal if hasattr(batch, "signal") else batch[0]
            assert signal.shape[1:] == (CHANNELS, SAMPLES)
        best = min(best, time.perf_counter() - begin)
    return records / best


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=256)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    given = parser.parse_args(argv)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        label = write(folder, given.records)
        rows = np.arange(given.records)
        for workers in given.workers:
            plain = CompressedFiles(sorted((folder / "files").iterdir()), label)
            usual = DataLoader(plain, batch_size=BATCH, shuffle=True, num_workers=workers,
                               persistent_workers=workers > 0)
            base = samples_per_second(usual, given.records)
            print(f"compressed npz per record, {workers} workers: {base:8.0f} samples/s")
            for kind in ("float32", "int16"):
                dataset = ArraysDataset(ArraysDataset.Config(), folder / f"{kind}.npz")
                loader = make_loader(dataset, rows, batch_size=BATCH, train=True, num_workers=workers,
                                     normalizer=Normalizer.fit("channel", dataset, rows[:32]))
                ours = samples_per_second(loader, given.records)
                print(f"SignalLoader, arrays {kind}, {workers} workers: {ours:8.0f} samples/s ({ours / base:.1f} x)")


if __name__ == "__main__":
    main()
