"""What a person sees while a run goes on: a live table on a terminal, plain lines anywhere else. All on standard error.

The table is drawn by a timer that reads the counters below; a training step never waits for it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import torch
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

SHOWN_LIVE = ("loss", "samples/s", "GB")


def say(message: str) -> None:
    """One message to the person, on standard error, never broken in the middle of a path."""
    print(message, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """75 -> 1:15, 4000 -> 1:06:40."""
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class Display:
    """`epoch` and `phase` are set by the trainer, the batch is read from its feed; `rows` are the finished epochs.

    `shown` are values of validation that stand beside the monitored one.
    """

    def __init__(self, epochs: int, feed: Any, monitor: str, shown: Sequence[str] = (), quiet: bool = False):
        self.epochs, self.feed, self.monitor, self.shown, self.quiet = epochs, feed, monitor, shown, quiet
        self.epoch, self.phase = 0, "training"
        self.latest: dict[str, Any] = {}
        self.rows: list[dict[str, Any]] = []
        self.console = Console(stderr=True)
        self.live: Live | None = None
        self.started, self.first_epoch = time.time(), 0

    def open(self, epoch: int) -> None:
        self.started, self.first_epoch, self.epoch = time.time(), epoch, epoch
        if self.console.is_terminal and not self.quiet:
            self.live = Live(get_renderable=self._render, console=self.console, refresh_per_second=4,
                             redirect_stdout=False, redirect_stderr=True)
            self.live.start()

    def close(self) -> None:
        if self.live is not None:
            self.phase = "done"
            self.live.stop()
            self.live = None

    def interval(self, values: dict[str, Any], device: torch.device) -> None:
        """Every --print_freq updates: the latest numbers, and a line where there is no terminal."""
        if device.type == "cuda":
            values = {**values, "GB": torch.cuda.max_memory_allocated(device) / 1e9}
        self.latest = values
        if self.live is None and not self.quiet:
            say(f"epoch {self.epoch + 1}/{self.epochs} batch {self.feed.number}/{len(self.feed)} "
                + " ".join(f"{name} {_number(value)}" for name, value in values.items()))

    def row(self, epoch: int, train: dict[str, float], val: dict[str, float], is_best: bool, lr: float, norm: float,
            rate: float) -> None:
        """A finished epoch: the losses, the monitored metric (its best marked), and how the step is doing."""
        watched = {name: val.get(name) for name in (self.monitor, *self.shown) if name != "loss"}
        values = {"epoch": epoch, "train loss": train.get("loss"), "val loss": val.get("loss"), **watched, "lr": lr,
                  "grad": norm, "samples/s": rate, "left": duration(self.left(epoch)), "best": is_best}
        self.rows.append(values)
        if self.live is None and not self.quiet:
            shown = [f"{name} {_number(value)}" for name, value in values.items()
                     if name not in ("epoch", "best") and value is not None]
            say(f"epoch {epoch}/{self.epochs} done: {' '.join(shown)}{' (best)' if is_best else ''}")

    def left(self, done: float) -> float:
        """Seconds to go after `done` epochs, at the pace so far."""
        passed = done - self.first_epoch
        return (time.time() - self.started) / passed * (self.epochs - done) if passed > 0 else 0.0

    def _render(self) -> Group:
        if self.phase == "done":
            return Group(self._table(self.rows))
        share = min(self.feed.number / max(len(self.feed), 1), 1.0)
        parts = [f"epoch {self.epoch + 1}/{self.epochs} {self.phase} {share:4.0%}"]
        parts += [f"{name} {_number(value)}" for name, value in self.latest.items() if name in SHOWN_LIVE]
        parts += [f"{duration(self.left(self.epoch + share))} left"]
        head = Text("  ".join(parts), no_wrap=True, overflow="crop")
        fits = max(self.console.height - 8, 3)
        return Group(head, ProgressBar(total=1.0, completed=share), self._table(self.rows[-fits:]))

    def _table(self, rows: list[dict[str, Any]]) -> Table:
        table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
        names = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "best"]
        for name in names:
            table.add_column(name, justify="right", no_wrap=True)
        for row in rows:
            best = [self.monitor] if row.get("best") else []
            cells = [_number(row.get(name)) + ("*" if name in best else "") for name in names]
            table.add_row(*cells, style="green" if row.get("best") else "")
        return table


def _number(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, (str, int)):
        return str(value)
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e5):
        return f"{value:.1e}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
