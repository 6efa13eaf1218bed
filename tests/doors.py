"""The commands as a person types them, called in-process on a data set of 40 short recordings in one file."""

from __future__ import annotations

import argparse
import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

import arguments
import train
from src import config
from src.trainer import checkpoint

RECORDS, CHANNELS, SAMPLES = 40, 2, 64  # of which 32 train, 4 validate and 4 test
SMALL = ["--model_args", "width=4", "dropout=0", "--epochs", "2", "--lr", "0.005", "--scheduler", "onecycle",
         "--weight_decay", "0.01", "--normalize", "scale", "--batch_size", "8", "--print_freq", "1",
         "--no_use_tensorboard", "--device", "cpu", "--num_workers", "0"]  # 4 updates an epoch


def write_recordings(path: Path, count: int = RECORDS, **more: Any) -> Path:
    """Three of four recordings `low`, the others `high` (of a larger mean), each of a person of its own."""
    row = np.arange(count)
    label = (row % 4 == 3).astype(np.int64)
    noise = np.random.default_rng(0).standard_normal((count, CHANNELS, SAMPLES))
    arrays = {"signal": (noise + label[:, None, None]).astype(np.float32), "label": label, "fs": 100.0, "unit": "mV",
              "subject": np.array([f"s{k:02d}" for k in row]), "classes": np.array(["low", "high"]), **more}
    np.savez(path, **arrays)
    return path


def words(data: Path, folder: Path, *more: str) -> list[str]:
    """A command line of train.py on `data` with runs below `folder`; later words win over these."""
    return ["--data_path", str(data), "--save_dir", str(folder), "--experiment_name", "run", *SMALL, *more]


def settings(data: Path, folder: Path, *more: str) -> argparse.Namespace:
    return config.parse(arguments.TRAIN, words(data, folder, *more))


def train_one(data: Path, folder: Path, *more: str) -> Any:
    """The trainer of a whole run; errors come out as they are."""
    return _single_threaded(lambda: train.train_one(settings(data, folder, *more)))


def door(data: Path, folder: Path, *more: str) -> int:
    """The exit code of train.py."""
    return _single_threaded(lambda: train.main(words(data, folder, *more)))


def test_door() -> ModuleType:
    """Our test.py, not Python's own package of that name."""
    spec = spec_from_file_location("test_door", Path(__file__).parent.parent / "test.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


test_door.__test__ = False  # type: ignore[attr-defined]  pytest would take it for a test


def _single_threaded(work):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return work()
    finally:
        torch.set_num_threads(before)


def rows(folder: Path, event: str) -> list[dict[str, Any]]:
    """The rows of one kind in a run's metrics.jsonl."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf8").splitlines()
    return [row for line in lines if (row := json.loads(line))["event"] == event]


def rates(folder: Path) -> list[float]:
    """The learning rate after each update (with --print_freq 1)."""
    return [row["lr"] for row in rows(folder, "train")]


def weights(folder: Path, name: str = checkpoint.LAST) -> dict[str, torch.Tensor]:
    return checkpoint.read(folder / name)["model"]


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two state dicts are equal to the last bit."""
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())
