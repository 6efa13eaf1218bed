"""Training steps and evaluation forwards of several networks, timed in turns; what `*_speed.py` share.

- A mode is a number format (fp32, tf32, bf16) and, behind a `+`, `compiled`; `compiled` alone is fp32.
- Contenders run in turns, so that a machine's drift hits all; the ratio of a turn is the number to quote.
- The floor of a step is its products' FLOPs over the rate of one large matrix product of the same format, measured in
  the same turns; a step can be faster only where it needs fewer FLOPs.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from src.errors import UserError

FORMATS = ("fp32", "tf32", "bf16")


@dataclass
class Contender:
    """A training step and an evaluation forward; `times` of each: (wall, process) seconds per call."""

    name: str
    train: Callable[[], object]
    evaluate: Callable[[], object]
    precision: str = "fp32"
    times: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"train": [], "evaluate": []})
    peak_gib: float = 0.0

    def measure(self, device: torch.device, calls: int) -> None:
        torch.set_float32_matmul_precision("high" if self.precision == "tf32" else "highest")
        for part, call in (("train", self.train), ("evaluate", self.evaluate)):
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            self.times[part].append(_seconds(call, device, calls))
            if device.type == "cuda" and part == "train":
                self.peak_gib = torch.cuda.max_memory_allocated() / 2**30


def contender(name: str, precision: str, model: nn.Module, optimizer: Any, loss: Callable[[], Tensor],
              infer: Callable[[], object], device: torch.device) -> Contender:
    """The plainest loop around a network, its optimiser and its loss."""
    def train() -> None:
        model.train()
        with autocast(precision, device):
            value = loss()
        value.backward()
        optimizer.step()
        optimizer.zero_grad()

    def evaluate() -> None:
        model.eval()
        with torch.no_grad(), autocast(precision, device):
            infer()

    return Contender(name, train, evaluate, precision)


def _seconds(call: Callable[[], object], device: torch.device, calls: int) -> tuple[float, float]:
    wait = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
    wait()
    wall, process = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    wait()
    return (time.perf_counter() - wall) / calls, (time.process_time() - process) / calls


def parse_mode(mode: str) -> tuple[str, bool]:
    """Its number format, and whether it is compiled. Raises UserError for a mode that is none."""
    parts = mode.split("+")
    precision = parts[0] if parts[0] in FORMATS else "fp32"
    if unknown := set(parts) - {*FORMATS, "compiled"}:
        raise UserError(f"unknown mode {', '.join(sorted(unknown))}",
                        f"use {', '.join(FORMATS)}, compiled, or one of the formats, a + and compiled")
    return precision, "compiled" in parts


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """bf16 where the format says so."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def product(precision: str, device: torch.device) -> tuple[Contender, float]:
    """One large matrix product of the format, and its FLOPs."""
    n = 8192 if device.type == "cuda" else 1024
    a, b = torch.randn(2, n, n, device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
    return Contender(f"matrix product {precision}", lambda: a @ b, lambda: None, precision), 2.0 * n**3


def flops(call: Callable[[], object]) -> float:
    """Of all products and convolutions of a call."""
    own = {torch.ops.aten.convolution_backward: _convolution_backward}
    counter = FlopCounterMode(display=False, custom_mapping=own)
    with counter:
        call()
    return float(counter.get_total_flops())


def _convolution_backward(gradient: list[int], signal: list[int], weight: list[int], *more: Any, **_: Any) -> int:
    """As many as forward for each of the two gradients that is asked for: torch counts all channels with all, whatever
    the groups."""
    transposed, wanted = more[4], more[7]
    places = math.prod((signal if transposed else gradient)[2:])
    return 2 * signal[0] * places * math.prod(weight) * sum(wanted[:2])


def compare(title: str, contenders: list[Contender], counted: Contender, args: argparse.Namespace) -> None:
    """Time all in turns, print their table. `counted`: ours in plain fp32, whose FLOPs are the floor's."""
    device = torch.device(args.device)
    products = {mode: product(mode, device) for mode in dict.fromkeys(parse_mode(mode)[0] for mode in args.modes)}
    everybody = [*contenders, *(entry for entry, _ in products.values())]
    for contender in everybody:  # start codebooks, compile, fill caches, under the settings of the measurement
        contender.measure(device, args.warmup)
        contender.times = {part: [] for part in contender.times}
    work, idle = flops(counted.train), flops(counted.evaluate)
    for _ in range(args.rounds):
        for contender in everybody:
            contender.measure(device, args.calls)
    kind = 0 if device.type == "cuda" else 1  # process time, where others use the processor too
    rates = {name: size / _median(entry, "train", kind) for name, (entry, size) in products.items()}
    print(f"\n{title}; of ours {work / 1e9:.1f} GFLOP a step, {idle / 1e9:.1f} an evaluation; "
          + ", ".join(f"{name} product {rate / 1e9:.0f} GFLOP/s" for name, rate in rates.items()))
    _print(contenders, {name: (work / rate, idle / rate) for name, rate in rates.items()}, kind)


def add_flags(parser: argparse.ArgumentParser, threads: list[int]) -> None:
    """What every comparison can be told."""
    parser.add_argument("--modes", nargs="+", default=["fp32"])
    parser.add_argument("--threads", nargs="+", type=int, default=threads)
    parser.add_argument("--upstream", type=Path, help="a checkout of the original")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=1, help="calls per measurement; on a GPU 20 or more")
    parser.add_argument("--warmup", type=int, default=3, help="calls before the first measurement")


def threads_of(args: argparse.Namespace) -> list[int]:
    """The numbers of threads to measure with; on a GPU the first."""
    return args.threads if args.device == "cpu" else args.threads[:1]


def _print(contenders: list[Contender], floors: dict[str, tuple[float, float]], kind: int) -> None:
    """Milliseconds by wall and by process time, the floor's share of them, ratios by process time and by wall."""
    print(f"{'':<22}{'step ms':>9}{'process':>9}{'floor':>7}  {'ratio (range) wall':<24}"
          f"{'eval ms':>9}{'process':>9}{'floor':>7}  {'ratio (range) wall':<24}{'GiB':>6}")
    for contender in contenders:
        line = f"{contender.name:<22}"
        for i, part in enumerate(contender.times):
            line += "".join(f"{1e3 * _median(contender, part, column):>9.1f}" for column in (0, 1))
            floor = floors.get(contender.precision) if contender.name.startswith("ours") else None
            line += f"{floor[i] / _median(contender, part, kind):>7.0%}" if floor else f"{'':>7}"
            line += f"  {_ratio(contenders[0], contender, part):<24}"
        print(line + (f"{contender.peak_gib:>6.2f}" if contender.peak_gib else ""), flush=True)


def _median(contender: Contender, part: str, kind: int) -> float:
    return statistics.median(times[kind] for times in contender.times[part])


def _ratio(first: Contender, other: Contender, part: str) -> str:
    """How many times as fast as the first contender, turn by turn: median (range) by process time, median by wall."""
    wall, process = (sorted(a[kind] / b[kind] for a, b in zip(first.times[part], other.times[part])) for kind in (0, 1))
    return f"{statistics.median(process):.2f} ({process[0]:.2f}-{process[-1]:.2f}) {statistics.median(wall):.2f}"
