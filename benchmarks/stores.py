"""Samples per second of a shuffled loader over a prepared folder: shards against npz.

    python benchmarks/stores.py [--records 512] [--rounds 5] [--workers 0 2]

Recordings of 12 leads, 5000 samples at 500 Hz, prepared by prepare.py into both stores; shuffled batches of 32, an
epoch of each in turns, median of the rounds. npz is read by our loader and, as "plain", by what one would write without
it: `np.load` in a Dataset and torch's own DataLoader.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.preparation import prepare, write_raw
from src.data.loaders import SignalLoader, make_loader
from src.data.prepared import PreparedDataset

BATCH = 32


def loader(folder: Path, workers: int, **options) -> SignalLoader:
    dataset = PreparedDataset(PreparedDataset.Config(**options), folder)
    return make_loader(dataset, np.arange(len(dataset)), batch_size=BATCH, train=True, num_workers=workers)


class PlainNpz(Dataset):
    """Signals and labels of a folder of npz files."""

    def __init__(self, folder: Path):
        self.files = sorted((folder / "records").glob("*.npz"))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(np.load(self.files[row])["signal"]), row


def plain(folder: Path, workers: int) -> DataLoader:
    return DataLoader(PlainNpz(folder), batch_size=BATCH, shuffle=True, num_workers=workers,
                      persistent_workers=workers > 0)


def one_epoch(batches: DataLoader, epoch: int) -> tuple[float, float]:
    """Samples per second of the clock, and per second of process time (of this process and the workers)."""
    if isinstance(batches, SignalLoader):
        batches.set_position(epoch)
    began, used = time.perf_counter(), process_seconds(batches)
    seen = sum(len(batch[0]) if isinstance(batch, list) else len(batch) for batch in batches)
    return seen / (time.perf_counter() - began), seen / max(process_seconds(batches) - used, 1e-3)


def process_seconds(batches: DataLoader) -> float:
    """Since the start; of the workers in hundredths."""
    workers = batches._iterator._workers if batches._iterator is not None and batches.num_workers else []
    ticks = [sum(map(int, Path(f"/proc/{worker.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
             for worker in workers]
    return time.process_time() + sum(ticks) / 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2])
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        write_raw(raw, args.records, 500)
        prepare(raw, Path(folder) / "npz", "npz", 1, [])
        prepare(raw, Path(folder) / "shards", "shards", 2, [])
        prepare(raw, Path(folder) / "float32", "shards", 2, ["dtype=float32"])
        print("samples/s; in brackets times plain, times npz; then the same of process time\n\n"
              "| workers | plain npz | npz | shards int16 | shards float32 | process time int16 | float32 |\n"
              "| --- | --- | --- | --- | --- | --- | --- |")
        for workers in args.workers:
            loaders: dict[str, DataLoader] = {"plain": plain(Path(folder) / "npz", workers)}
            loaders |= {name: loader(Path(folder) / name, workers) for name in ("npz", "shards", "float32")}
            rates: dict[str, list[tuple[float, float]]] = {name: [] for name in loaders}
            for epoch in range(args.rounds + 1):
                for name, batches in loaders.items():
                    rates[name].append(one_epoch(batches, epoch))
            rates = {name: found[1:] for name, found in rates.items()}  # the first starts workers and maps files
            middle = {name: median(wall for wall, _ in found) for name, found in rates.items()}
            times = {(name, clock): f"{ratio(rates, name, 'plain', clock):.1f} {ratio(rates, name, 'npz', clock):.1f}"
                     for name in ("shards", "float32") for clock in (0, 1)}
            print(f"| {workers} | {middle['plain']:.0f} | {middle['npz']:.0f} | "
                  f"{middle['shards']:.0f} ({times['shards', 0]}) | {middle['float32']:.0f} ({times['float32', 0]}) | "
                  f"{times['shards', 1]} | {times['float32', 1]} |", flush=True)
            for batches in loaders.values():
                if isinstance(batches, SignalLoader):
                    batches.close()


def ratio(rates: dict[str, list[tuple[float, float]]], new: str, old: str, clock: int) -> float:
    return median(after[clock] / before[clock] for before, after in zip(rates[old], rates[new]))


if __name__ == "__main__":
    main()
