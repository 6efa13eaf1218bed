"""Does wav2vec2_cmsc on unlabelled ECG help with few labels? Simulated ECG, then the PTB-XL part.

    python benchmarks/ecg_pretraining.py --out DIR [--recordings RECORDINGS_DIR]     # goes on where it was stopped
    python benchmarks/ecg_pretraining.py --out DIR --trial                           # minutes; its numbers say nothing

Each seed is another simulated population and initialisation. Unlabelled are all records that train (1,000 patients);
labelled are 1, 5 or 20 % of them, drawn without their labels; tested are 500 other patients, once. Starts: scratch;
scratch with as many updates as pretraining and fine-tuning together (longer); a linear probe on random weights; on the
pretrained ones (probe); all of the pretrained network (finetune). Learning rates and epochs are chosen by the AUROC of
the validation part (250 patients), the same for all starts; `longer` has the rate that scratch got.

With --recordings the same starts, pretrained on the same simulated ECG, learn the PTB-XL part (`real_recordings.py` has
its floors): folds 9 and 10 test, of the others 15 % of the patients validate.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import arguments
from benchmarks import convert_recordings
from benchmarks.runs import Scores, rows, run, test_scores, write_table
from src import config, restoring
from src.data.simulated.ecg import SimulatedECG
from src.models.layers.pooling import nonzero_mean
from src.trainer.ecg_contrastive import contrast

STARTS = ("scratch", "longer", "random probe", "probe", "finetune")
SHARES = (1, 5, 20)  # per cent of the training records
RATES = {"scratch": (3e-4, 1e-3), "finetune": (3e-4, 1e-3), "random probe": (3e-3, 1e-2), "probe": (3e-3, 1e-2)}
FEATURES = ["features.n_filters=64,64,64,64", "positions.kernel_size=32", "positions.n_groups=8"]
ENCODER = ["encoder.n_blocks=3", "encoder.n_heads=4", "encoder.d_model=128", "encoder.d_ff=512"]
# With CMSC at its full weight InfoNCE stays at chance for all of so short a pretraining (seen in its training loss).
CODES = ["quantizer.n_codes=64", "contrast.d_output=64", "contrast.n_negatives=20", "cmsc_weight=0.1"]
VALIDATIONS = 10  # per run
BATCH = 32


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    patients: int = 1750
    pretraining: int = 1250  # updates of 64 records
    updates: int = 300  # of a classifier, 32 records each

    @property
    def training(self) -> int:
        """Records of the training part."""
        return int((SimulatedECG(SimulatedECG.Config(patients=self.patients)).records.subset == "train").sum())


@dataclass(frozen=True)
class Task:
    """Labelled records: flags that name them, how many train, and the row of the table."""

    row: str
    flags: list[str]
    records: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path, help="folder of the runs and of the tables")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--shares", type=int, nargs="*", default=list(SHARES), metavar="PERCENT")
    parser.add_argument("--starts", nargs="+", default=list(STARTS), choices=STARTS)
    parser.add_argument("--recordings", type=Path, help="folder of packed recordings, for PTB-XL")
    parser.add_argument("--trial", action="store_true", help="few patients, few updates")
    args = parser.parse_args()
    torch.set_num_threads(1)
    size = Size(patients=140, pretraining=8, updates=10) if args.trial else Size()
    scores: dict[str, Scores] = {"simulated": {}, "ptbxl": {}}
    objective = []
    for seed in args.seeds:
        folder = args.out / f"seed{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        weights = pretrain(folder, seed, size)
        objective.append({"seed": seed, **judge_pretraining(weights)})
        print(json.dumps(objective[-1]), flush=True)
        tasks = {"simulated": [simulated_task(folder, seed, share, size) for share in args.shares],
                 "ptbxl": [ptbxl_task(args.recordings, args.out / "recordings")] if args.recordings else []}
        for data, task in [(data, task) for data, found in tasks.items() for task in found]:
            for start in args.starts:
                found = classify(folder, seed, task, start, weights, size)
                scores[data].setdefault((task.row, start), []).append(found)
                print(f"seed {seed}  {task.row:>10}  {start:<12} AUROC {found:.3f}", flush=True)
        for data, reached in scores.items():
            if reached:
                write_table(args.out / f"{data}.json", reached, "auroc")
    (args.out / "pretraining.json").write_text(json.dumps(objective, indent=1))


# ------------------------------------------------------------------------------------------------- pretraining
def pretrain(folder: Path, seed: int, size: Size) -> Path:
    """The run folder of wav2vec2_cmsc on the training part, two halves of 5 s of each record."""
    return run(folder, "pretraining", seed, [
        "--model", "wav2vec2_cmsc", "--dataset", "simulated_ecg", "--dataset_args", f"seed={seed}",
        f"patients={size.patients}", "views=adjacent", "--model_args", *FEATURES, *ENCODER, *CODES,
        "--batch_size", "64", *_length(size.pretraining, math.ceil(size.training / 64)), "--lr", "1e-3"])


@torch.no_grad()
def judge_pretraining(place: Path) -> dict[str, float]:
    """Of the test part, nothing of which is trained on: InfoNCE's and CMSC's accuracy, beside what guessing has.

    A negative with the code of the target is left out, so guessing is right once in the candidates that are left.
    """
    restored = restoring.restore(config.parse(arguments.TEST, ["--weights", str(place)]))
    trainer, model = restored.trainer, restored.model.eval()
    found: dict[str, list[float]] = {}
    sizes = []
    for batch in restored.loader("test"):
        passed = model.pretrain(*trainer.inputs(batch), seed=trainer.seed_of(batch))
        candidates = passed.logits.isfinite().sum(-1)
        values = {"infonce_accuracy": passed.accuracy(), "infonce_chance": (1 / candidates).mean(),
                  "code_perplexity": passed.code_perplexity, "prob_perplexity": passed.prob_perplexity,
                  "cmsc_accuracy": contrast(trainer, nonzero_mean(*passed.frames), batch).right,
                  "cmsc_chance": 2 / len(batch)}
        sizes.append(len(batch))
        for name, value in values.items():
            found.setdefault(name, []).append(float(value))
    means = {name: round(float(np.average(values, weights=sizes)), 4) for name, values in found.items()}
    return means | {"codes": model.quantizer.total}


# ------------------------------------------------------------------------------------------------- labelled data
def simulated_task(folder: Path, seed: int, share: int, size: Size) -> Task:
    """So many per cent of the training records; less of them are part of more."""
    place = folder / "simulated"
    subset, names = _write_simulated(place, seed, size)
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(subset == "train"))
    count = max(round(len(drawn) * share / 100), 1)
    parts = {"train": drawn[:count], **{part: np.flatnonzero(subset == part) for part in ("valid", "test")}}
    splits = folder / f"splits-{share}.json"
    splits.write_text(json.dumps({part: names[found].tolist() for part, found in parts.items()}))
    return Task(f"{share} %", ["--dataset", "arrays", "--data_path", str(place), "--splits", str(splits)], count)


def _write_simulated(place: Path, seed: int, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """The records as arrays, made once for all runs of a seed; subset and name of each."""
    dataset = SimulatedECG(SimulatedECG.Config(seed=seed, patients=size.patients, cache_mb=0))
    records, target, spec = dataset.records, dataset.target, dataset.spec
    if not (place / "recordings.npz").exists():
        place.mkdir(exist_ok=True)
        unfinished = place.parent / "recordings.unfinished.npz"
        signal = np.stack([dataset.read(row)[0].signal for row in range(len(records.record))])
        np.savez(unfinished, signal=signal, label=records.label.astype(np.uint8), classes=np.array(target.names),
                 subject=records.subject, record=records.record, channels=np.array(spec.channels),
                 fs=np.float64(spec.rate_hz), unit=np.array(spec.unit))
        unfinished.rename(place / "recordings.npz")
    return records.subset, records.record


def ptbxl_task(recordings: Path, out: Path) -> Task:
    """All of the PTB-XL part."""
    if not (out / "ptbxl" / "recordings.npz").exists():
        convert_recordings.SETS["ptbxl"](recordings, out)
    with np.load(out / "ptbxl" / "recordings.npz", allow_pickle=False) as pack:
        count = round(0.85 * int((pack["subset"] == "train").sum()))
    flags = ["--dataset", "arrays", "--data_path", str(out / "ptbxl"), "--split_ratio", "0.85", "0.15", "0"]
    return Task("ptbxl", flags, count)


# ------------------------------------------------------------------------------------------------- classifiers
def classify(folder: Path, seed: int, task: Task, start: str, weights: Path, size: Size) -> float:
    """Test AUROC of the run whose rate validated best."""
    rates, updates = RATES.get(start, ()), size.updates
    if start == "longer":
        first = [(rate, _train(folder, seed, task, "scratch", rate, weights, updates)) for rate in RATES["scratch"]]
        rates, updates = [max(first, key=lambda one: _validated(one[1]))[0]], updates + size.pretraining
    places = [_train(folder, seed, task, start, rate, weights, updates) for rate in rates]
    return test_scores(max(places, key=_validated))["auroc"]


def _train(folder: Path, seed: int, task: Task, start: str, rate: float, weights: Path, updates: int) -> Path:
    name = f"{task.row.split()[0]}-{start.replace(' ', '_')}-{rate:g}"
    flags = ["--model", "ecg_transformer", *task.flags, "--model_args", *FEATURES, *ENCODER, "--monitor", "auroc",
             "--batch_size", str(BATCH), *_length(updates, math.ceil(task.records / BATCH)), "--lr", str(rate),
             "--weight_decay", "0.01", "--scheduler", "onecycle"]
    flags += ["--freeze", "backbone"] if "probe" in start else []
    return run(folder, name, seed, flags, ["--init_from", str(weights)] if start in ("probe", "finetune") else [])


def _validated(place: Path) -> float:
    """The best AUROC of the validation part."""
    return rows(place, "epoch")[-1]["monitor"]["best"]


def _length(updates: int, per_epoch: int) -> list[str]:
    epochs = math.ceil(updates / per_epoch)
    return ["--max_steps", str(updates), "--epochs", str(epochs), "--eval_freq", str(max(epochs // VALIDATIONS, 1))]


if __name__ == "__main__":
    main()
