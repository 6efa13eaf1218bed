"""Results on a terminal: tables that fit 80 columns, plain text where standard output is a file."""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from src.evaluation import words
from src.evaluation.evaluate import Evaluation
from src.evaluation.report import Story, class_columns, class_rows, score_rows
from src.evaluation.style import shortened


def results_console() -> Console:
    """Standard output: as wide as the terminal, 80 columns in a file (COLUMNS sets another width)."""
    width = max(60, shutil.get_terminal_size((80, 24)).columns)
    return Console(width=width, highlight=False, markup=False, emoji=False)


def line(console: Console, text: str = "", style: str | None = None) -> None:
    """One line whose words may wrap, but never a path that is to be copied."""
    console.print(Text(text, style=style or ""), soft_wrap=True)


def show_evaluation(evaluation: Evaluation, story: Story, report: Path) -> None:
    """By class, then the scores with intervals and chance, the verdict and where everything lies."""
    console = results_console()
    tested = words.plural(len(evaluation.predictions), "record")
    if evaluation.subjects:
        tested += f" of {words.plural(evaluation.subjects, 'subject')}"
    line(console, f"{story.model} on {story.data}")
    line(console, f"{tested}, part {story.subset}, weights {story.weights}")
    if evaluation.scores:
        if evaluation.by_class:
            console.print(class_table(evaluation))
        console.print(score_table(evaluation))
        remarks = (words.how_resampled(evaluation), words.how_chance(evaluation), words.what_was_left_out(evaluation),
                   words.how_decided(evaluation, story.subset), words.how_calibrated(evaluation))
        for remark in filter(None, remarks):
            console.print(Text(remark, style="dim"))
    console.print(Text(f"\n{words.verdict(evaluation)}", style="bold"))
    for section in story.sections:
        if section.text:
            console.print(Text(f"{section.title}: {section.text}"))
    line(console, f"report: {report}")
    line(console, f"all results: {report.parent}")


def class_table(evaluation: Evaluation) -> Table:
    columns = class_columns(evaluation)
    table = new_table("name", *(title for _, title in columns))
    for row in class_rows(evaluation):
        cells = [f"{row[key]:.0f}" if key == "support" else words.number(row[key]) for key, _ in columns]
        table.add_row(Text(shortened(row["name"], 20)), *cells)
    return table


def score_table(evaluation: Evaluation) -> Table:
    table = new_table("score", "value", "95 % interval", "chance")
    for place, row in enumerate(score_rows(evaluation)):
        table.add_row(row["title"], words.number(row["value"]), words.interval_words(row["interval"]),
                      words.number(row["chance"]), style="bold" if place == 0 else None)
    return table


def fits(table: Table, console: Console) -> bool:
    """Whether no cell has to be cut (a table's own measure never exceeds the console)."""
    return console.measure(table, options=console.options.update(width=10_000)).maximum <= console.width


def new_table(first: str, *others: str) -> Table:
    """A table without frame: the first column text, the others numbers, no cell ever on two lines."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(first, no_wrap=True)
    for title in others:
        table.add_column(title, justify="right", no_wrap=True)
    return table
