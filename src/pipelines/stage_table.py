"""The table that a pipeline ends in: subjects down, conditions across, mean and standard error; CSV and a picture.

A subject's mean and error are over its seeds; the last row's are over the subjects' means (over the seeds where there
is one subject only), as in the papers' tables. What is not there yet is left open, so a table can be shown at any time.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from src.evaluation.console import line, new_table
from src.evaluation.style import BLUE, INK, MUTED, house_style, new_figure, save_png, shortened
from src.files import write_text

MEAN = "mean"


@dataclass(frozen=True)
class Score:
    """One tested run of one subject; `value` a share, higher is better."""

    subject: str
    condition: str
    seed: int
    value: float
    records: int = 0  # tested
    chance: float = math.nan  # always the most frequent class


@dataclass(frozen=True)
class Cell:
    """Mean of `count` values and its standard error (NaN for fewer than two)."""

    mean: float
    error: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Cell:
        if not len(values):
            return cls(math.nan, math.nan, 0)
        spread = np.std(values, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
        return cls(float(np.mean(values)), float(spread), len(values))

    def __str__(self) -> str:
        """In per cent."""
        if not self.count:
            return "–"
        return f"{100 * self.mean:.1f}" + ("" if math.isnan(self.error) else f" ± {100 * self.error:.1f}")


class StageTable:
    """`conditions` in their order; subjects in order of first appearance."""

    def __init__(self, scores: Sequence[Score], conditions: Sequence[str], title: str, name: str = "table"):
        self.scores, self.conditions, self.title, self.name = list(scores), tuple(conditions), title, name
        chances = [score.chance for score in scores if not math.isnan(score.chance)]
        self.chance = float(np.mean(chances)) if chances else None
        self.subjects = list(dict.fromkeys(score.subject for score in scores))

    def cell(self, subject: str, condition: str) -> Cell:
        if subject != MEAN:
            return Cell.of([score.value for score in self.scores
                            if (score.subject, score.condition) == (subject, condition)])
        if len(self.subjects) == 1:
            return self.cell(self.subjects[0], condition)
        means = [self.cell(name, condition) for name in self.subjects]
        return Cell.of([each.mean for each in means if each.count])

    @property
    def rows(self) -> list[str]:
        return [*self.subjects, MEAN] if len(self.subjects) > 1 else self.subjects

    def show(self, console: Console) -> None:
        """On a terminal of 80 columns and more, or in a file."""
        seeds = sorted({score.seed for score in self.scores})
        line(console, self.title, style="bold")
        table = new_table("subject", *self.conditions)
        for name in self.rows:
            table.add_row(Text(shortened(name, 16)), *(str(self.cell(name, each)) for each in self.conditions),
                          style="bold" if name == MEAN else None)
        console.print(table)
        over = f"{len(seeds)} seed{'s' * (len(seeds) != 1)}"
        remark = f"Accuracy in %, mean ± standard error over {over}"
        remark += f"; last row over {len(self.subjects)} subjects" if len(self.subjects) > 1 else ""
        remark += f". Chance {100 * self.chance:.1f}." if self.chance is not None else "."
        console.print(Text(remark, style="dim"))

    def write(self, folder: Path, draw: bool = False) -> list[Path]:
        """table.csv, scores.csv and, when everything is there, table.png; returns their paths."""
        names = (f"{self.name}.csv", self.name.replace("table", "scores") + ".csv", f"{self.name}.png")
        table, scores, picture = (folder / name for name in names)
        self.write_csv(table)
        self.write_scores(scores)
        if not draw:
            return [table, scores]
        self.draw(picture)
        return [table, scores, picture]

    def write_csv(self, path: Path) -> None:
        """The table as numbers: per condition mean, standard error and count; shares, not per cent."""
        header = [f"{each}_{what}" for each in self.conditions for what in ("mean", "se", "n")]
        lines = [[name, *(number for each in self.conditions for number in _numbers(self.cell(name, each)))]
                 for name in self.rows]
        write_text(path, _csv(["subject", *header], lines))

    def write_scores(self, path: Path) -> None:
        """One line per tested run and subject."""
        lines = [[s.subject, s.condition, s.seed, f"{s.value:.6g}", s.records] for s in self.scores]
        write_text(path, _csv(["subject", "condition", "seed", "accuracy", "records"], lines))

    def draw(self, path: Path) -> None:
        """Subjects as thin lines, their mean with its standard error on top."""
        with house_style():
            figure = new_figure(1.6 + 1.2 * max(3, len(self.conditions)), 3.8)
            axes = figure.add_subplot()
            place = np.arange(len(self.conditions))
            for name in self.subjects if len(self.subjects) > 1 else []:
                axes.plot(place, self._means(name), ".-", color=MUTED, alpha=0.6, linewidth=0.9)
                axes.annotate(shortened(name, 12), (place[-1], self._means(name)[-1]), xytext=(10, 0), fontsize=7,
                              textcoords="offset points", color=MUTED, va="center", annotation_clip=False)
            errors = np.nan_to_num([100 * self.cell(MEAN, each).error for each in self.conditions])
            axes.errorbar(place, self._means(MEAN), errors, fmt="o-", color=BLUE, capsize=3,
                          label="mean ± standard error")
            if self.chance is not None:
                axes.axhline(100 * self.chance, color=INK, linestyle=":", linewidth=1, label="chance")
            axes.set_xticks(place, [shortened(each, 16) for each in self.conditions])
            axes.set(ylabel="accuracy (%)", ylim=(0, None), title=self.title)
            axes.legend(loc="best")
        save_png(figure, path)

    def _means(self, subject: str) -> np.ndarray:
        return np.array([100 * self.cell(subject, each).mean for each in self.conditions])


def _numbers(cell: Cell) -> list[str]:
    return ["" if math.isnan(value) else f"{value:.6g}" for value in (cell.mean, cell.error)] + [str(cell.count)]


def _csv(header: list[str], lines: list[list]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([header, *lines])
    return text.getvalue()
