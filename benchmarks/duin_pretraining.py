"""Does Du-IN's pretraining help on simulated sEEG? Six starts of the classifier at three numbers of labelled trials.

    python benchmarks/duin_pretraining.py --out DIR            # goes on where it was stopped
    python benchmarks/duin_pretraining.py --out DIR --seeds 0  # one seed: about 40 minutes of one core

Each seed is another lexicon, subject and initialisation. Starts of the subject layer, tokenizer and encoder: none; none
with as many updates as all stages together (longer); the VQ-VAE; masked code prediction on its codes (mae), and with as
many updates behind it as "longer" has (mae_longer); and, as the upper bound, an oracle that was told the motifs of the
unlabelled stretches. Labelled are the first 5, 15 or 36 repetitions of
each word (4 more, the same for all, choose the epoch); unlabelled are the 192 stretches of 10 s that train; tested are
repetitions 40-59, once.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.runs import Scores, run, test_scores, write_table
from src.data.simulated.lexicon import MOTIFS
from src.data.simulated.seeg import SimulatedSEEG
from src.models.duin.llm import DuinLlm
from src.models.layers.heads import TokenHead
from src.options import build

STARTS = ("none", "longer", "vqvae", "mae", "mae_longer", "oracle")
STEPS = {5: 250, 15: 300, 36: 450}  # updates of 32 trials, by the labelled trials per word
PRETRAINING_STEPS, ORACLE_STEPS, WINDOW, CODES = 800, 500, 3000, 128
NETWORK = ["encoder.n_blocks=2", "encoder.n_heads=4", "encoder.d_head=32", "tokenizer.n_filters=64,64,16"]
VQVAE = ["decoder.n_blocks=1", "decoder.n_heads=4", "decoder.d_head=32", "reconstruction.n_filters=64,64,64,32,16",
         f"quantizer.codex_size={CODES}", f"quantizer.warmup_steps={PRETRAINING_STEPS // 3}"]
BAND = "reconstruction.band_hz=2.5,10"


def main() -> None:
    parser = argparse.ArgumentParser(description="Does Du-IN's pretraining help on simulated sEEG?")
    parser.add_argument("--out", required=True, help="folder of the runs and of table.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--labelled", type=int, nargs="+", default=list(STEPS), choices=list(STEPS))
    parser.add_argument("--starts", nargs="+", default=list(STARTS), choices=STARTS)
    parser.add_argument("--band", choices=("narrow", "all"), default="narrow",
                        help="what the VQ-VAE reconstructs: 2.5-10 Hz, or everything as published")
    args = parser.parse_args()
    torch.set_num_threads(1)
    scores: Scores = {}
    for seed in args.seeds:
        folder = Path(args.out) / f"seed{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        starts = dict.fromkeys(("none", "longer"))
        if set(args.starts) - set(starts):
            starts |= pretrain(folder, seed, args.band)
        for labelled in args.labelled:
            splits = write_splits(folder, seed, labelled)
            for start in args.starts:
                found = classify(folder, seed, labelled, splits, start, starts[start])
                scores.setdefault((labelled, start), []).append(found)
                print(f"seed {seed}  {labelled:>2} per word  from {start:<10} {found:.3f}", flush=True)
        write_table(Path(args.out) / "table.json", scores, "accuracy")


def pretrain(folder: Path, seed: int, band: str) -> dict[str, Path]:
    """The three pretrained networks; what is finished is not trained again."""
    data = ["--dataset_args", f"seed={seed}", "task=pretrain", f"samples={WINDOW}"]
    length = ["--max_steps", str(PRETRAINING_STEPS), "--epochs", str(math.ceil(PRETRAINING_STEPS / 6)), "--lr", "5e-4",
              "--warmup_epochs", "0", "--warmup_steps", str(PRETRAINING_STEPS // 10), "--eval_freq", "10"]
    bands = [BAND] if band == "narrow" else []
    vqvae = run(folder, "vqvae", seed, ["--model", "duin_vqvae", *data, *length, "--model_args", *NETWORK, *VQVAE,
                                        *bands])
    mae = run(folder, "mae", seed, ["--model", "duin_mae", *data, *length, "--model_args", *NETWORK],
              ["--vqkd_ckpt", str(vqvae)])
    return {"vqvae": vqvae, "mae": mae, "mae_longer": mae, "oracle": oracle(folder / "oracle.pth", seed)}


def classify(folder: Path, seed: int, labelled: int, splits: Path, start: str, weights: Path | None) -> float:
    """Test accuracy of a classifier that started from `weights` (None: from scratch)."""
    updates, between, size = STEPS[labelled], 2 if labelled == 36 else 5, labelled * 12
    if start.endswith("longer"):
        updates, between = updates + 2 * PRETRAINING_STEPS, 4 * between
    epochs = math.ceil(updates / math.ceil(size / 32))
    flags = ["--model", "duin_cls", "--model_args", *NETWORK, "--dataset_args", f"seed={seed}", "--splits", str(splits),
             "--max_steps", str(updates), "--epochs", str(epochs), "--warmup_epochs", "0",
             "--warmup_steps", str(updates // 10), "--eval_freq", str(between)]
    place = run(folder, f"cls-{labelled}-{start}", seed, flags, ["--init_from", str(weights)] if weights else [])
    return test_scores(place)["accuracy"]


def write_splits(folder: Path, seed: int, labelled: int) -> Path:
    """Train on the first `labelled` repetitions of each word; validation and test as always."""
    dataset = SimulatedSEEG(SimulatedSEEG.Config(seed=seed))
    names, part = dataset.records.record, dataset.records.subset
    rows = {"train": np.flatnonzero(part == "train")[: labelled * dataset.config.words],
            "valid": np.flatnonzero(part == "valid"), "test": np.flatnonzero(part == "test")}
    path = folder / f"splits-{labelled}.json"
    path.write_text(json.dumps({name: names[found].tolist() for name, found in rows.items()}))
    return path


# ------------------------------------------------------------------------------------------- upper bound
def oracle(path: Path, seed: int) -> Path:
    """A network that was told which motifs are spoken in each 0.1 s of the stretches: no pretraining can know more."""
    if path.exists():
        return path
    signals, active = told_stretches(seed)
    torch.manual_seed(seed)
    config = build(DuinLlm.Config, dict(word.split("=") for word in NETWORK), "hyperparameter")
    model = DuinLlm(config, signals.shape[1], WINDOW)
    model.cls_blocks = torch.nn.ModuleList([TokenHead(model.dim, MOTIFS)])
    model.init_weights()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=0.05)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-4, ORACLE_STEPS, pct_start=0.1)
    draw = np.random.default_rng(seed)
    for _ in range(ORACLE_STEPS):
        rows = torch.from_numpy(draw.integers(len(signals), size=32))
        first = int(draw.integers(signals.shape[2] // 100 - WINDOW // 100 + 1))
        crop = signals[rows, :, 100 * first: 100 * first + WINDOW]
        wanted = active[rows, first: first + WINDOW // 100]
        logits = model.cls_blocks[0](model.encode(crop, torch.zeros(32, dtype=torch.long)))
        loss = F.binary_cross_entropy_with_logits(logits, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
    print(f"seed {seed}  oracle: cross-entropy of the motifs {loss.item():.3f}", flush=True)  # pyright: ignore
    torch.save({name: value for name, value in model.state_dict().items() if not name.startswith("cls")}, path)
    return path


def told_stretches(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Standardised stretches of the training part (n, C, T) and their motifs per 0.1 s (n, T / 100, 9)."""
    dataset = SimulatedSEEG(SimulatedSEEG.Config(seed=seed, task="pretrain", samples=WINDOW))
    count = int((dataset.records.subset == "train").sum())
    stretches = [dataset.stretch(0, index) for index in range(count)]
    signals = np.stack([one.signal for one in stretches])
    signals -= signals.mean((0, 2), keepdims=True)
    signals /= signals.std((0, 2), keepdims=True)
    active = np.zeros((count, signals.shape[2] // 100, MOTIFS), np.float32)
    patches = np.arange(active.shape[1])
    for row, one in enumerate(stretches):
        for spoken in one.metadata["motifs"]:
            centre = 5 * (spoken.start_s + spoken.stop_s)  # in patches of 0.1 s
            active[row, np.abs(patches + 0.5 - centre) <= 1, spoken.motif] = spoken.gain > 0
    return torch.from_numpy(signals), torch.from_numpy(active)


if __name__ == "__main__":
    main()
