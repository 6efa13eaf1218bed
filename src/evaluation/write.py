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
from src.evaluation.calibration import Calibration
from src.evaluation.counting import IGNORED
from src.evaluation.evaluate import Evaluation, confusion, label_counts
from src.evaluation.predictions import probabilities
from src.evaluation.report import Story, render
from src.evaluation.section import keyed
from src.evaluation.style import save_png
from src.evaluation.training_curves import training_figures
from src.evaluation.words import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write(evaluation: Evaluation, folder: Path, story: Story) -> Path:
    """Write all results into `folder` (made if absent); returns the path of the report."""
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        (folder / "metrics.json").write_text(json.dumps(results(evaluation, story), indent=2) + "\n", encoding="utf-8")
        write_predictions(evaluation, folder / "predictions.csv")
        if evaluation.target.kind == "embedding":
            write_embeddings(evaluation, folder / "embeddings.npz")
        pictures = draw(evaluation, story.epochs)
        further = {key: part.figure for key, part in keyed(story.sections) if part.figure}
        for name, figure in {**further, **pictures}.items():
            save_png(figure, folder / "figures" / f"{name}.png")
        report = folder / "report.html"
        report.write_text(render(evaluation, story, pictures), encoding="utf-8")
    except OSError as error:
        raise UserError(f"the results cannot be written to {folder}: {error}",
                        "name another folder with --output_dir, or make room") from error
    return report


def results(evaluation: Evaluation, story: Story) -> dict[str, Any]:
    """What metrics.json holds; what is not defined is null."""
    fitted, overall = evaluation.fitted, evaluation.intervals.overall if evaluation.intervals else {}
    resampling = {key: getattr(evaluation.intervals, key) for key in ("unit", "units", "draws", "usable", "seed")
                  } if evaluation.intervals else None
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
        "calibration": _calibration(evaluation.calibration),
        "temperature": fitted.temperature, "calibration_with_temperature": _calibration(evaluation.scaled),
        "thresholds": {"rule": fitted.rule, "values": None if fitted.thresholds is None else
                       dict(zip(evaluation.target.names, fitted.thresholds.tolist()))},
        "fitted_on_validation_records": fitted.records,
        "sections": {key: part.values for key, part in keyed(story.sections) if part.values},
    })


def _calibration(found: Calibration | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in asdict(found).items()}


def _class_intervals(evaluation: Evaluation, k: int) -> dict[str, list[float] | None]:
    by_class = evaluation.intervals.by_class if evaluation.intervals else {}
    parts = {name: by_class[name][k] for name in sorted(by_class)}
    return {f"{name}_interval": [part.low, part.high] if part else None for name, part in parts.items()}


