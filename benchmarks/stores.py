"""Samples per second of a shuffled loader over a prepared folder: npz against shards.

    python benchmarks/stores.py [--records 512] [--rounds 5] [--workers 0 2]

Recordings of 12 leads, 5000 samples at 500 Hz, prepared by prepare.py into both stores; batches of 32 through the same
loader, an epoch of each in turns, median of the rounds.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.preparation import prepare, write_raw
from src.data.loaders import SignalLoader, make_loader
from src.data.prepared import PreparedDataset

BATCH = 32


def loader(folder: Path, workers: int, **options) -> SignalLoader:
    dataset = PreparedDataset(PreparedDataset.Config(**options), folder)
    return make_loader(dataset, np.arange(len(dataset)), batch_size=BATCH, train=True, num_workers=workers)


def one_epoch(batches: SignalLoader, epoch: int) -> tuple[float, float]:
    """Samples per second of the clock, and per second of process time (of this process and the workers)."""
    batches.set_position(epoch)
    began, used = time.perf_counter(), process_seconds(batches)
    seen = sum(len(batch) for batch in batches)
    return seen / (time.perf_counter() - began), seen / max(process_seconds(batches) - used, 1e-3)


def process_seconds(batches: SignalLoader) -> float:
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
        print("| workers | npz, samples/s | shards int16 | ratio | shards float32 | ratio | ratios of process time |\n"
              "| --- | --- | --- | --- | --- | --- | --- |")
        for workers in args.workers:
            loaders = {name: loader(Path(folder) / name, workers) for name in ("npz", "shards", "float32")}
            rates: dict[str, list[tuple[float, float]]] = {name: [] for name in loaders}
            for epoch in range(args.rounds + 1):
                for name, batches in loaders.items():
                    rates[name].append(one_epoch(batches, epoch))
            rates = {name: found[1:] for name, found in rates.items()}  # the first starts workers and maps files
            middle = {name: median(wall for wall, _ in found) for name, found in rates.items()}
            ratio = {(name, clock): median(new[clock] / old[clock] for old, new in zip(rates["npz"], rates[name]))
                     for name in ("shards", "float32") for clock in (0, 1)}
            print(f"| {workers} | {middle['npz']:.0f} | {middle['shards']:.0f} | {ratio['shards', 0]:.1f} | "
                  f"{middle['float32']:.0f} | {ratio['float32', 0]:.1f} | "
                  f"{ratio['shards', 1]:.1f}, {ratio['float32', 1]:.1f} |", flush=True)
            for batches in loaders.values():
                batches.close()


if __name__ == "__main__":
    main()
