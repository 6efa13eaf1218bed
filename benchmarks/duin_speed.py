"""Du-IN's three stages at full size: time of a training step and of an evaluation forward, ours against the original.

    python benchmarks/duin_speed.py [--stages vqvae mae cls] [--modes fp32 compiled] [--threads 1 2] [--upstream DIR]
    python benchmarks/duin_speed.py --device cuda --modes fp32 tf32 bf16 tf32+compiled bf16+compiled

- A mode is a number format (fp32, tf32, bf16) and, behind a `+`, `compiled`; `compiled` alone is fp32.
- `--upstream DIR` is a checkout of the original (its imports need einops: `uv run --with einops python ...`). Its model
  classes and its optimiser run in the same bare loop, in turns with ours, so that a machine's drift hits both; the
  ratio of a turn is the number to quote.
- The floor of a step is its products' FLOPs over the rate of one large matrix product of the same format, measured in
  the same turns; a step can be faster only where it needs fewer FLOPs.
- One round is one training step and one evaluation forward of each. mae includes the making of its targets.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.duin_original import original
from src.errors import UserError
from src.models.duin.classifier import DuinClassifier
from src.models.duin.mae import DuinMae
from src.models.duin.vqvae import DuinVqvae
from src.trainer.optimizers import build_optimizer

CHANNELS, CLASSES = 10, 61
STAGES = {"vqvae": (32, 4000), "mae": (64, 4000), "cls": (32, 3000)}  # batch, samples: the original's scripts
WEIGHT_DECAY = {"vqvae": 0.01, "mae": 0.05, "cls": 0.05}
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


def _seconds(call: Callable[[], object], device: torch.device, calls: int) -> tuple[float, float]:
    wait = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
    wait()
    wall, process = time.perf_counter(), time.process_time()
    for _ in range(calls):
        call()
    wait()
    return (time.perf_counter() - wall) / calls, (time.process_time() - process) / calls


def ours(stage: str, mode: str, signal: Tensor, label: Tensor) -> Contender:
    """Our network of the stage with our optimiser, in the plainest loop."""
    precision, compiled = _parse(mode)
    device, samples = signal.device, signal.shape[2]
    torch.manual_seed(0)
    sizes = (CHANNELS, samples)
    teacher = DuinVqvae(DuinVqvae.Config(), *sizes).to(device).eval().requires_grad_(False)
    model = {"vqvae": lambda: DuinVqvae(DuinVqvae.Config(), *sizes), "mae": lambda: DuinMae(DuinMae.Config(), *sizes),
             "cls": lambda: DuinClassifier(DuinClassifier.Config(), *sizes, CLASSES)}[stage]().to(device)
    subject = torch.zeros(len(signal), dtype=torch.int64, device=device)
    mask = torch.ones(len(signal), CHANNELS, dtype=torch.bool, device=device)

    def loss() -> Tensor:
        if stage == "vqvae":
            losses = model.losses(signal, subject, mask)[1]
            return losses["rgs"] + losses["vq"]
        if stage == "cls":
            return F.cross_entropy(model(signal, subject), label)
        with torch.no_grad():
            codes = teacher.quantize(signal, subject).codes
        return F.cross_entropy(model(signal, subject).flatten(0, 1), codes.flatten())

    loss = torch.compile(loss) if compiled else loss
    args = argparse.Namespace(optimizer="adamw", lr=3e-4, weight_decay=WEIGHT_DECAY[stage], layer_decay=1.0,
                              betas=(0.9, 0.999), eps=1e-8)
    optimizer = build_optimizer(model, args)
    autocast = (lambda: torch.autocast(device.type, torch.bfloat16)) if precision == "bf16" else nullcontext

    def train() -> None:
        model.train()
        with autocast():
            value = loss()
        value.backward()
        optimizer.step()
        optimizer.zero_grad()

    def evaluate() -> None:
        model.eval()
        with torch.no_grad(), autocast():
            loss()

    return Contender(f"ours {mode}", train, evaluate, precision)


def _parse(mode: str) -> tuple[str, bool]:
    parts = mode.split("+")
    precision = parts[0] if parts[0] in FORMATS else "fp32"
    if unknown := set(parts) - {*FORMATS, "compiled"}:
        raise UserError(f"unknown mode {', '.join(sorted(unknown))}",
                        f"use {', '.join(FORMATS)}, compiled, or one of the formats, a + and compiled")
    return precision, "compiled" in parts


def product(precision: str, device: torch.device) -> tuple[Contender, float]:
    """One large matrix product of the format, and its FLOPs."""
    n = 8192 if device.type == "cuda" else 1024
    a, b = torch.randn(2, n, n, device=device, dtype=torch.bfloat16 if precision == "bf16" else torch.float32)
    return Contender(f"matrix product {precision}", lambda: a @ b, lambda: None, precision), 2.0 * n**3


def flops(call: Callable[[], object]) -> float:
    counter = FlopCounterMode(display=False)
    with counter:
        call()
    return float(counter.get_total_flops())


def compare(stage: str, args: argparse.Namespace, threads: int) -> None:
    """Time all contenders of a stage in turns, print their table."""
    batch, samples = STAGES[stage]
    device = torch.device(args.device)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    signal = torch.randn(batch, CHANNELS, samples, device=device)
    label = torch.randint(CLASSES, (batch,), device=device)
    contenders = [ours(stage, mode, signal, label) for mode in args.modes]
    if args.upstream:
        train, evaluate = original(stage, args.upstream, signal, label, WEIGHT_DECAY[stage])
        contenders.insert(0, Contender("original", train, evaluate, "tf32"))  # it asks for precision "high"
    products = {mode: product(mode, device) for mode in dict.fromkeys(_parse(mode)[0] for mode in args.modes)}
    everybody = [*contenders, *(entry for entry, _ in products.values())]
    for contender in everybody:  # start codebooks, compile, fill caches, under the settings of the measurement
        contender.measure(device, 3)
        contender.times = {part: [] for part in contender.times}
    counted = ours(stage, "fp32", signal, label)
    work, idle = flops(counted.train), flops(counted.evaluate)
    for _ in range(args.rounds):
        for contender in everybody:
            contender.measure(device, args.calls)
    kind = 0 if device.type == "cuda" else 1  # process time, where others use the processor too
    rates = {name: size / _median(entry, "train", kind) for name, (entry, size) in products.items()}
    print(f"\n{stage}, batch {batch}, {threads} thread{'s' * (threads > 1)}; of ours {work / 1e9:.1f} GFLOP a step, "
          f"{idle / 1e9:.1f} an evaluation; "
          + ", ".join(f"{name} product {rate / 1e9:.0f} GFLOP/s" for name, rate in rates.items()))
    _print(contenders, {name: (work / rate, idle / rate) for name, rate in rates.items()}, kind)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=list(STAGES))
    parser.add_argument("--modes", nargs="+", default=["fp32"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--upstream", type=Path, help="a checkout of the original")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=1, help="calls per measurement; on a GPU 20 or more")
    args = parser.parse_args()
    for threads in args.threads if args.device == "cpu" else args.threads[:1]:
        for stage in args.stages:
            compare(stage, args, threads)


if __name__ == "__main__":
    main()
