"""Time of a training step per model: our trainer against a bare loop over the same model, data and optimizer.

    python benchmarks/step_time.py [--models resnet1d duin_cls] [--preset small] [--rounds 5] [--compile]

Rounds are interleaved (bare, ours, bare, ours ...), so that a machine's drift hits both. The ratio is the number to
quote; both use fused AdamW, clipping to 1 and a cosine schedule.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch.utils.data import DataLoader, Dataset

from src import options, registry
from src.data.signal import SignalSpec, TargetSpec
from src.trainer.main_trainer import MainTrainer

SHAPES = {"simulated_seeg": (10, 3000, 1000.0, "uV"), "simulated_ecg": (12, 1000, 100.0, "mV")}
CLASSES = 12


class Random(Dataset):
    """`records` of noise with labels; a batch is one gather."""

    def __init__(self, channels: int, samples: int, records: int):
        self.x, self.y = torch.randn(records, channels, samples), torch.randint(CLASSES, (records,))

    def __len__(self) -> int:
        return len(self.x)

    def __getitems__(self, rows: list[int]):
        return {"signal": self.x[rows], "label": self.y[rows]}


def build(name: str, preset: str | None):
    row = registry.model_row(name)
    channels, samples, rate, unit = SHAPES[row.dataset]
    spec = SignalSpec(tuple(f"c{i}" for i in range(channels)), rate, unit, samples)
    target = TargetSpec("classes", tuple(f"k{i}" for i in range(CLASSES)))
    model_class = registry.load(row.model)
    torch.manual_seed(0)
    model = model_class.from_spec(options.build(model_class.Config, dict(row.presets.get(preset, {}))), spec, target)
    return model, (channels, samples)


class Ours(MainTrainer):
    """One input for models that take a subject too."""

    def unpack(self, batch):
        inputs, label = super().unpack(batch)
        extra = [torch.zeros(len(label), dtype=torch.int64)] if "subject" in self.model.inputs else []
        return [*inputs, *extra], label


def bare(model, loader, steps: int, compiled: bool) -> float:
    """Seconds per step of the plainest loop with the same features."""
    if compiled:
        model.compile()
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    times, done = [], 0
    while done < steps:
        for batch in loader:
            times.append(time.perf_counter())
            inputs = [batch["signal"]] + ([torch.zeros(len(batch["label"]), dtype=torch.int64)]
                                          if "subject" in model.inputs else [])
            torch.nn.functional.cross_entropy(model(*inputs), batch["label"]).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            done += 1
            if done == steps:
                break
    return _median_gap([*times, time.perf_counter()])


def ours(model, loader, steps: int, compiled: bool) -> float:
    times: list[float] = []
    model.register_forward_pre_hook(lambda *_: times.append(time.perf_counter()))
    with tempfile.TemporaryDirectory() as folder:
        args = argparse.Namespace(max_steps=steps, lr=1e-4, weight_decay=0.01, grad_clip=1.0, device="cpu",
                                  save_dir=folder, experiment_name="run", use_tensorboard=False, compile=compiled)
        Ours(model, args, loader).train()
    return _median_gap(times)


def _median_gap(times: list[float]) -> float:
    gaps = [b - a for a, b in pairwise(times)]
    return statistics.median(gaps[2:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(registry.MODELS))
    parser.add_argument("--preset", default=None)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    print(f"{'model':<12}{'bare ms':>10}{'ours ms':>10}{'ratio':>8}   (median of {args.rounds} pairs, "
          f"{torch.get_num_threads()} threads, batch {args.batch})")
    for name in args.models:
        pairs = []
        for _ in range(args.rounds):
            (first, shape), (second, _) = build(name, args.preset), build(name, args.preset)
            loader = DataLoader(Random(*shape, args.batch * 4), args.batch, collate_fn=lambda batch: batch)
            plain = bare(first, loader, args.steps, args.compile)
            pairs.append((plain, ours(second, loader, args.steps, args.compile)))
        slow, quick = (statistics.median(column) * 1e3 for column in zip(*pairs))
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"{name:<12}{slow:>10.1f}{quick:>10.1f}{ratio:>8.3f}", flush=True)


if __name__ == "__main__":
    main()
