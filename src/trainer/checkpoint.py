"""Checkpoints: one file, written atomically, that `torch.load(weights_only=True)` opens and whose bytes are checked.

A file is written beside its place, fsynced, its table of entries read back, and renamed; the folder is fsynced; the
one before stays as `last.previous.pth`. torch.load accepts a flipped bit, so the checksum of every entry (the CRC-32 of
the zip archive that a checkpoint is) is verified before a resume.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from src.errors import UserError
from src.interop.archives import damage, first_line, is_archive, what_it_is
from src.interop.pickles import refusal
from src.interop.safetensors_export import read_state
from src.interop.weights import average_of

FORMAT = 1
LAST, PREVIOUS, BEST = "last.pth", "last.previous.pth", "best_model.pth"
DAMAGED = "last.damaged.pth"  # a last.pth that could not be read, kept for whoever wants to look at it
NUMBERED = re.compile(r"checkpoint-(\d+)\.pth")


def write(state: dict[str, Any], path: Path, *, also: tuple[Path, ...] = (), keep_previous: bool = False) -> None:
    """Write `state` to `path`; `also` are further names of the same bytes (hard links), set before `path` itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*.tmp"):  # of a save that was killed
        left.unlink()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            torch.save({"format": FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        _check_table(temporary)
        for other in also:
            _name_too(temporary, other)
        if keep_previous and path.exists():
            _name_too(path, path.with_name(PREVIOUS))
        os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _check_table(path: Path) -> None:
    """A short write that nobody reported shows here."""
    try:
        zipfile.ZipFile(path).close()
    except zipfile.BadZipFile:
        raise OSError(f"only {path.stat().st_size} bytes of it arrived") from None


def _name_too(existing: Path, name: Path) -> None:
    """`name` becomes the bytes of `existing`, at once: by hard link, or by copy where the file system has none."""
    temporary = name.with_name(f".{name.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        try:
            os.link(existing, temporary)
        except OSError:
            _copy(existing, temporary)
        os.replace(temporary, name)
    finally:
        temporary.unlink(missing_ok=True)


def _copy(existing: Path, name: Path) -> None:
    import shutil

    shutil.copyfile(existing, name)
    with open(name, "rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot open a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read(path: Path | str, *, verify: bool = True) -> dict[str, Any]:
    """A checkpoint of ours on the CPU. UserError for anything else; nothing in the file is ever executed."""
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if path.is_dir():
        raise UserError(f"{path}: a folder, a checkpoint file is expected")
    if path.suffix == ".safetensors":
        return read_state(path)
    if not is_archive(path):
        raise UserError(f"{path}: {what_it_is(path)}, not a checkpoint of vagus", "nothing in it was executed")
    if verify and (wrong := damage(path)):
        raise UserError(f"{path}: {wrong}", _DAMAGED_HINT)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        raise UserError(refusal(path), "nothing in it was executed") from None
    except Exception as error:  # torch raises RuntimeError, KeyError, EOFError... for damaged files
        raise UserError(f"{path}: damaged, it cannot be read: {first_line(error)}", _DAMAGED_HINT) from None
    if not _is_ours(state):
        raise UserError(f"{path}: a torch file, but not a checkpoint of vagus",
                        "weights of other systems are read with --init_from")
    if state["format"] > FORMAT:
        raise UserError(f"{path}: written by a newer version (format {state['format']}, this one reads {FORMAT})")
    return state


_DAMAGED_HINT = "use the run's last.previous.pth or best_model.pth"


def _is_ours(state: Any) -> bool:
    return isinstance(state, dict) and isinstance(state.get("format"), int) and isinstance(state.get("model"), dict)


def read_last(folder: Path) -> tuple[dict[str, Any], Path, str]:
    """The newest readable state of a run, its path, and a warning where `last.pth` had to be passed over."""
    problems = []
    for name in (LAST, PREVIOUS):
        if (folder / name).exists():
            try:
                return read(folder / name), folder / name, "\n".join(problems)
            except UserError as error:
                problems.append(f"{error.message}; falling back")
    if problems:
        raise UserError("\n".join(problems), f"no readable checkpoint is left in {folder} but perhaps {BEST}: "
                                             f"--init_from {folder / BEST} starts anew from it")
    raise UserError(f"{folder}: holds no {LAST}", "give a run folder, or start it without --resume")


def set_aside(folder: Path) -> None:
    """Move a `last.pth` that could not be read out of the way, so that the good `last.previous.pth` outlives the next
    save."""
    if (folder / LAST).exists():
        os.replace(folder / LAST, folder / DAMAGED)


def keep_weights(folder: Path, best_only: bool) -> None:
    """Of a finished run: its checkpoints without what going on needs, with the running average where there is one as
    the weights; or the best one alone (the last one where nothing was judged)."""
    own = {path for path in folder.iterdir() if path.name in (LAST, BEST) or NUMBERED.fullmatch(path.name)}
    kept = {folder / (BEST if folder / BEST in own else LAST)} if best_only else own
    for path in kept:
        state = read(path, verify=False)
        write({**{name: value for name, value in state.items() if name not in ("resume", "format")},
               "model": {**state["model"], **average_of(state)}}, path)
    for path in [*(own - kept), folder / PREVIOUS]:
        path.unlink(missing_ok=True)


def prune(folder: Path, keep: int) -> None:
    """Remove the oldest of the run's own numbered checkpoints beyond `keep`, by number, never another file."""
    numbered = sorted((int(match[1]), path) for path in folder.iterdir() if (match := NUMBERED.fullmatch(path.name)))
    for _, path in numbered[:-keep]:
        path.unlink()


def find_weights(where: str | Path | None, save_dir: str | Path = "checkpoints") -> Path:
    """The file behind --weights: a file, a run folder's best (else last) weights, or the newest run's."""
    path = Path(where) if where else Path(save_dir) / "last_run"
    if path.is_dir():
        for name in (BEST, LAST, PREVIOUS):
            if (path / name).exists():
                return (path / name).resolve()
        raise UserError(f"{path}: a folder without {BEST} or {LAST}", "give a run folder or a checkpoint file")
    if not path.exists():
        hint = "python test.py --weights alone takes the newest run" if where else "train first: python train.py"
        raise UserError(f"{path}: no such file or folder" if where else f"{save_dir}: no run is there yet", hint)
    return path.resolve()
