"""Predictions for recordings without labels: a table, JSON, and each recording on paper with its probabilities."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from src.data.signal import SignalSpec
from src.errors import UserError
from src.evaluation.console import line, new_table, results_console
from src.evaluation.evaluate import Evaluation
from src.evaluation.predictions import probabilities
from src.evaluation.recordings import recording_figure
from src.evaluation.report import say
from src.evaluation.section import Section, Table
from src.evaluation.style import shortened
from src.evaluation.words import plural

PICTURES = 24  # of the first recordings; --limit and the folder choose others
FIRST = 3  # probabilities that a line tells
NAMED = 5  # recordings that one warning names


def recordings_section(evaluation: Evaluation, dataset: Any, spec: SignalSpec) -> Section:
    """Every recording with its answer, the first of them drawn."""
    rows = evaluation.predictions.rows.tolist()
    names = [plain(name) for name in evaluation.records.record.tolist()]
    lines = [[name, answer(evaluation, place), told(evaluation, place), str(dataset.windows(row))]
             for place, (row, name) in enumerate(zip(rows, names))]
    parts, text = [], f"{plural(len(rows), 'recording')} predicted"
    if dataset.failures:
        text += f", {plural(len(dataset.failures), 'file')} left out"
        left_out = [[plain(name), plain(reason)] for name, reason in dataset.failures.items()]
        parts.append(Section("Left out", table=Table(["file", "reason"], left_out)))
    for place, (row, name) in enumerate(zip(rows[:PICTURES], names)):
        figure = recording_figure(as_recorded(dataset, row), spec, f"{name}: {told(evaluation, place)}")
        windows = dataset.windows(row)
        shown = f"The first of {windows} windows. " if windows > 1 else ""
        parts.append(Section(name, figure=figure, caption=shown + dataset.warnings.get(name, ""), is_dense=True))
    return Section("Recordings", f"{text}.", table=Table(["recording", "answer", "likeliest", "windows"], lines),
                   parts=parts, values={"left_out": dataset.failures, "warnings": dataset.warnings})


def finish(evaluation: Evaluation, dataset: Any, folder: Path) -> None:
    """predictions.json in `folder`, the table on the terminal, and a line for every file that was left out."""
    path = folder / "predictions.json"
    try:
        path.write_text(json.dumps(as_json(evaluation, dataset), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}", "name another folder with --output_dir") from error
    console = results_console()
    table = new_table("recording", "windows", "answer", *(f"likeliest {k + 1}" for k in range(FIRST)))
    rows = evaluation.predictions.rows.tolist()
    for place, name in enumerate(evaluation.records.record.tolist()):
        table.add_row(shortened(plain(name), 22), str(dataset.windows(rows[place])),
                      shortened(answer(evaluation, place), 14), *likeliest(evaluation, place))
    console.print(table)
    line(console, f"as a table: {folder / 'predictions.csv'} and {path.name}; pictures: {folder / 'figures'}")
    for name, reason in dataset.failures.items():
        print(f"left out: {plain(name)}: {plain(reason)}", file=sys.stderr)
    for warning, names in _by_warning(dataset.warnings).items():
        others = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        print(f"warning: {', '.join(map(plain, names[:NAMED]))}{others}: {plain(warning)}", file=sys.stderr)


def _by_warning(warnings: dict[str, str]) -> dict[str, list[str]]:
    """Warning -> the recordings that it is about."""
    found: dict[str, list[str]] = {}
    for name, warning in warnings.items():
        found.setdefault(warning, []).append(name)
    return found


def as_json(evaluation: Evaluation, dataset: Any) -> dict[str, Any]:
    """What predictions.json holds."""
    target, rows = evaluation.target, evaluation.predictions.rows.tolist()
    chances = probabilities(target.kind, evaluation.predictions.scores)
    return {"recordings": [
        {"recording": str(name), "answer": answer(evaluation, place), "windows": dataset.windows(rows[place]),
         "values" if target.kind == "value" else "probabilities": dict(zip(target.names, chances[place].tolist())),
         "note": dataset.warnings.get(str(name), "")}
        for place, name in enumerate(evaluation.records.record.tolist())], "left_out": dataset.failures}


def answer(evaluation: Evaluation, place: int) -> str:
    """The class, the labels, or the values."""
    if evaluation.target.kind == "value":
        return ", ".join(f"{value:.4g}" for value in evaluation.decisions[place])
    said = evaluation.decisions[place]
    return "none" if evaluation.target.kind == "multilabel" and not said.any() else say(evaluation, said)


def told(evaluation: Evaluation, place: int) -> str:
    return "   ".join(filter(None, likeliest(evaluation, place)))


def likeliest(evaluation: Evaluation, place: int) -> list[str]:
    """The FIRST classes with their probabilities; values by name."""
    target = evaluation.target
    chances = probabilities(target.kind, evaluation.predictions.scores)[place]
    order = range(len(chances)) if target.kind == "value" else np.argsort(-chances, kind="stable").tolist()
    said = [f"{shortened(target.names[k], 8)} {chances[k]:.2f}" for k in order[:FIRST]]
    return said + [""] * (FIRST - len(said))


def as_recorded(dataset: Any, row: int, view: int = 0) -> np.ndarray:
    """The signal (channels, samples) before any normalisation, NaN where nothing was recorded."""
    sample = dataset.read(row)[view]
    signal = np.array(sample.signal, np.float32)
    if sample.channel_mask is not None:
        signal[~sample.channel_mask] = np.nan
    if sample.time_mask is not None:
        signal[:, ~sample.time_mask] = np.nan
    return signal


def plain(text: str) -> str:
    """On one line, without characters that steer a terminal."""
    return "".join(sign if sign.isprintable() else "?" for sign in " ".join(str(text).split()))
