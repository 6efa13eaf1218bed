"""Tiny data, models, trainers and comparisons that the tests of the trainer and of the faults share."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from src import config
from src.data.dataset import BaseDataset, Records
from src.data.run_data import RunData, prepare
from src.data.signal import Sample, SignalSpec, TargetSpec
from src.errors import StoppedBySignal
from src.models.base_models import BaseModel
from src.trainer import checkpoint
from src.trainer.main_trainer import MainTrainer

CHANNELS, SAMPLES, CLASSES = 2, 16, 3
TIMES = ("time", "seconds", "samples_per_s")  # what differs between two equal runs
RESUMED = ("optimizer", "scheduler", "scaler", "ema", "progress", "meter", "epoch", "step", "is_inside_epoch", "place",
           "total_updates")


class TinyDataset(BaseDataset):
    """`count` training records and 9 of each other part; a record's mean tells its class of three."""

    def __init__(self, count: int = 22, broken: int | None = None):
        total = count + 18
        row = np.arange(total)
        subset = np.array(["train"] * count + ["valid"] * 9 + ["test"] * 9)
        self.records = Records(np.array([f"r{i:03d}" for i in row]), np.array([f"s{i:03d}" for i in row]),
                               (row % CLASSES).astype(np.int64), subset, np.full(total, SAMPLES))
        self.spec = SignalSpec(("a", "b"), 100.0, "mV", SAMPLES)
        self.target = TargetSpec("classes", ("x", "y", "z"))
        noise = np.random.default_rng(0).standard_normal((total, CHANNELS, SAMPLES))
        self.signal = (noise + (row % CLASSES)[:, None, None]).astype(np.float32)
        if broken is not None:
            self.signal[broken] = np.inf

    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        return [Sample(self.signal[row].copy(), self.records.label[row])]


class TinyNet(BaseModel):
    """(B, 2, 16) -> (B, 3); GroupNorm by default, so that its gradient is a mean over records."""

    def __init__(self, norm: str = "group", dropout: float = 0.0):
        super().__init__()
        torch.manual_seed(0)  # the same weights in every test
        after = nn.GroupNorm(2, 8) if norm == "group" else nn.BatchNorm1d(8)
        self.body = nn.Sequential(nn.Conv1d(CHANNELS, 8, 3, padding=1), after, nn.GELU(), nn.AdaptiveAvgPool1d(4),
                                  nn.Flatten(), nn.Dropout(dropout))
        self.head = nn.Linear(32, CLASSES)

    @property
    def dim(self) -> int:
        return 32

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(signal))


def flags(folder: Path, **more: Any) -> argparse.Namespace:
    """Settings of a run below `folder`: 4 epochs of 3 updates from 6 micro-batches, the last of them smaller."""
    small = {"save_dir": str(folder), "experiment_name": "run", "epochs": 4, "batch_size": 4, "grad_accum_steps": 2,
             "lr": 0.01, "use_tensorboard": False, "print_freq": 2, "normalize": "none", "device": "cpu", "seed": 7}
    return config.complete(argparse.Namespace(**{**small, **more}))


def make_trainer(folder: Path, model: nn.Module | None = None, kind: type = MainTrainer, count: int = 22,
                 broken: int | None = None, workers: int = 0, **more: Any):
    """A trainer on `TinyDataset` with our own loaders."""
    args = flags(folder, **more)
    data = prepare(TinyDataset(count, broken), args)
    train, valid, test = loaders(data, args, workers)
    return kind(model or TinyNet(), args, train, valid, test, data=data)


def loaders(data: RunData, args: Any, workers: int = 0, rank: int = 0, world: int = 1) -> tuple:
    shared = {"num_workers": workers, "rank": rank, "world": world}
    return (data.loader("train", args.batch_size, train=True, balanced=args.balanced_sampling, **shared),
            data.loader("valid", args.batch_size, **shared), data.loader("test", args.batch_size, **shared))


def tuple_loader(count: int = 22, batch: int = 4, workers: int = 0, shuffle: bool = True, **more: Any) -> DataLoader:
    """A plain DataLoader of (signal, class) tuples, as scripts bring it."""
    data = TinyDataset(count)
    tensors = TensorDataset(torch.from_numpy(data.signal[:count]), torch.from_numpy(data.records.label[:count]))
    return DataLoader(tensors, batch_size=batch, shuffle=shuffle, num_workers=workers, **more)


def stop_at(trainer: Any, update: int) -> None:
    """The trainer finds itself asked to stop while it computes this update (1-based)."""
    backward = trainer.step.backward

    def asked(loss, weight):
        if trainer.global_step == update - 1:
            trainer.signals.received = "SIGTERM"
        backward(loss, weight)

    trainer.step.backward = asked


def train_until(trainer: Any, update: int) -> None:
    """Train, be stopped at this update, and insist that it was so."""
    stop_at(trainer, update)
    try:
        trainer.train()
    except StoppedBySignal:
        assert trainer.global_step == update
        return
    raise AssertionError(f"the run was not stopped at update {update}")


def rows(folder: Path) -> list[dict[str, Any]]:
    """metrics.jsonl without the times."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf8").splitlines()
    return [{key: value for key, value in json.loads(line).items() if key not in TIMES} for line in lines]


def resumable(folder: Path) -> dict[str, Any]:
    """What of a run's last.pth must not depend on interruptions."""
    state = checkpoint.read(folder / checkpoint.LAST)
    return {"model": state["model"], **{key: state["resume"][key] for key in RESUMED}}


def difference(first: Any, second: Any, where: str = "") -> str:
    """The first place where two nested values differ in a bit; empty when they are the same."""
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        same = first.dtype == second.dtype and first.shape == second.shape and _bits(first) == _bits(second)
        return "" if same else where or "the tensors"
    if isinstance(first, dict) and isinstance(second, dict):
        if list(map(str, first)) != list(map(str, second)):
            return f"{where}: {list(first)} or {list(second)}"
        return next((d for key in first if (d := difference(first[key], second[key], f"{where}.{key}"))), "")
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        if len(first) != len(second):
            return f"{where}: {len(first)} or {len(second)} items"
        pairs = enumerate(zip(first, second, strict=True))
        return next((d for i, (a, b) in pairs if (d := difference(a, b, f"{where}[{i}]"))), "")
    same = first == second or (first != first and second != second)
    return "" if same else f"{where}: {first} or {second}"


def _bits(tensor: torch.Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().numpy().tobytes()


def assert_same_run(first: Path, second: Path) -> None:
    """Weights, state and rows of two runs are the same to the last bit."""
    found = difference(resumable(first), resumable(second)) or difference(rows(first), rows(second))
    assert not found, found
