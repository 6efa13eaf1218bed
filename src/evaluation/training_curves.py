"""Pictures of training: the curves of one run, and of several runs beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from src.evaluation.style import BLUE, COLOURS, MUTED, ORANGE, house_style, new_figure, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKS = ("-", "--", "-.", ":")


def training_figure(epochs: list[dict]) -> Figure | None:
    """Losses and the monitored metric by epoch from a run's epoch rows; None where there are none."""
    losses = {"train": curve(epochs, "train", "loss"), "validation": curve(epochs, "val", "loss")}
    name = next((row["monitor"]["name"] for row in reversed(epochs) if row.get("monitor")), "")
    monitor = curve(epochs, "monitor", "value")
    if not any(losses.values()):
        return None
    with house_style():
        figure = new_figure(8.6, 3.2)
        left, right = figure.subplots(1, 2)
        for colour, (label, points) in zip((BLUE, ORANGE), losses.items()):
            if points:
                left.plot(*zip(*points), marker=".", color=colour, label=label)
        left.legend()
        left.set(xlabel="epoch", title="Loss")
        right.plot(*zip(*monitor), marker=".", color=BLUE) if monitor else right.set_visible(False)
        best = [row for row in epochs if (row.get("monitor") or {}).get("is_best")]
        if best:
            right.plot(best[-1]["epoch"], best[-1]["monitor"]["value"], "o", color=ORANGE, label="best, kept")
            right.legend()
        right.set(xlabel="epoch", title=f"Validation {name}")
    return figure


def curve(epochs: list[dict], part: str, metric: str) -> list[tuple[float, float]]:
    """(epoch, value) of one metric of one part (train, val), where it was written."""
    found = [(row.get("epoch"), (row.get(part) or {}).get(metric)) for row in epochs]
    return [(epoch, value) for epoch, value in found if epoch is not None and value is not None]


def comparison_figure(groups: dict[str, list[list[dict]]]) -> Figure:
    """Curves of several runs: group name -> the epoch rows of its runs. Runs of one group share a colour."""
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
        for axes, title in zip(panels, ("Training loss", "Validation loss", _monitored(groups))):
            axes.set(xlabel="epoch", title=title)
            if not any(len(line.get_xdata()) for line in axes.lines):
                axes.text(0.5, 0.5, "nothing yet", transform=axes.transAxes, ha="center", color=MUTED)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(3, max(1, len(labels))))
    return figure


def _monitored(groups: dict[str, list[list[dict]]]) -> str:
    rows = [row for runs in groups.values() for epochs in runs for row in epochs]
    names = {row["monitor"]["name"] for row in rows if row.get("monitor")}
    return f"Validation {names.pop()}" if len(names) == 1 else "Monitored metric"
