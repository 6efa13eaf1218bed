"""The folder of a run: its name, what lies in it, and the pointers to the newest run.

Nothing but a run's own checkpoints is ever deleted or overwritten: a name that is taken gets -2, -3 ...
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
import time
from pathlib import Path
from typing import Any

from src import config
from src.errors import UserError
from src.files import write_json
from src.trainer import checkpoint

IGNORED_IN_COMPARISON = {"num_workers", "print_freq", "use_tensorboard", "use_wandb", "wandb_project", "wandb_entity",
                         "log_dir", "save_dir", "profile", "device"}


def create(args: Any, settings: dict[str, Any]) -> tuple[Path, str]:
    """A new folder for a run with its config.json; also a line that says so where the wished name was taken."""
    base = Path(args.save_dir)
    wished = args.experiment_name or f"{getattr(args, 'model', 'model')}-{time.strftime('%Y%m%d-%H%M%S')}"
    if not re.fullmatch(r"[\w.=+-][\w.=+ -]*", wished) or wished in ("last_run", ".", ".."):
        raise UserError(f"--experiment_name {wished}: a plain folder name is expected", "letters, digits, _ - . =")
    for number in range(1, 10_000):
        name = wished if number == 1 else f"{wished}-{number}"
        try:
            (base / name).mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(f"--save_dir {base}: cannot write there: {error.strerror}") from None
        write_json(base / name / "config.json", settings)
        return base / name, f"{base / wished} is there already: this run is {base / name}" if number > 1 else ""
    raise UserError(f"{base / wished}: thousands of runs have this name", "choose another --experiment_name")


def make_base(base: Path) -> None:
    """The folder of the runs. UserError where it cannot be made or written to."""
    try:
        base.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=base):
            pass
    except OSError as error:
        raise UserError(f"--save_dir {base}: cannot write there: {error.strerror}") from None


def remove_unsaved(folder: Path) -> None:
    """A run that was stopped before its first checkpoint leaves nothing, and its name free. A folder that holds more
    than such a run writes stays."""
    own = ("config.json", "splits.json", "metrics.jsonl")
    there = list(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []
    if there and all(path.name in own or path.name.startswith("events.out.tfevents") for path in there):
        for path in there:
            path.unlink()
        folder.rmdir()


def read_config(folder: Path) -> dict[str, Any]:
    try:
        settings = json.loads((folder / "config.json").read_text(encoding="utf8"))
        if not isinstance(settings, dict):
            raise ValueError("it holds no table of flags")
        return settings
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: its config.json cannot be read: {error}", "give the folder of a run") from None


def is_finished(folder: Path) -> bool:
    """Whether the run came to its end (or was stopped early by its own rule)."""
    return any(row.get("event") == "finished" for row in _rows(folder)[-20:])


def test_metrics(folder: Path | None) -> dict[str, float]:
    """The newest test row of a finished run."""
    rows = _rows(folder) if folder is not None else []
    return next((row["metrics"] for row in reversed(rows) if row.get("event") == "test"), {})


def _rows(folder: Path) -> list[dict[str, Any]]:
    """What metrics.jsonl holds, up to a line that a killed process left half written."""
    rows = []
    with contextlib.suppress(OSError, ValueError):
        for line in (folder / "metrics.jsonl").read_text(encoding="utf8").splitlines():
            rows.append(json.loads(line))
    return rows


def find_for_resume(args: Any) -> tuple[Path | None, bool]:
    """What `--resume auto` goes on with, and whether it is finished already.

    With --experiment_name: the newest run that was started under that name. Without: the newest unfinished run whose
    every setting equals these. Never a neighbour's.
    """
    base, name = Path(args.save_dir), args.experiment_name
    wanted = _comparable(config.to_save(args))
    found = []
    for folder in base.iterdir() if base.is_dir() else []:
        if folder.is_symlink() or not (folder / "config.json").exists():
            continue
        settings = _settings_of_any(folder)
        has_state = any((folder / name).exists() for name in (checkpoint.LAST, checkpoint.PREVIOUS)) or is_finished(
            folder)  # --keep best leaves neither
        same = settings.get("experiment_name") == name if name else _comparable(settings) == wanted
        if same and has_state and (name or not is_finished(folder)):
            found.append(folder)
    newest = max(found, key=lambda folder: (folder / "config.json").stat().st_mtime, default=None)
    return newest, newest is not None and is_finished(newest)


def _settings_of_any(folder: Path) -> dict[str, Any]:
    """Nothing for a folder that is no run of ours: other programs write a config.json too."""
    try:
        return read_config(folder)
    except UserError:
        return {}


def _comparable(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in IGNORED_IN_COMPARISON and key != "sources"}


def point_to(folder: Path) -> None:
    """`last_run` and `best_model.pth` of the folder of runs point to this run; copies where links are impossible."""
    base = folder.parent
    _link(base / "last_run", Path(folder.name))
    weights = next((name for name in (checkpoint.BEST, checkpoint.LAST) if (folder / name).exists()), None)
    if weights is not None:
        _link(base / checkpoint.BEST, Path(folder.name) / weights)


def _link(link: Path, target: Path) -> None:
    if link.exists() and not link.is_symlink():
        return  # somebody's own file or folder stays
    temporary = link.with_name(f".{link.name}.{os.getpid()}.tmp")
    with contextlib.suppress(OSError):  # a file system without links: --weights takes a path
        temporary.unlink(missing_ok=True)
        os.symlink(target, temporary)
        os.replace(temporary, link)
