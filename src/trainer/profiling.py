"""A trace of a few updates early in the run, to open in Perfetto or chrome://tracing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import profiler

WAIT, WARM_UP, ACTIVE = 3, 2, 5


class Profiler:
    """`step()` after each update; the trace is written to `trace.json` after the tenth."""

    def __init__(self, folder: Path, say: Callable[[str], None]):
        self.path, self.say, self.updates = folder / "trace.json", say, 0
        self.profile = profiler.profile(schedule=profiler.schedule(wait=WAIT, warmup=WARM_UP, active=ACTIVE, repeat=1),
                                        on_trace_ready=self._write, record_shapes=True)
        self.profile.start()

    def step(self) -> None:
        self.updates += 1
        if self.updates <= WAIT + WARM_UP + ACTIVE:
            self.profile.step()

    def _write(self, profile: profiler.profile) -> None:
        profile.export_chrome_trace(str(self.path))
        self.say(f"profile of {ACTIVE} updates: {self.path}")
        self.say(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=12, max_name_column_width=40))

    def close(self) -> None:
        self.profile.stop()
