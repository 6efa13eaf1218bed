"""What the networks reach on small real recordings, beside the floors of simple feature classifiers.

    python benchmarks/real_recordings.py RECORDINGS_DIR [--only cinc2017 ...] [--out FOLDER] [flags of train.py]

Each row of TASKS is one recipe in `benchmarks/recipes/`. The recordings are converted, `train.py` runs once per fold
(or seed), and the best weights by the run's own validation part see the test part once. RECORDINGS_DIR is a folder of
packed sets as `convert_recordings.py` reads them. Further flags go to every `train.py`.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import arguments
import train
from benchmarks import convert_recordings
from src import config, restoring
from src.data.dataset import Records
from src.data.signal import TargetSpec
from src.errors import OK, UserError
from src.evaluation.intervals import Interval, bootstrap
from src.evaluation.metrics import compute

RECIPES = Path(__file__).resolve().parent / "recipes"


@dataclass(frozen=True)
class Task:
    """One set and model. `floor` is the simple classifier's `metric` over the same parts; `pretraining` names the
    recipe of a run on simulated data whose weights it starts from."""

    recordings: str
    model: str
    metric: str
    floor: float
    pretraining: str = ""

    @property
    def name(self) -> str:
        return f"{self.recordings}_{self.model}" + ("_pretrained" if self.pretraining else "")


TASKS = (
    Task("cinc2017", "resnet1d", "f1_macro", 0.745, pretraining="cinc2017_pretraining"),
    Task("ptbxl", "resnet1d", "auroc", 0.800),
    Task("ptbxl", "resnet1d", "auroc", 0.800, pretraining="ptbxl_pretraining"),
    Task("mitbih", "resnet1d", "auroc", 0.990),
    Task("bci2_iv", "duin_cls", "accuracy", 0.735),
    Task("bci2_iv", "cnn", "accuracy", 0.735),
    Task("seeg_ccep", "cnn", "auroc", 0.728),
)


@dataclass
class Tested:
    """The test part of one run: outputs (n, K), labels, and the subject of each record."""

    target: TargetSpec
    records: Records
    labels: np.ndarray
    scores: np.ndarray


@dataclass
class Result:
    """`values`: the metric of every run; `pooled`: over the records of all folds together (None for seeds)."""

    task: Task
    values: np.ndarray
    pooled: float | None
    interval: Interval | None
    cpu_minutes: float


def run_task(task: Task, data: Path, out: Path, extra: list[str]) -> Result:
    """Train every fold or seed of one recipe, test each once."""
    started = time.process_time()
    flags = ["--save_dir", str(out), *extra]
    start = []
    if task.pretraining:
        name = f"{task.name}-start"
        _train([*_recipe(task.pretraining), "--experiment_name", name, *flags])
        start = ["--init_from", str(out / name)]
    _train([*_recipe(task.name), "--data_path", str(data), "--experiment_name", task.name, *start, *flags])
    folders = [folder for kind in ("fold", "seed") for folder in sorted(out.glob(f"{task.name}-{kind}*"))]
    runs = [tested(folder) for folder in folders]
    values = np.array([compute(run.target, run.labels, run.scores)[task.metric] for run in runs])
    minutes = (time.process_time() - started) / 60
    if "-seed" in folders[0].name:  # the same records again: nothing to pool
        return Result(task, values, None, None, minutes)
    return Result(task, values, *pooled(runs, task.metric), minutes)


def _recipe(name: str) -> list[str]:
    return ["--config", str(RECIPES / f"{name}.toml")]


def _train(argv: list[str]) -> None:
    if train.main(argv) != OK:
        raise UserError(f"train.py {' '.join(argv)}: did not finish", "its message is above")


def tested(folder: Path) -> Tested:
    """What the best weights of a finished run say about its test part."""
    run = restoring.restore(config.parse(arguments.TEST, ["--weights", str(folder)]))
    found = run.trainer.predict(run.loader("test"))
    return Tested(run.data.target, run.data.dataset.records.take(found.rows), found.labels, found.scores)


def pooled(runs: list[Tested], metric: str) -> tuple[float, Interval | None]:
    """The metric over the test records of all folds together, with its bootstrap interval."""
    labels, scores = (np.concatenate([getattr(run, name) for run in runs]) for name in ("labels", "scores"))
    subjects = np.concatenate([run.records.subject for run in runs])
    target = runs[0].target
    return compute(target, labels, scores)[metric], bootstrap(target, labels, scores, subjects).overall[metric]


def table(results: list[Result]) -> list[str]:
    """Markdown: one row per task."""
    lines = ["| set | model | metric | runs | mean +- sd | all folds together (95 %) | floor | CPU minutes |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for result in results:
        task, together = result.task, "-"
        if result.pooled is not None:
            span = result.interval
            together = f"{result.pooled:.3f}" + (f" ({span.low:.3f} to {span.high:.3f})" if span else "")
        spread = f" +- {result.values.std(ddof=1):.3f}" if len(result.values) > 1 else ""
        model = task.model + (", pretrained" if task.pretraining else "")
        cells = [task.recordings, model, task.metric, str(len(result.values)), f"{result.values.mean():.3f}{spread}",
                 together, f"{task.floor:.3f}", f"{result.cpu_minutes:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main(argv: list[str] | None = None) -> int:
    sets = list(dict.fromkeys(task.recordings for task in TASKS))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, metavar="RECORDINGS_DIR")
    parser.add_argument("--only", nargs="+", choices=[*sets, *(task.name for task in TASKS)], metavar="SET_OR_TASK",
                        help=f"of {', '.join(task.name for task in TASKS)}")
    parser.add_argument("--out", type=Path, default=Path("checkpoints") / f"real-{time.strftime('%Y%m%d-%H%M%S')}")
    given, extra = parser.parse_known_args(argv)
    if given.out.exists():
        parser.error(f"--out {given.out}: is there already; its runs would be mixed up with the new ones")

    chosen = [task for task in TASKS if not given.only or {task.recordings, task.name} & set(given.only)]
    results = []
    for task in chosen:
        convert_recordings.SETS[task.recordings](given.source, given.out / "recordings")
        results.append(run_task(task, given.out / "recordings" / task.recordings, given.out, extra))
        print("\n".join(table(results)), flush=True)
    return OK


if __name__ == "__main__":
    sys.exit(main())
