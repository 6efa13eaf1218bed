"""Saving and loading a checkpoint of about 100 MB: ours (atomic, fsynced, checksums verified) against torch.save.

    python benchmarks/checkpoint_time.py [--rounds 7]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from src.trainer import checkpoint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    model = torch.nn.Sequential(*[torch.nn.Linear(1024, 1024) for _ in range(8)])
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randn(2, 1024)).sum().backward()
    optimizer.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
    times: dict[str, list[float]] = {}

    def timed(name, act):
        start = time.perf_counter()
        act()
        times.setdefault(name, []).append(time.perf_counter() - start)

    with tempfile.TemporaryDirectory() as folder:
        plain, own = Path(folder) / "plain.pt", Path(folder) / "last.pth"
        for _ in range(rounds):
            timed("save  torch.save", lambda: torch.save(state, plain))
            timed("save  ours, first of a run", lambda: checkpoint.write(state, own))
            timed("save  ours, last + previous + best", lambda: checkpoint.write(
                state, own, also=(own.with_name(checkpoint.BEST),), keep_previous=True))
            timed("load  torch.load(weights_only)", lambda: torch.load(plain, weights_only=True))
            timed("load  ours, checksums verified", lambda: checkpoint.read(own))
            timed("load  ours, not verified", lambda: checkpoint.read(own, verify=False))
        print(f"{own.stat().st_size / 1e6:.1f} MB, median of {rounds}")
    base = {kind: statistics.median(times[name]) for kind, name in
            (("save", "save  torch.save"), ("load", "load  torch.load(weights_only)"))}
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"{name:<38}{middle * 1e3:8.1f} ms   {middle / base[name[:4]]:5.2f} x")


if __name__ == "__main__":
    main()
