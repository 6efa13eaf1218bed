"""How far a preparation is: a bar with the time left on a terminal, plain lines elsewhere. All on standard error."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

EVERY_S = 10.0  # between two plain lines


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


class Counter:
    """`show(done)` as often as one likes; `done` counts from `already`. Use as a context."""

    def __init__(self, total: int, already: int):
        self.total, self.already = total, already
        self._bar: Progress | None = None
        self._started = self._said = time.monotonic()

    def __enter__(self) -> Counter:
        console = Console(stderr=True)
        if console.is_terminal:
            self._bar = Progress(TextColumn("preparing"), BarColumn(), MofNCompleteColumn(),
                                 TextColumn("{task.fields[rate]:.0f}/s"), TimeRemainingColumn(), console=console)
            self._task = self._bar.add_task("", total=self.total, completed=self.already, rate=0.0)
            self._bar.start()
        return self

    def show(self, done: int) -> None:
        passed = time.monotonic() - self._started
        rate = (done - self.already) / max(passed, 1e-9)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, rate=rate)
        elif done > self.already and time.monotonic() - self._said > EVERY_S:
            self._said = time.monotonic()
            left = _duration((self.total - done) / rate)
            say(f"prepared {done} of {self.total} records, {rate:.1f}/s, {left} left")

    def __exit__(self, *error) -> None:
        if self._bar is not None:
            self._bar.stop()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
