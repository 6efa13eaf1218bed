"""Where the numbers of a run go: metrics.jsonl always, TensorBoard, Weights & Biases.

A tracker's failure never stops training. Every row has event, epoch, step and seconds. On resume the rows after the
checkpoint are cut off.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from src.errors import UserError


class JsonLines:
    """metrics.jsonl: one JSON object per line, flushed at each. UserError where it cannot be written."""

    def __init__(self, path: Path, keep_bytes: int | None = None):
        self.path = path
        with self._told():
            if keep_bytes is not None and path.exists():
                with open(path, "rb+") as file:
                    file.truncate(min(keep_bytes, path.stat().st_size))
            self.file = open(path, "a", encoding="utf8")  # noqa: SIM115  open for the whole run

    def write(self, row: dict[str, Any]) -> None:
        with self._told():
            self.file.write(json.dumps(row, default=float) + "\n")
            self.file.flush()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(f"{self.path}: cannot be written: {error.strerror}",
                            "last.pth is intact; make room, then go on with --resume") from None

    @property
    def size(self) -> int:
        return self.file.tell()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what could not be flushed was told when it was written
            self.file.close()


def append_row(folder: Path, row: dict[str, Any]) -> None:
    """One more row of metrics.jsonl, before or after the run."""
    lines = JsonLines(folder / "metrics.jsonl")
    lines.write(row)
    lines.close()


class TensorBoard:
    """Scalars by step; the tensorboard package is imported at the first one."""

    def __init__(self, folder: Path, purge_step: int | None):
        self.folder, self.purge_step, self.writer = folder, purge_step, None

    def write(self, row: dict[str, Any]) -> None:
        if self.writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self.writer = SummaryWriter(str(self.folder), purge_step=self.purge_step)
        for name, value in scalars(row).items():
            self.writer.add_scalar(name, value, row["step"])

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class WandB:
    """Weights & Biases; offline without a key; goes on with the run of the checkpoint."""

    def __init__(self, folder: Path, args: Any, settings: dict[str, Any], run_id: str | None):
        import wandb

        offline = not (os.environ.get("WANDB_API_KEY") or (Path.home() / ".netrc").exists())
        mode = os.environ.get("WANDB_MODE") or ("offline" if offline else "online")
        self.run = wandb.init(project=args.wandb_project, entity=args.wandb_entity, name=folder.name, dir=str(folder),
                              config=settings, id=run_id, resume="allow", mode=mode)
        self.run_id = self.run.id
        self.run.define_metric("*", step_metric="step")

    def write(self, row: dict[str, Any]) -> None:
        self.run.log({**scalars(row), "step": row["step"]})

    def close(self) -> None:
        self.run.finish()


def scalars(row: dict[str, Any]) -> dict[str, float]:
    """{"train": {"loss": 1}} -> {"train/loss": 1}; only finite-or-not numbers, not bookkeeping."""
    flat: dict[str, float] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}/{key}": float(v) for key, v in value.items()
                     if isinstance(v, (int, float)) and not isinstance(v, bool)}
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and name not in ("step", "time"):
            flat[name if row["event"] == "epoch" else f"step/{name}"] = float(value)
    return flat


class Tracker:
    """All sinks of the main rank. `say` is told once when one of them fails, and that one is left out from then on."""

    def __init__(self, folder: Path, args: Any, settings: dict[str, Any], say, resumed: dict[str, Any] | None = None):
        self.say, self.started = say, time.time()
        resumed = resumed or {}
        self.lines = JsonLines(folder / "metrics.jsonl", resumed.get("bytes"))
        self.wandb_id: str | None = resumed.get("wandb_id")
        self.sinks: list[Any] = []
        if args.use_tensorboard:
            self._add("TensorBoard", lambda: TensorBoard(Path(args.log_dir or folder), resumed.get("step")))
        if args.use_wandb:
            self._add("Weights & Biases", lambda: WandB(folder, args, settings, self.wandb_id))
            self.wandb_id = next((sink.run_id for _, sink in self.sinks if isinstance(sink, WandB)), self.wandb_id)

    def _add(self, name: str, make) -> None:
        try:
            self.sinks.append((name, make()))
        except (Exception, SystemExit) as error:  # whatever a tracker throws, training goes on
            self.say(f"{name}: {type(error).__name__}: {error}; going on without it")

    def write(self, event: str, *, epoch: int, step: int, **values: Any) -> None:
        row = {"event": event, "epoch": epoch, "step": step, "time": round(time.time() - self.started, 3), **values}
        self.lines.write(row)
        for name, sink in list(self.sinks):
            self._guarded(name, sink, lambda sink=sink: sink.write(row))

    def _guarded(self, name: str, sink: Any, act) -> None:
        try:
            act()
        except (Exception, SystemExit) as error:
            self.say(f"{name}: {type(error).__name__}: {error}; going on without it")
            self.sinks = [pair for pair in self.sinks if pair[1] is not sink]

    def state(self, step: int) -> dict[str, Any]:
        """For the checkpoint: how long metrics.jsonl is now, and the ids to go on with."""
        return {"bytes": self.lines.size, "wandb_id": self.wandb_id, "step": step}

    def close(self) -> None:
        for name, sink in list(self.sinks):
            self._guarded(name, sink, sink.close)
        self.lines.close()
