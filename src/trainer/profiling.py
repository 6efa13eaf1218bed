"""A trace of a few updates early in the run, to open in Perfetto or chrome://tracing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import profiler

UPDATES = 10  # fewer where the run has fewer


class Profiler:
    """`step()` after each update; the trace is written to `trace.json` after the tenth, or the last of `updates`."""

    def __init__(self, folder: Path, say: Callable[[str], None], updates: int):
        self.path, self.say = folder / "trace.json", say
        self.left = max(min(updates, UPDATES), 1)
        active = (self.left + 1) // 2
        warm_up = min(2, self.left - active)
        schedule = profiler.schedule(wait=self.left - active - warm_up, warmup=warm_up, active=active, repeat=1)
        self.profile = profiler.profile(schedule=schedule, on_trace_ready=self._write, record_shapes=True)
        self.is_written = False
        self.profile.start()

    def step(self) -> None:
        if self.left > 0:
            self.left -= 1
            self.profile.step()

    def _write(self, profile: profiler.profile) -> None:
        profile.export_chrome_trace(str(self.path))
        self.is_written = True
        self.say(f"profile: {self.path}")
        self.say(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=12, max_name_column_width=40))

    def close(self) -> None:
        self.profile.stop()
        if not self.is_written:
            self.say("--profile: the run ended before the updates that are recorded; no trace was written")
