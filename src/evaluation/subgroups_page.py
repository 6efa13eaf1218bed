"""The groups of people in the report: a sentence, a forest plot, a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from src.evaluation.evaluate import Evaluation
from src.evaluation.intervals import Interval
from src.evaluation.section import Section, Table
from src.evaluation.style import BLUE, MUTED, ORANGE, house_style, new_figure, shortened
from src.evaluation.subgroups import DRAWS, FEWEST, FEWEST_OF_CLASS, Group, judge_groups
from src.evaluation.words import TITLES, interval_words, number, plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def subgroup_section(evaluation: Evaluation, info: dict[str, np.ndarray]) -> Section | None:
    """None where the data tell nothing about whose the records are; `info` has one value per prediction."""
    found = judge_groups(evaluation, info)
    if not found:
        return None
    title, judged = TITLES[evaluation.headline], [group for group in found if group.value is not None]
    return Section(
        "Groups of people", _finding(judged, title),
        figure=_figure(judged, evaluation.scores[evaluation.headline], title) if judged else None,
        table=Table(["group", "records", "subjects", title, "95 %", "from the others", "95 %"],
                    [_row(group) for group in found]),
        caption=_caption(evaluation, len(judged)),
        values={f"{group.column}: {group.name}": _values(group) for group in found})


def _finding(judged: list[Group], title: str) -> str:
    out = sorted((group for group in judged if group.stands_out), key=lambda group: -abs(group.difference or 0))
    if not judged:
        return "Too few records of each group to judge them apart."
    if not out:
        return f"{title} of none of {len(judged)} groups is distinguishable from that of the others."
    said = [f"{group.column} {group.name} {number(group.value)} ({_signed(group.difference)} from the others, "
            f"{interval_words(group.gap)}; {plural(group.records, 'record')})" for group in out[:3]]
    return f"{title} differs: {'; '.join(said)}."


def _caption(evaluation: Evaluation, judged: int) -> str:
    text = (f"95 %: bootstrap, {DRAWS} draws; a group of fewer than {FEWEST} records is not judged. {judged} groups "
            "are compared: of twenty alike, one stands out by chance.")
    if evaluation.headline == "auroc":
        text += (f" AUROC is over the labels that a group and its others have {FEWEST_OF_CLASS} records with and "
                 "without of, so it may differ from the one above.")
    return text


def _row(group: Group) -> list[str]:
    return [f"{group.column}: {group.name}", f"{group.records:,}", f"{group.subjects:,}" if group.subjects else "–",
            number(group.value), interval_words(group.interval), _signed(group.difference), interval_words(group.gap)]


def _signed(value: float | None) -> str:
    return number(value) if value is None or value <= 0 else f"+{number(value)}"


def _values(group: Group) -> dict:
    def ends(interval: Interval | None) -> list[float] | None:
        return [interval.low, interval.high] if interval else None

    return {"records": group.records, "subjects": group.subjects, "value": group.value,
            "interval": ends(group.interval), "difference": group.difference, "difference_interval": ends(group.gap),
            "classes": group.classes}


def _figure(judged: list[Group], overall: float, title: str) -> Figure:
    """One line per group with its interval; orange where it stands out; dotted: all records."""
    with house_style():
        figure = new_figure(5.6, 1.0 + 0.3 * len(judged))
        axes = figure.add_subplot()
        for place, group in enumerate(judged):
            colour, value = ORANGE if group.stands_out else BLUE, group.value or 0.0
            if group.interval:
                axes.plot([group.interval.low, group.interval.high], [place, place], color=colour, linewidth=2)
            axes.plot([value], [place], "o", color=colour, markersize=5)
        axes.axvline(overall, color=MUTED, linestyle=":", linewidth=1)
        axes.set_yticks(range(len(judged)), [shortened(f"{group.column}: {group.name} ({group.records:,})", 36)
                                             for group in judged])
        axes.set(ylim=(len(judged) - 0.4, -0.6), xlabel=title)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    return figure
