"""The folder that testing leaves: metrics.json, predictions.csv, figures/*.png and report.html."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.errors import UserError
from src.evaluation import figures
from src.evaluation.evaluate import Evaluation, confusion, label_counts
from src.evaluation.predictions import probabilities
from src.evaluation.report import Story, render
from src.evaluation.style import save_png
from src.evaluation.training_curves import training_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write(evaluation: Evaluation, folder: Path, story: Story) -> Path:
    """Write all results into `folder` (made if absent); returns the path of the report."""
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").write_text(json.dumps(results(evaluation, story), indent=2) + "\n", encoding="utf-8")
        write_predictions(evaluation, folder / "predictions.csv")
        pictures = draw(evaluation, story.epochs)
        for name, figure in pictures.items():
            save_png(figure, folder / "figures" / f"{name}.png")
        report = folder / "report.html"
        report.write_text(render(evaluation, story, pictures), encoding="utf-8")
    except OSError as error:
        raise UserError(f"the results cannot be written to {folder}: {error}",
                        "name another folder with --output_dir, or make room") from error
    return report


def results(evaluation: Evaluation, story: Story) -> dict[str, Any]:
    """What metrics.json holds; what is not defined is null."""
    overall = evaluation.intervals.overall if evaluation.intervals else {}
    resampling = {key: getattr(evaluation.intervals, key) for key in ("unit", "units", "draws", "usable", "seed")
                  } if evaluation.intervals else None
    calibrated = {key: value.tolist() if isinstance(value, np.ndarray) else value
                  for key, value in asdict(evaluation.calibration).items()} if evaluation.calibration else None
    return _json_ready({
        "model": story.model, "data": story.data, "subset": story.subset, "weights": story.weights,
        "records": len(evaluation.predictions), "subjects": evaluation.subjects,
        "loss": evaluation.predictions.loss,
        "metrics": evaluation.scores,
        "intervals": {name: [part.low, part.high] if part else None for name, part in overall.items()},
        "usable_draws": {name: part.usable if part else 0 for name, part in overall.items()},
        "chance": evaluation.chance, "resampling": resampling,
        "per_class": [row | _class_intervals(evaluation, k) for k, row in enumerate(evaluation.by_class)],
        "left_out_of_macro": evaluation.left_out,
        "calibration": calibrated,
    })


def _class_intervals(evaluation: Evaluation, k: int) -> dict[str, list[float] | None]:
    by_class = evaluation.intervals.by_class if evaluation.intervals else {}
    return {f"{name}_interval": [part[k].low, part[k].high] if part[k] else None for name, part in sorted(by_class.items())}


def _json_ready(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json_ready(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_json_ready(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_predictions(evaluation: Evaluation, path: Path) -> None:
    """One line per record, in the order of the data set's table: names, truth, prediction, one column per class."""
    columns = _columns(evaluation)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(zip(*columns.values()))


def _columns(evaluation: Evaluation) -> dict[str, list]:
    """Column name -> its cells; truth is left out where the data carry none."""
    kind, names, labels = evaluation.target.kind, evaluation.target.names, evaluation.predictions.labels
    columns: dict[str, list] = {"record": evaluation.records.record.tolist(), "subject": evaluation.records.subject.tolist()}
    if kind == "value":
        for k, name in enumerate(names):
            if labels is not None:
                columns[f"label:{name}"] = _short(labels.reshape(len(labels), -1)[:, k])
            columns[f"prediction:{name}"] = _short(evaluation.predictions.scores.reshape(len(columns["record"]), -1)[:, k])
    if kind in ("classes", "multilabel"):
        say = (lambda row: names[row]) if kind == "classes" else (lambda row: ";".join(np.array(names)[row > 0]))
        if labels is not None:
            columns["label"] = [say(row) for row in labels]
        columns["prediction"] = [say(row) for row in evaluation.decisions]
        chances = probabilities(kind, evaluation.predictions.scores)
        columns |= {f"p:{name}": _short(chances[:, k]) for k, name in enumerate(names)}
    return columns


def _short(values: np.ndarray) -> list[str]:
    return [f"{value:.6g}" for value in values.tolist()]


def draw(evaluation: Evaluation, epochs: list[dict]) -> dict[str, Figure]:
    """File name -> picture, as far as the target and the labels allow."""
    pictures: dict[str, Figure] = {}
    target, labels, scores = evaluation.target, evaluation.predictions.labels, evaluation.predictions.scores
    training = training_figure(epochs)
    if training is not None:
        pictures["training"] = training
    if not evaluation.scores or labels is None:
        return pictures
    if target.kind == "value":
        pictures["values"] = figures.values_figure(target.names, labels.reshape(scores.shape), scores)
        return pictures
    if target.kind == "multilabel":
        pictures["confusion"] = figures.label_counts_figure(label_counts(evaluation), target.names)
    else:
        pictures["confusion"] = figures.confusion_figure(confusion(evaluation), target.names)
    pictures["f1"] = figures.f1_figure(evaluation.by_class, evaluation.class_intervals("f1"))
    if any(math.isfinite(row.get("auroc", math.nan)) for row in evaluation.by_class):
        pictures["roc_pr"] = figures.curves_figure(target, labels, scores, evaluation.by_class)
    if evaluation.calibration:
        pictures["reliability"] = figures.reliability_figure(evaluation.calibration)
    return pictures
