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


def one_epoch(batches: SignalLoader, epoch: int) -> float:
    """Samples per second."""
    batches.set_position(epoch)
    began = time.perf_counter()
    seen = sum(len(batch) for batch in batches)
    return seen / (time.perf_counter() - began)


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
        prepare(raw, Path(folder) / "npz", "npz", 2, [])
        prepare(raw, Path(folder) / "shards", "shards", 2, [])
        prepare(raw, Path(folder) / "float32", "shards", 2, ["dtype=float32"])
        print("| workers | npz, samples/s | shards int16 | ratio | shards float32 | ratio |\n"
              "| --- | --- | --- | --- | --- | --- |")
        for workers in args.workers:
            loaders = {name: loader(Path(folder) / name, workers) for name in ("npz", "shards", "float32")}
            rates: dict[str, list[float]] = {name: [] for name in loaders}
            for epoch in range(args.rounds + 1):
                for name, batches in loaders.items():
                    rates[name].append(one_epoch(batches, epoch))
            npz, int16, float32 = (median(rates[name][1:]) for name in ("npz", "shards", "float32"))
            ratio = [median(b / a for a, b in zip(rates["npz"][1:], rates[name][1:])) for name in ("shards", "float32")]
            row = (f"{npz:.0f}", f"{int16:.0f}", f"{ratio[0]:.1f}", f"{float32:.0f}", f"{ratio[1]:.1f}")
            print(f"| {workers} | {' | '.join(row)} |", flush=True)
            for batches in loaders.values():
                batches.close()


if __name__ == "__main__":
    main()
