"""Pictures of training: the curves of one run, and of several runs beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from src.evaluation.style import BLUE, COLOURS, MUTED, ORANGE, house_style, new_figure, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = ("-", "--", "-.", ":")


def training_figures(epochs: list[dict]) -> dict[str, Figure]:
    """Losses, and the monitored metric, by epoch from a run's epoch rows; empty where nothing was written."""
    losses = {"train": curve(epochs, "train", "loss"), "validation": curve(epochs, "val", "loss")}
    monitor = curve(epochs, "monitor", "value")
    pictures = {}
    with house_style():
        if any(losses.values()):
            pictures["training_loss"], axes = _by_epoch("loss")
            for colour, (label, points) in zip((BLUE, ORANGE), losses.items()):
                if points:
                    axes.plot(*zip(*points), marker=".", color=colour, label=label)
            axes.legend()
        if monitor:
            pictures["training_metric"], axes = _by_epoch(f"validation {_monitored(epochs)}")
            axes.plot(*zip(*monitor), marker=".", color=BLUE)
            kept = [row for row in epochs if (row.get("monitor") or {}).get("is_best")][-1:]
            for row in kept:
                axes.plot(row["epoch"], row["monitor"]["value"], "o", color=ORANGE, label="best, kept")
                axes.legend()
    return pictures


def _by_epoch(title: str) -> tuple[Figure, Axes]:
    figure = new_figure(4.4, 3.2)
    axes = figure.add_subplot(xlabel="epoch", ylabel=title)
    whole_epochs(axes)
    return figure, axes


def whole_epochs(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def curve(epochs: list[dict], part: str, metric: str) -> list[tuple[float, float]]:
    """(epoch, value) of one metric of one part (train, val), where it was written."""
    found = [(row.get("epoch"), (row.get(part) or {}).get(metric)) for row in epochs]
    return [(epoch, value) for epoch, value in found if epoch is not None and value is not None]


def comparison_figure(groups: dict[str, list[list[dict]]]) -> Figure:
    """Curves of several runs: group name -> the epoch rows of its runs. Runs of one group share a colour."""
    monitored = _monitored([row for runs in groups.values() for epochs in runs for row in epochs])
    with house_style():
        figure = new_figure(9.0, 4.0)
        panels = figure.subplots(1, 3)
        for number, (name, runs) in enumerate(groups.items()):
            look = {"color": COLOURS[number % len(COLOURS)], "linestyle": MARKS[number // len(COLOURS) % len(MARKS)],
                    "alpha": 1.0 if len(runs) == 1 else 0.6}
            for order, epochs in enumerate(runs):
                label = shortened(name, 40) if order == 0 else None
                for axes, shown in zip(panels, (("train", "loss"), ("val", "loss"), ("monitor", "value"))):
                    points = curve(epochs, *shown)
                    dots = "." if len(points) < 30 else ""
                    axes.plot(*(zip(*points) if points else ([], [])), label=label, marker=dots, **look)
        for axes, title in zip(panels, ("Training loss", "Validation loss", f"Validation {monitored}")):
            axes.set(xlabel="epoch", title=title)
            whole_epochs(axes)
            if not any(len(line.get_xdata()) for line in axes.lines):
                axes.text(0.5, 0.5, "nothing yet", transform=axes.transAxes, ha="center", color=MUTED)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(3, max(1, len(labels))))
    return figure


def _monitored(epochs: list[dict]) -> str:
    names = {row["monitor"]["name"] for row in epochs if row.get("monitor")}
    return names.pop() if len(names) == 1 else "monitored metric"
