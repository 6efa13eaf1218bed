"""The charts of an evaluation, each a function that returns one figure; for 2 to 61 classes, labels or values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from src.evaluation.calibration import Calibration
from src.evaluation.metrics import one_against_rest
from src.evaluation.ranking import curves
from src.evaluation.style import BLUE, COLOURS, INK, MUTED, ORANGE, house_style, new_figure, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from src.data.signal import TargetSpec
    from src.evaluation.intervals import Interval

NAMED_CURVES = 8  # more classes than this are drawn as a bundle with the best and the worst named


def confusion_figure(matrix: np.ndarray, names: tuple[str, ...]) -> Figure:
    """Counts (K true, K predicted); colour is the share of each true class, so that rare classes show."""
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    size = max(3.6, 0.36 * len(names) if len(names) <= 20 else 0.19 * len(names))
    with house_style():
        figure = new_figure(size + 1.4, size + 1.0)
        axes = figure.add_subplot()
        _cells(axes, share, matrix if len(names) <= 20 else None)
        labels = [shortened(name, 18) for name in names]
        font = 8 if len(names) <= 30 else 6
        axes.set_xticks(range(len(names)), labels, rotation=90, fontsize=font)
        axes.set_yticks(range(len(names)), labels, fontsize=font)
        axes.set_aspect("equal")
        axes.set(xlabel="predicted", ylabel="true")
    return figure


def occurring_confusion_figure(matrix: np.ndarray, names: tuple[str, ...]) -> Figure:
    """The same without the classes that are neither true nor predicted anywhere."""
    there = np.flatnonzero(matrix.sum(0) + matrix.sum(1))
    return confusion_figure(matrix[np.ix_(there, there)], tuple(names[k] or "∅" for k in there))


def label_counts_figure(counts: np.ndarray, names: tuple[str, ...]) -> Figure:
    """Found, missed, false alarms and rightly absent per label (K, 4); colour is the share of the present or absent."""
    present, absent = counts[:, :2].sum(1, keepdims=True), counts[:, 2:].sum(1, keepdims=True)
    share = np.hstack([counts[:, :2] / np.maximum(present, 1), counts[:, 2:] / np.maximum(absent, 1)])
    with house_style():
        figure = new_figure(5.6, 1.1 + 0.32 * len(names))
        axes = figure.add_subplot()
        _cells(axes, share, counts)
        axes.set_xticks(range(4), ["found", "missed", "false alarm", "rightly absent"])
        axes.set_yticks(range(len(names)), [shortened(name) for name in names])
        axes.xaxis.tick_top()
        axes.set_aspect("auto")
    return figure


def _cells(axes: Axes, share: np.ndarray, counts: np.ndarray | None) -> None:
    """A table of blue cells, transparent where the share is 0; numbers on top where they fit."""
    from matplotlib.colors import to_rgb

    colour = np.empty((*share.shape, 4))
    colour[..., :3], colour[..., 3] = to_rgb(BLUE), share
    axes.imshow(colour, interpolation="nearest")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    if counts is None:
        return
    for (row, column), number in np.ndenumerate(counts):
        if number:
            ink = "white" if share[row, column] > 0.45 else INK
            axes.text(column, row, f"{number:g}", ha="center", va="center", color=ink, fontsize=7.5)


def curves_figures(target: TargetSpec, labels: np.ndarray, scores: np.ndarray, rows: list[dict]) -> dict[str, Figure]:
    """ROC and precision-recall curves, one class against the rest; `rows` are those of `per_class`."""
    sides = one_against_rest(target, labels, scores)
    points = {k: curves(*sides[k]) for k, row in enumerate(rows) if np.isfinite(row["auroc"])}
    styles = {metric: _curve_styles(sorted(points, key=lambda k: -rows[k][metric]), target.names, rows, metric)
              for metric in ("auroc", "auprc")}
    with house_style():
        roc, axes = _square("1 - specificity", "sensitivity")
        for k, style in styles["auroc"].items():
            axes.plot(points[k]["fpr"], points[k]["tpr"], **style)
        axes.plot([0, 1], [0, 1], color=MUTED, linestyle=":", linewidth=1)
        axes.legend(loc="lower right", title="AUROC", handlelength=1.4)
        precision, axes = _square("recall (sensitivity)", "precision")
        for k, style in styles["auprc"].items():
            axes.plot(points[k]["recall"], points[k]["precision"], drawstyle="steps-pre", **style)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, handlelength=1.4, title="AUPRC")
    return {"roc": roc, "precision_recall": precision}


def _square(x: str, y: str) -> tuple[Figure, Axes]:
    figure = new_figure(4.4, 4.9 if y == "precision" else 4.2)
    axes = figure.add_subplot(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xlabel=x, ylabel=y)
    return figure, axes


def _curve_styles(ranked: list[int], names: tuple[str, ...], rows: list[dict], metric: str) -> dict[int, dict]:
    """Class -> line style and legend; of many classes only the best and the worst are named."""
    def label(k: int) -> str:
        return f"{shortened(names[k], 20)}  {rows[k][metric]:.2f}"

    if len(ranked) <= NAMED_CURVES:
        return {k: {"color": COLOURS[k % len(COLOURS)], "label": label(k)} for k in ranked}
    styles = {k: {"color": MUTED, "alpha": 0.55, "linewidth": 0.8} for k in ranked[1:-1]}
    styles[ranked[-1]] = {"color": ORANGE, "label": f"worst: {label(ranked[-1])}"}
    styles[ranked[0]] = {"color": BLUE, "label": f"best: {label(ranked[0])}"}
    return styles


def f1_figure(rows: list[dict], intervals: list[Interval | None], counted: str = "records") -> Figure:
    """F1 of every class, best on top, with its 95 % interval; a class without F1 is not drawn."""
    order = sorted((k for k, row in enumerate(rows) if np.isfinite(row["f1"])), key=lambda k: rows[k]["f1"])
    values = np.array([rows[k]["f1"] for k in order])
    ends = [intervals[k] for k in order]
    below = [max(0.0, value - end.low) if end else 0.0 for value, end in zip(values, ends)]
    above = [max(0.0, end.high - value) if end else 0.0 for value, end in zip(values, ends)]
    with house_style():
        figure = new_figure(5.6, 1.0 + 0.26 * max(2, len(order)))
        axes = figure.add_subplot()
        axes.barh(range(len(order)), values, color=BLUE, height=0.7, xerr=(below, above),
                  error_kw={"ecolor": INK, "elinewidth": 0.9, "capsize": 2})
        axes.set_yticks(range(len(order)), [f"{shortened(rows[k]['name'])} ({rows[k]['support']:.0f})" for k in order])
        axes.set(xlim=(0, 1.02), ylim=(-0.6, len(order) - 0.4), xlabel=f"F1 ({counted} in brackets)")
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    return figure


def reliability_figure(calibration: Calibration, scaled: Calibration | None = None) -> Figure:
    """What was claimed against what happened, over a histogram of the claims; `scaled`: with a fitted temperature."""
    bins = len(calibration.count)
    left = np.arange(bins) / bins
    with house_style():
        figure = new_figure(4.6, 4.8)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        top.plot([0, 1], [0, 1], color=MUTED, linestyle=":", linewidth=1, label="perfect")
        top.plot(calibration.confidence, calibration.observed, "o-", color=BLUE, markersize=5, label="this model")
        if scaled is not None:
            top.plot(scaled.confidence, scaled.observed, "s--", color=ORANGE, markersize=4, label="with temperature")
        top.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="share that was right")
        top.legend(loc="upper left")
        bottom.bar(left, calibration.count, width=1 / bins, align="edge", color=BLUE, edgecolor=MUTED, linewidth=0.4)
        bottom.set(xlabel=f"probability of {calibration.about}", ylabel="count")
        bottom.locator_params(axis="y", nbins=3)
    return figure


def values_figure(names: tuple[str, ...], labels: np.ndarray, scores: np.ndarray) -> Figure:
    """Predicted against true values (n, K), one panel per output, the first nine."""
    shown = min(9, len(names))
    columns = min(3, shown)
    lines = -(-shown // columns)
    with house_style():
        figure = new_figure(3.4 * columns + 0.8, 3.2 * lines + 0.4)
        for k, axes in enumerate(figure.subplots(lines, columns, squeeze=False).flat):
            if k >= shown:
                axes.set_visible(False)
                continue
            ends = [min(labels[:, k].min(), scores[:, k].min()), max(labels[:, k].max(), scores[:, k].max())]
            axes.plot(ends, ends, color=MUTED, linestyle=":", linewidth=1)
            axes.plot(labels[:, k], scores[:, k], "o", color=BLUE, markersize=3, alpha=0.5, markeredgewidth=0)
            axes.set(xlabel="true", ylabel="predicted", title=shortened(names[k]))
    return figure
