"""What is shown and written while a run goes on: the display, the trackers, the profile. The trainer tells, these show.

Only the main rank shows and writes; every rank must tell, since means are taken over all of them.
"""

from __future__ import annotations

import time
from typing import Any

from src import config
from src.trainer.display import Display, duration, say
from src.trainer.tracking import Tracker, append_row


class Reporter:
    """The display is there at once (restoring sets its counters), the rest from `open` to `close`."""

    def __init__(self, trainer: Any):
        self.trainer = trainer
        is_main = trainer.world.is_main
        self.display = Display(trainer.epochs, trainer.feed, trainer.progress.monitor, trainer.shown, quiet=not is_main)
        self.tracker: Tracker | None = None
        self.profiler: Any = None
        self.started = time.time()

    def open(self, resumed: dict[str, Any] | None) -> None:
        """Begin to write; `resumed` is what the checkpoint remembers of the trackers."""
        trainer = self.trainer
        if trainer.world.is_main:
            self.tracker = Tracker(trainer.folder, trainer.args, config.to_save(trainer.args), say, resumed)
        if trainer.args.profile and trainer.world.is_main:
            from src.trainer.profiling import Profiler

            self.profiler = Profiler(trainer.folder, say, updates=trainer.total_updates - trainer.global_step)
        self.started = time.time()
        self.display.open(trainer.current_epoch)

    def phase(self, name: str) -> None:
        """training, validating: for the live display."""
        self.display.epoch, self.display.phase = self.trainer.current_epoch, name

    def interval(self) -> None:
        """Every --print_freq updates: the means since the last time."""
        trainer, meter = self.trainer, self.trainer.meter
        values = meter.interval_means(trainer.world)
        lr, rate = self._lr(), trainer.world.size * meter.samples_per_second()
        self.display.interval({**values, "lr": lr, "grad": meter.norm, "samples/s": rate}, trainer.device)
        self.write("train", epoch=trainer.feed.epoch + 1, **values, lr=lr, grad_norm=meter.norm, samples_per_s=rate)

    def epoch(self, train: dict[str, float], values: dict[str, float], is_best: bool, rate: float,
              seconds: float) -> None:
        """A finished epoch: training losses, metrics of validation, records per second of training."""
        trainer, watched = self.trainer, self.trainer.progress.monitor
        train = {name.removeprefix("train_"): float(value) for name, value in train.items()}
        lr, is_best_of_some = self._lr(), is_best and bool(values)
        self.display.row(trainer.current_epoch, train, values, is_best_of_some, lr, trainer.meter.norm, rate)
        self.write("epoch", train=train, val=values, lr=lr, samples_per_s=round(rate, 2), seconds=round(seconds, 3),
                   monitor={"name": watched, "value": values.get(watched), "best": trainer.progress.best,
                            "is_best": is_best})

    def _lr(self) -> float:
        """That of the last update; the schedule has gone on to the next one's. A loop of one's own has what is set."""
        used = self.trainer.step.lr
        return self.trainer.get_lr() if used is None else used

    def write(self, event: str, **values: Any) -> None:
        """A row for every tracker; before and after the run for metrics.jsonl alone."""
        trainer = self.trainer
        row = {"epoch": trainer.current_epoch, "step": trainer.global_step, **values}
        if self.tracker is not None:
            self.tracker.write(event, **row)
        elif trainer.folder is not None and trainer.world.is_main:
            append_row(trainer.folder, {"event": event, **row})

    def state(self) -> dict[str, Any]:
        """For the checkpoint: where the trackers stand."""
        return {} if self.tracker is None else self.tracker.state(self.trainer.global_step)

    def end(self, event: str, **values: Any) -> str:
        """The run is `finished` or `stopped`; returns how long it took."""
        self.display.close()
        self.write(event, **values)
        return duration(time.time() - self.started)

    def close(self) -> None:
        for part in (self.display, self.tracker, self.profiler):
            if part is not None:
                part.close()
        self.tracker = self.profiler = None