def _json_ready(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json_ready(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_json_ready(part) for part in value]
    if isinstance(value, np.generic):
        return _json_ready(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_predictions(evaluation: Evaluation, path: Path) -> None:
    """One line per record, in the order of the data set's table: names, truth, prediction, one column per class."""
    columns = _columns(evaluation)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(zip(*columns.values()))


def write_embeddings(evaluation: Evaluation, path: Path) -> None:
    """`embedding` (n, E) float32 with the `record`, `subject` and (where there is one) `label` of each row."""
    found, records = evaluation.predictions, evaluation.records
    np.savez(path, allow_pickle=False, embedding=found.scores.astype(np.float32), record=records.record.astype(str),
             subject=records.subject.astype(str), **({} if found.labels is None else {"label": found.labels}))


def _columns(evaluation: Evaluation) -> dict[str, list]:
    """Column name -> its cells; truth is left out where the data carry none."""
    kind, names, found = evaluation.target.kind, evaluation.target.names, evaluation.predictions
    records = evaluation.records
    columns: dict[str, list] = {"record": records.record.tolist(), "subject": records.subject.tolist()}
    if kind == "value":
        for part, table in (("label", found.labels), ("prediction", found.scores)):
            if table is not None:
                values = table.reshape(len(table), -1)
                columns |= {f"{part}:{name}": _short(values[:, k]) for k, name in enumerate(names)}
    if kind in ("tokens", "signal") and found.labels is not None:
        columns |= _token_columns(evaluation) if kind == "tokens" else _signal_columns(found.scores, names)
    if kind in ("classes", "multilabel"):
        if found.labels is not None:
            columns["label"] = [_said(evaluation, row) for row in found.labels]
            if kind == "multilabel" and np.isnan(found.labels).any():
                columns["unknown"] = [_said(evaluation, np.isnan(row)) for row in found.labels]
        columns["prediction"] = [_said(evaluation, row) for row in evaluation.decisions]
        chances = probabilities(kind, found.scores)
        columns |= {f"p:{name}": _short(chances[:, k]) for k, name in enumerate(names)}
    return columns


def _token_columns(evaluation: Evaluation) -> dict[str, list]:
    """How many tokens count, how many of them are right and their mean loss; both sequences where classes have names.

    A token that does not count is a dash.
    """
    labels, scores = np.asarray(evaluation.predictions.labels), evaluation.predictions.scores
    names = evaluation.target.names
    known, said = labels != IGNORED, evaluation.decisions
    size = known.sum(1)
    loss = -np.where(known, scores[..., 0], 0).sum(1) / np.maximum(size, 1)
    columns = {"tokens": size.tolist(), "right": (known & (said == labels)).sum(1).tolist(),
               "cross_entropy": _short(loss)}
    if evaluation.by_class:
        for name, sequence in (("label", labels), ("prediction", said)):
            columns[name] = [" ".join(names[token] if there else "-" for token, there in zip(*row))
                             for row in zip(sequence.tolist(), known.tolist())]
    return columns


def _signal_columns(summaries: np.ndarray, names: tuple[str, ...]) -> dict[str, list]:
    """Of each record: mean squared error, and the explained variance of each channel; empty where it is not there."""
    samples, error, error2, total, total2 = np.moveaxis(summaries.astype(np.float64), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance, lost = total2 / samples - (total / samples) ** 2, error2 / samples - (error / samples) ** 2
        explained = np.where(variance > 0, 1 - lost / variance, np.nan)
    columns = {"mse": _short(error2.sum(1) / np.maximum(samples.sum(1), 1))}
    return columns | {f"explained_variance:{name}": [value if value != "nan" else "" for value in
                                                     _short(explained[:, k])] for k, name in enumerate(names)}


def _said(evaluation: Evaluation, answer: Any) -> str:
    """The class; or the labels, joined with ';'."""
    names = evaluation.target.names
    if evaluation.target.kind == "classes":
        return names[int(answer)]
    return ";".join(name for name, there in zip(names, answer) if there == 1)


def _short(values: np.ndarray) -> list[str]:
    return [f"{value:.6g}" for value in values.tolist()]


def draw(evaluation: Evaluation, epochs: list[dict]) -> dict[str, Figure]:
    """File name -> picture, as far as the target and the labels allow."""
    pictures = training_figures(epochs)
    target, labels, scores = evaluation.target, evaluation.predictions.labels, evaluation.predictions.scores
    if not evaluation.by_class or labels is None or target.kind == "signal":
        return pictures
    if target.kind == "value":
        pictures["predicted_vs_true"] = figures.values_figure(target.names, labels.reshape(scores.shape), scores)
        return pictures
    if target.kind == "multilabel":
        pictures["confusion"] = figures.label_counts_figure(label_counts(evaluation), target.names)
    else:
        picture = figures.occurring_confusion_figure if target.kind == "tokens" else figures.confusion_figure
        pictures["confusion"] = picture(confusion(evaluation), target.names)
    pictures["f1"] = figures.f1_figure(evaluation.by_class, evaluation.class_intervals("f1"), counted(target.kind))
    if any(math.isfinite(row.get("auroc", math.nan)) for row in evaluation.by_class):
        pictures |= figures.curves_figures(target, labels, scores, evaluation.by_class)
    if evaluation.calibration:
        pictures["reliability"] = figures.reliability_figure(evaluation.calibration, evaluation.scaled)
    return pictures
