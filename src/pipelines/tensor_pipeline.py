"""The ECG tensor pipeline by commands: what `--layout tensor_pipeline` adds to prepare.py and test.py.

Its tree and messages around our preparation and evaluation; what it adds to train.py is `src/trainer/tensor_view.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.data.prepare.finish import FAILURES, Summary
from src.data.prepare.options import PrepareConfig
from src.data.prepare.plan import Plan
from src.data.prepare.raw import RawSet
from src.data.prepare.stores import VECTORS
from src.data.tables import read_columns
from src.errors import UserError
from src.evaluation.protocols.tensor_pipeline import compute_metrics
from src.evaluation.style import BLUE, house_style, new_figure, save_png
from src.files import write_json
from src.interop.layouts.tensor_pipeline import INDENT, NAME, PROCESSED, SMOKE_TEST, Tree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from src.evaluation.evaluate import Evaluation


def output_folder(limit: int | None) -> Path:
    """Where prepare.py writes when nobody says it: a limited preparation is the smoke test."""
    return PROCESSED / SMOKE_TEST if limit else PROCESSED


def check_preparation(raw: RawSet, config: PrepareConfig) -> None:
    """UserError for what the layout cannot hold."""
    if raw.kind != "classes":
        raise UserError(f"--layout {NAME}: one class per record; the labels of {raw.name} are {raw.kind}",
                        "leave --layout out")
    if len(config.leads) != 1 or config.leads == ("standard12",):
        raise UserError(f"--layout {NAME}: one lead per record, here leads={','.join(config.leads) or '(all)'}",
                        "--prepare_args leads=single")


def tell_prepared(summary: Summary) -> tuple[str, ...]:
    """The pipeline's log of a preparation, and what to tell people; nothing for other layouts."""
    plan = Plan.load(summary.output)
    if plan is None or plan.store != VECTORS:
        return ()
    labelled = "with unified labels " if plan.set == "unified" else f"of {plan.set} "
    message = f"Preprocessing {labelled}completed successfully."
    tree = Tree.around(summary.output)
    tree.log(f"{plan.set}: {plan.source} -> {summary.output}")
    tree.log(*_skipped(summary), level="WARNING")
    tree.log(*summary.notes, f"{summary.records} records, {len(summary.failed)} skipped", message)
    return (message,)


def _skipped(summary: Summary) -> list[str]:
    if not summary.failed:
        return []
    table = read_columns(summary.output / FAILURES)
    return [f"skipped {record}: {reason}" for record, reason in zip(table["record"].tolist(), table["reason"].tolist())]


# ------------------------------------------------------------------------------------------------ test.py
def tell_tested(evaluation: Evaluation, subset: str, data_path: str | None) -> tuple[str, ...]:
    """<subset>_metrics.json beside the data, figures/<subset>_f1_scores.png, the log; what to tell people."""
    if evaluation.target.kind != "classes" or evaluation.predictions.labels is None:
        raise UserError(f"--layout {NAME}: one known class per record is judged; these data have none",
                        "leave --layout out")
    tree, folder = Tree.around(data_path), Path(data_path or "")
    found = compute_metrics(np.asarray(evaluation.predictions.labels), evaluation.decisions, evaluation.target.names)
    metrics = (folder if folder.is_dir() and data_path else tree.root / PROCESSED) / f"{subset}_metrics.json"
    picture = tree.figure(f"{subset}_f1_scores")
    write_json(metrics, {**found, "split": subset}, INDENT)
    save_png(f1_figure(found), picture)
    lines = ("Evaluation complete!", f"  Metrics saved to: {metrics}", f"  F1 plot saved to: {picture}")
    tree.log(f"{subset}: F1 macro {found['f1_macro']:.4f}, accuracy {found['accuracy']:.4f}", *lines)
    return lines


def f1_figure(found: dict[str, Any]) -> Figure:
    """A bar per class with its value, from 0 to 1."""
    rows = found["per_class"]
    with house_style():
        figure = new_figure(1.6 + 0.9 * len(rows), 3.4)
        axes = figure.add_subplot(ylim=(0, 1.05), ylabel="F1", title=f"F1 by class, mean {found['f1_macro']:.3f}")
        bars = axes.bar([row["label"] for row in rows], [row["f1"] for row in rows], color=BLUE, width=0.7)
        axes.bar_label(bars, fmt="%.3f", padding=2)
        axes.grid(visible=False, axis="x")
    return figure
