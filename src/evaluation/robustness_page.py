"""The robustness card in the report: a bar and a row per disturbance."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from src.evaluation.metrics import direction
from src.evaluation.robustness import Robustness, worst
from src.evaluation.section import Section, Table
from src.evaluation.style import COLOURS, INK, MUTED, house_style, new_figure
from src.evaluation.words import TITLES, number, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def robustness_section(found: Robustness) -> Section:
    title = TITLES[found.metric]
    rows = [["as recorded", number(found.clean), "", ""]]
    rows += [[outcome.name, number(outcome.value), _signed(outcome.change), percent(outcome.decided_otherwise, 1)]
             for outcome in found.outcomes]
    values = {"metric": found.metric, "clean": found.clean, "outcomes": [asdict(outcome) for outcome in found.outcomes],
              "left_out": found.left_out}
    caption = ("Each row: all records of the part, disturbed before they are normalised, with a fixed seed. Decisions "
               "changed: the share of all answers.")
    caption += " Grey: the 95 % interval of the undisturbed score." if found.interval else ""
    caption += f" Not tried: {'; '.join(found.left_out)}." if found.left_out else ""
    return Section("Robustness", _finding(found), figure=robustness_figure(found), caption=caption, values=values,
                   table=Table(["disturbance", title, "change", "decisions changed"], rows))


def _finding(found: Robustness) -> str:
    lower = direction(found.metric) == "min"
    most = worst(found, lower)
    title = TITLES[found.metric]
    if most is None:
        return f"{title} is not defined under any disturbance."
    loss = -most.change if not lower else most.change
    if loss <= 0:
        return f"No disturbance lowers the {title}."
    return (f"What costs most is {most.name}: {title} {number(most.value)} instead of {number(found.clean)}, "
            f"{percent(most.decided_otherwise)} of the decisions change.")


def _signed(change: float) -> str:
    return f"{change:+.3f}" if math.isfinite(change) else "–"


def robustness_figure(found: Robustness) -> Figure:
    """What every disturbance makes of the metric, coloured by kind: bars that begin where it is undisturbed."""
    kinds = list(dict.fromkeys(outcome.kind for outcome in found.outcomes))
    with house_style():
        figure = new_figure(6.4, 1.0 + 0.19 * len(found.outcomes))
        axes = figure.add_subplot(xlabel=TITLES[found.metric])
        if found.interval is not None:
            axes.axvspan(found.interval.low, found.interval.high, color=MUTED, alpha=0.15, linewidth=0)
        axes.axvline(found.clean, color=INK, linewidth=1)
        for place, outcome in enumerate(found.outcomes):
            if math.isfinite(outcome.value):
                colour = COLOURS[kinds.index(outcome.kind) % len(COLOURS)]
                axes.barh(place, outcome.change, left=found.clean, color=colour, height=0.7)
                axes.plot(outcome.value, place, "o", color=colour, markersize=4)
        axes.text(found.clean, -1.0, "as recorded", ha="center", va="bottom", fontsize=8, color=INK)
        axes.set_yticks(range(len(found.outcomes)), [outcome.name for outcome in found.outcomes], fontsize=7.5)
        axes.set_ylim(len(found.outcomes) - 0.4, -1.1)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    return figure
