"""Reading a run folder while it may still be written: config.json, metrics.jsonl and what became of the run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.errors import UserError

CONFIG, METRICS = "config.json", "metrics.jsonl"
ENDS = ("finished", "stopped")


@dataclass
class RunLog:
    """`settings` by dotted name; `events` in the order in which they were written."""

    folder: Path
    settings: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def epochs(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event.get("event") == "epoch"]

    @property
    def state(self) -> str:
        """finished, stopped, or going on (also what was killed: nobody wrote an end)."""
        steps = [event["event"] for event in self.events if event.get("event") in (*ENDS, "epoch", "train")]
        return steps[-1] if steps and steps[-1] in ENDS else "going on"

    @property
    def monitor(self) -> str:
        return next((row["monitor"]["name"] for row in reversed(self.epochs) if row.get("monitor")), "")

    @property
    def best(self) -> float | None:
        return next((row["monitor"].get("best") for row in reversed(self.epochs) if row.get("monitor")), None)

    @property
    def last(self) -> float | None:
        return next((row["monitor"].get("value") for row in reversed(self.epochs) if row.get("monitor")), None)

    @property
    def test(self) -> float | None:
        """The monitored metric on the test part, where the run was tested."""
        tests = [event for event in self.events if event.get("event") == "test"]
        return next((row.get("metrics", {}).get(self.monitor) for row in reversed(tests)), None)


def read_run(folder: Path) -> RunLog:
    """The run in `folder`. Raises UserError where no settings are, or they cannot be read."""
    config = folder / CONFIG
    if not config.is_file():
        raise UserError(f"{folder} is not a run: it has no {CONFIG}", "give run folders, like checkpoints/lr_*")
    try:
        settings = json.loads(config.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{config} cannot be read: {error}", "was it edited by hand?") from error
    if not isinstance(settings, dict):
        raise UserError(f"{config} holds no settings but a {type(settings).__name__}", "give run folders")
    return RunLog(folder, flat(settings), read_events(folder / METRICS))


def read_events(path: Path) -> list[dict[str, Any]]:
    """Every whole line of metrics.jsonl; a line that is being written, or was cut off, is left out."""
    if not path.is_file():
        return []
    events = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            event = json.loads(text)
        except ValueError:
            continue
        if isinstance(event, dict):
            events.append(event)
    return events


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{'a': {'b': 1}} -> {'a.b': 1}; a list of key=value texts likewise."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, list) and value and all(isinstance(item, str) and "=" in item for item in value):
            value = dict(item.split("=", 1) for item in value)
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def find_runs(paths: list[str]) -> list[Path]:
    """Run folders: those given, and those inside a given folder that is none itself. UserError where there are none."""
    if not paths:
        raise UserError("no run folders given", "python compare.py checkpoints/lr_*")
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.exists():
            raise UserError(f"{path}: no such folder", "give run folders, like checkpoints/lr_*")
        if path.is_file():  # checkpoints/* also names checkpoints/best_model.pth
            continue
        inside = [] if (path / CONFIG).is_file() else sorted(child.parent for child in path.glob(f"*/{CONFIG}"))
        found += inside or [path]
    distinct: dict[Path, Path] = {}
    for folder in sorted(found, key=Path.is_symlink):  # a link such as last_run is the run it points to
        distinct.setdefault(folder.resolve(), folder)
    if not distinct:
        raise UserError("files were given, but no run folder", "python compare.py checkpoints/lr_*")
    return list(distinct.values())
