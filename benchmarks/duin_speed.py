"""Du-IN's three stages at full size: time of a training step and of an evaluation forward, ours against the original.

    python benchmarks/duin_speed.py [--stages vqvae mae cls] [--modes fp32 compiled] [--threads 1 2] [--upstream DIR]
    python benchmarks/duin_speed.py --device cuda --modes fp32 tf32 bf16 tf32+compiled bf16+compiled

- `speed.py` says what a mode, a turn and the floor are.
- `--upstream DIR` is a checkout of the original (its imports need einops: `uv run --with einops python ...`). Its model
  classes and its optimiser run in the same bare loop.
- One round is one training step and one evaluation forward of each. mae includes the making of its targets.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.duin_original import original
from benchmarks.speed import Contender, add_flags, compare, contender, parse_mode, threads_of
from src.models.duin.classifier import DuinClassifier
from src.models.duin.mae import DuinMae
from src.models.duin.vqvae import DuinVqvae
from src.trainer.optimizers import build_optimizer

CHANNELS, CLASSES = 10, 61
STAGES = {"vqvae": (32, 4000), "mae": (64, 4000), "cls": (32, 3000)}  # batch, samples: the original's scripts
WEIGHT_DECAY = {"vqvae": 0.01, "mae": 0.05, "cls": 0.05}


def ours(stage: str, mode: str, signal: Tensor, label: Tensor) -> Contender:
    """Our network of the stage with our optimiser, in the plainest loop."""
    precision, compiled = parse_mode(mode)
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
    return contender(f"ours {mode}", precision, model, optimizer, loss, loss, device)


def compare_stage(stage: str, args: argparse.Namespace, threads: int) -> None:
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
    title = f"{stage}, batch {batch}, {threads} thread{'s' * (threads > 1)}"
    compare(title, contenders, ours(stage, "fp32", signal, label), args)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=list(STAGES))
    add_flags(parser, threads=[1, 2])
    args = parser.parse_args()
    for threads in threads_of(args):
        for stage in args.stages:
            compare_stage(stage, args, threads)


if __name__ == "__main__":
    main()
