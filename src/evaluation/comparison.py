"""Several runs beside each other: what differs between them, how well they did, and their curves."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from src.errors import UserError
from src.evaluation.console import fits, line, new_table
from src.evaluation.run_log import RunLog
from src.evaluation.style import save_png, shortened
from src.evaluation.training_curves import comparison_figure
from src.evaluation.words import number

REPEATS = ("seed", "fold")  # runs that differ in these alone are repetitions of one experiment
# where a run is kept, how it is watched and how often it was started: not what it is
UNIMPORTANT = ("experiment_name", "save_dir", "log_dir", "resume", "seeds", "output_dir", "config", "print_freq",
               "use_tensorboard", "use_wandb", "num_workers", "sources")


@dataclass
class Group:
    """Runs with the same settings but for seed and fold."""

    runs: list[RunLog]
    settings: dict[str, str]  # only what differs between the groups

    @property
    def name(self) -> str:
        return self.runs[0].folder.name + (f" + {len(self.runs) - 1}" if len(self.runs) > 1 else "")

    @property
    def label(self) -> str:
        """For the legend: what makes this group different, or its name where nothing does."""
        return ", ".join(f"{key} {value}" for key, value in self.settings.items()) or self.name


def group_runs(runs: list[RunLog]) -> list[Group]:
    """Repetitions together, in the order in which they were given."""
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    keys = [key for key in keys if key.split(".")[0] not in UNIMPORTANT and key not in REPEATS]
    differing = [key for key in keys if len({written(run, key) for run in runs}) > 1]
    groups: dict[tuple, Group] = {}
    for run in runs:
        settings = {key: written(run, key) for key in differing}
        groups.setdefault(tuple(settings.values()), Group([], settings)).runs.append(run)
    return list(groups.values())


def written(run: RunLog, key: str) -> str:
    """A setting as it is typed; a dash where the run does not have it."""
    value = run.settings.get(key, "–")
    if isinstance(value, list):
        return " ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def summary(group: Group, score: Callable[[RunLog], float | None]) -> str:
    """One number, or mean ± standard deviation over the runs that have it."""
    values = [value for value in map(score, group.runs) if value is not None]
    if len(values) < 2:
        return number(values[0] if values else None)
    return f"{number(statistics.mean(values))} ± {number(statistics.stdev(values))}"


def score_cells(group: Group, metric: str) -> dict[str, str]:
    """The columns that every comparison has; `metric` is what all runs watch, "" where they differ in it."""
    states = {run.state for run in group.runs}
    epochs = sorted({len(run.epochs) for run in group.runs})
    cells = {"runs": str(len(group.runs))} if len(group.runs) > 1 else {}
    cells |= {} if metric else {"metric": group.runs[0].monitor or "–"}
    cells[f"best {metric}".strip()] = summary(group, lambda run: run.best)
    cells["last"] = summary(group, lambda run: run.last)
    if any(run.test is not None for run in group.runs):
        cells["test"] = summary(group, lambda run: run.test)
    return cells | {"epochs": str(epochs[0]) if len(epochs) == 1 else f"{epochs[0]}-{epochs[-1]}",
                    "state": states.pop() if len(states) == 1 else "mixed"}


def show(groups: list[Group], console: Console) -> None:
    """One table, a row per group; the settings that differ in a table of their own where the lines get too long."""
    metrics = {run.monitor for group in groups for run in group.runs}
    metric = metrics.pop() if len(metrics) == 1 else ""
    settings = [group.settings for group in groups]
    scores = [score_cells(group, metric) for group in groups]
    whole = table_of(groups, [first | second for first, second in zip(settings, scores)])
    if fits(whole, console):
        console.print(whole)
    else:
        apart = table_of(groups, settings)
        console.print(apart if fits(apart, console) else settings_table(groups))
        line(console)
        console.print(table_of(groups, scores))
    if not groups[0].settings:
        line(console, "These runs differ in nothing but seed and fold." if len(groups[0].runs) > 1 else "One run only.")


def table_of(groups: list[Group], rows: list[dict[str, str]]) -> Table:
    """A row per group, a column for whatever any row has."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = new_table("run", *columns)
    for group, row in zip(groups, rows):
        table.add_row(Text(shortened(group.name, 28)), *(Text(shortened(row.get(key, ""))) for key in columns))
    return table


def settings_table(groups: list[Group]) -> Table:
    """Many settings: a line per setting and run, so that nothing is cut."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("run", "setting", "value"):
        table.add_column(title, overflow="fold")
    for group in groups:
        for place, (key, value) in enumerate(group.settings.items()):
            table.add_row(Text(shortened(group.name, 28) if place == 0 else ""), Text(key), Text(value))
    return table


def plot(groups: list[Group], folder: Path) -> Path:
    """comparison.png in `folder`."""
    curves: dict[str, list[list[dict]]] = {}
    for group in groups:
        curves.setdefault(group.label, []).extend(run.epochs for run in group.runs)
    path = folder / "comparison.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_png(comparison_figure(curves), path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}", "name another folder with --output_dir") from error
    return path


def common_folder(runs: list[RunLog]) -> Path:
    """Where the runs lie together; one run's own folder."""
    if len(runs) == 1:
        return runs[0].folder
    return Path(os.path.commonpath([str(run.folder.absolute().parent) for run in runs]))
