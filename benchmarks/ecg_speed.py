"""The ECG transformer at base size: time of a training step and of an inference, ours against the original.

    python benchmarks/ecg_speed.py [--stages finetune pretrain] [--modes fp32 compiled bf16] [--upstream DIR]
    python benchmarks/ecg_speed.py --device cuda --batch 64 --calls 20 --modes fp32 tf32 bf16 bf16+compiled

- `speed.py` says what a mode, a turn and the floor are.
- `--upstream DIR` is a checkout of fairseq-signals. Its model classes and its Adam run in the same bare loop, from the
  same weights; how far the outputs are apart is printed first.
- finetune: logits of records of 12 x 2500 and their cross-entropy. pretrain: wav2vec2_cmsc, InfoNCE, diversity,
  features and CMSC. Its inference is the encoder alone, nothing hidden. Nothing is padded; no lead is hidden, which is
  the data's work.
- `--preset tiny` is a trial of the script: its numbers say nothing.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.ecg_original import original_adam, original_classifier, original_pretraining
from benchmarks.speed import Contender, add_flags, compare, contender, parse_mode, threads_of
from src.models.ecg_transformer.classifier import EcgTransformer
from src.models.ecg_transformer.contrastive import Wav2vec2Cmsc
from src.models.ecg_transformer.wav2vec2 import Draws
from src.models.layers.pooling import nonzero_mean
from src.options import build
from src.registry import MODELS
from src.trainer.optimizers import build_optimizer

LEADS, LABELS = 12, 26
STAGES = {"finetune": ("ecg_transformer", EcgTransformer), "pretrain": ("wav2vec2_cmsc", Wav2vec2Cmsc)}
ADAM = {"lr": 1e-6, "betas": (0.9, 0.98), "eps": 1e-8, "weight_decay": 0.01}  # a rate that lets no timing diverge
DIVERSITY, PENALTY = 0.1, 10.0  # weights of the two losses beside InfoNCE


def network(stage: str, preset: str, device: torch.device) -> Any:
    """Our network of the stage; the same weights at every call."""
    name, kind = STAGES[stage]
    torch.manual_seed(0)
    config = build(kind.Config, dict(MODELS[name].presets[preset]), "hyperparameter")
    model = kind(config, LEADS, LABELS) if stage == "finetune" else kind(config, LEADS)
    model.init_weights()
    return model.to(device)


def ours(stage: str, mode: str, preset: str, signal: Tensor, label: Tensor) -> Contender:
    """Our network with the original's Adam as our trainer has it."""
    precision, compiled = parse_mode(mode)
    model, seeds = network(stage, preset, signal.device), itertools.count()
    if compiled:
        model.compile()
    optimizer = build_optimizer(model, argparse.Namespace(optimizer="fairseq_adam", layer_decay=1.0, **ADAM))

    def loss() -> Tensor:
        if stage == "finetune":
            return F.binary_cross_entropy_with_logits(model(signal), label)
        found = model.pretrain(signal, seed=next(seeds))
        return (found.info_nce() + DIVERSITY * found.diversity + PENALTY * found.penalty
                + _segments(model, nonzero_mean(*found.frames)))

    return contender(f"ours {mode}", precision, model, optimizer, loss, lambda: model(signal), signal.device)


def original(stage: str, folder: Path, preset: str, signal: Tensor, label: Tensor) -> Contender:
    """The original's network and Adam in the same loop; prints how far its outputs are from ours."""
    device, own = signal.device, network(stage, preset, signal.device)
    model: Any = (original_classifier(folder, own, LABELS, device) if stage == "finetune"
                  else original_pretraining(folder, own, device))
    print(f"{stage}: largest difference of the outputs from the original's, by part: {differences(own, model, signal)}")

    def loss() -> Tensor:
        if stage == "finetune":
            return F.binary_cross_entropy_with_logits(model(source=signal)["out"], label)
        found = model(source=signal)
        logits = model.get_logits(found).float()
        info_nce = F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))
        diversity = (found["num_vars"] - found["prob_perplexity"]) / found["num_vars"]
        return (info_nce + DIVERSITY * diversity + PENALTY * found["features_pen"]
                + _segments(own, model.get_features(found, aggregate=True)))

    def infer() -> None:
        model(source=signal) if stage == "finetune" else model.extract_features(signal, None)

    return contender("original", "fp32", model, original_adam(folder, model, **ADAM), loss, infer, device)


def _segments(model: Any, embeddings: Tensor) -> Tensor:
    """CMSC of the two segments of each record, in turn."""
    rows = torch.arange(len(embeddings), device=embeddings.device)
    return model.contrast(embeddings, rows // 2, rows % 2).loss


@torch.no_grad()
def differences(own: Any, theirs: Any, signal: Tensor) -> str:
    """Largest absolute difference of each output in evaluation, over the largest output."""
    for model in (own, theirs):
        model.eval()
    if isinstance(own, EcgTransformer):
        pairs = {"logits": (own(signal), theirs(source=signal)["out"])}
    else:
        frames = own.feature_extractor.frames(signal.shape[2])
        mask = torch.zeros(len(signal), frames, dtype=torch.bool, device=signal.device)
        mask[:, frames // 4:frames // 2] = True
        found, other = own.pretrain(signal, draws=Draws(mask=mask)), theirs(source=signal, mask_indices=mask)
        pairs = {"frames": (found.frames.tokens, other["features"]),
                 "similarity to the true target": (found.logits[..., 0], other["x"][0]),
                 "size of the features": (found.penalty, other["features_pen"]),
                 "perplexity": (found.prob_perplexity, other["prob_perplexity"])}
    return ", ".join(f"{name} {float((a - b).abs().max()):.1e} of {float(b.abs().max()):.2g}"
                     for name, (a, b) in pairs.items())


def compare_stage(stage: str, args: argparse.Namespace, threads: int) -> None:
    """Time all contenders of a stage in turns, print their table."""
    device = torch.device(args.device)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    signal = torch.randn(args.batch, LEADS, args.samples, device=device)
    label = torch.randint(2, (args.batch, LABELS), device=device).float()
    contenders = [ours(stage, mode, args.preset, signal, label) for mode in args.modes]
    if args.upstream:
        contenders.insert(0, original(stage, args.upstream, args.preset, signal, label))
    size = sum(p.numel() for p in network(stage, args.preset, device).parameters())
    title = (f"{stage}, {size / 1e6:.1f} M parameters, batch {args.batch} of {LEADS} x {args.samples}, "
             f"{threads} thread{'s' * (threads > 1)}")
    compare(title, contenders, ours(stage, "fp32", args.preset, signal, label), args)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=list(STAGES))
    parser.add_argument("--preset", default="base", choices=("tiny", "small", "base"))
    parser.add_argument("--batch", type=int, default=4, help="signals; of pretraining two segments of each record")
    parser.add_argument("--samples", type=int, default=2500)
    add_flags(parser, threads=[2])
    args = parser.parse_args()
    if args.batch % 2:
        parser.error("--batch must be even: pretraining compares two segments of each record")
    for threads in threads_of(args):
        for stage in args.stages:
            compare_stage(stage, args, threads)


if __name__ == "__main__":
    main()
