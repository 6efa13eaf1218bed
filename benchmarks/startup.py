"""From the command to the end of the first optimizer step, as a multiple of `import torch`, in fresh processes.

    python benchmarks/startup.py [--rounds 5]

Also `train.py --help`, which imports no torch. Rounds are interleaved. Compile bytecode first (`uv sync` does).
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BARE = """
import torch
x, y = torch.randn(32, 12, 1000), torch.randint(8, (32,))
m = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12000, 64), torch.nn.ReLU(), torch.nn.Linear(64, 8))
o = torch.optim.AdamW(m.parameters(), fused=True)
torch.nn.functional.cross_entropy(m(x), y).backward(); o.step()
"""
OURS = """
import argparse, sys, tempfile
sys.path.insert(0, {root!r})
import torch
from src.models.base_models import BaseModel
from src.trainer.main_trainer import MainTrainer
x, y = torch.randn(32, 12, 1000), torch.randint(8, (32,))
m = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12000, 64), torch.nn.ReLU(), torch.nn.Linear(64, 8))
with tempfile.TemporaryDirectory() as folder:
    args = argparse.Namespace(epochs=1, device="cpu", save_dir=folder, use_tensorboard=False, experiment_name="run")
    MainTrainer(m, args, [(x, y)]).train()
"""


def timed(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    with tempfile.TemporaryDirectory() as folder:
        measure(parser.parse_args().rounds, folder)


def measure(rounds: int, folder: str) -> None:
    python = sys.executable
    commands = {
        "import torch": [python, "-c", "import torch"],
        "bare loop, one step": [python, "-c", BARE],
        "our trainer, one step and its checkpoint": [python, "-c", OURS.format(root=str(ROOT))],
        "train.py --model cnn, one step": [python, "train.py", "--model", "cnn", "--max_steps", "1", "--limit", "32",
                                           "--save_dir", folder, "--no_use_tensorboard"],
        "train.py --help": [python, "train.py", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(timed(command))
    unit = statistics.median(times["import torch"])
    for name, found in times.items():
        print(f"{name:<44}{statistics.median(found):7.2f} s   {statistics.median(found) / unit:5.2f} x import torch")


if __name__ == "__main__":
    main()
