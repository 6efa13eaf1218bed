"""--seeds and --folds: the same run several times, then mean and deviation with a confidence interval.

Each run is an ordinary one with its own folder; finished ones are passed over by `--resume auto`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from src.door import NothingToDo
from src.errors import OK
from src.pipelines import dev_run
from src.trainer import run_folder
from src.trainer.display import say

CONFIDENCE = 0.95


def run(args: Any, train_one: Callable[[Any], Any]) -> int:
    """Train once per seed and fold, test each with its best weights, print the table on standard output.

    A finished run that is passed over counts with the scores that it wrote.
    """
    rows: list[dict[str, Any]] = []
    base = args.experiment_name or args.model
    if args.fast_dev_run:  # one of them tells whether all of them work
        return dev_run.run(next(_each(args, base))[0], train_one)
    for single, name in _each(args, base):
        say(f"\n=== {name}")
        single.experiment_name = name
        try:
            trainer = train_one(single)
        except NothingToDo as word:
            say(str(word))
            folder, _ = run_folder.find_for_resume(single)
            rows.append({"run": name, **run_folder.test_metrics(folder)})
            continue
        if trainer is None:
            continue
        trainer.stop_if_asked()
        rows.append({"run": name, **_scores(trainer)})
    if rows:
        print("\n".join(table(rows)))
    return OK


def _scores(trainer: Any) -> dict[str, float]:
    """Of the test part; where there is none, the best validation value."""
    if trainer.test_loader is not None:
        return trainer.test()
    return {} if trainer.best_metric is None else {f"best {trainer.progress.monitor}": trainer.best_metric}


def _each(args: Any, base: str):
    folds = range(args.folds) if args.folds and args.fold is None else [args.fold]
    for seed in args.seeds or [args.seed]:
        for fold in folds:
            parts = [base, *([f"seed{seed}"] if args.seeds else []), *([f"fold{fold}"] if args.folds else [])]
            single = argparse.Namespace(**{**vars(args), "seed": seed, "seeds": None, "fold": fold})
            single.sources = {**args.sources}
            yield single, "-".join(parts)


def table(rows: list[dict[str, Any]]) -> list[str]:
    """One line per run and metric column, then mean +- sd and the t interval of the mean."""
    names = [name for name in dict.fromkeys(key for row in rows for key in row) if name != "run"]
    width = max(len(str(row["run"])) for row in rows) + 2
    lines = [f"{'run':<{width}}" + "".join(f"{name:>19}" for name in names)]
    for row in rows:
        lines.append(f"{row['run']:<{width}}" + "".join(f"{row.get(name, math.nan):>19.4f}" for name in names))
    columns = {name: np.array([row[name] for row in rows if name in row]) for name in names}
    lines.append(f"{'mean +- sd':<{width}}" + "".join(f"{_mean(columns[name]):>19}" for name in names))
    lines.append(f"{'95% interval':<{width}}" + "".join(f"{_interval(columns[name]):>19}" for name in names))
    return lines


def _mean(values: np.ndarray) -> str:
    return f"{values.mean():.4f}" + (f" +- {values.std(ddof=1):.4f}" if len(values) > 1 else "")


def _interval(values: np.ndarray) -> str:
    """Student's t interval of the mean over runs."""
    if len(values) < 2:
        return "-"
    from scipy.stats import t

    half = t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return f"{values.mean() - half:.4f} .. {values.mean() + half:.4f}"
