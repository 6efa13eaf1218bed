"""The folders of Du-IN's release: where its recordings and weights lie, and what a run of trials holds.

    data/seeg.he2023xuanwu/<subject>/word-recitation/<run>/dataset.bipolar.default.unaligned/{data,info}
    data/seeg.he2023xuanwu/<subject>/pretrain/dataset.default.1000hz/{info,**/*.npy}
    pretrains/duin/<subject>/{vqvae,mae}/{model/checkpoint-<epoch>.pth,save/params}

`data` and `pretrains` may be links. `data` of a run is a pickled list of records (`name`, `data_s` (channels, samples),
perhaps `data_n`), `info` a pickled record with `ch_names`; ours also say the `unit` (the release is in volts).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from src.data.units import VOLTS, unit_name
from src.errors import UserError
from src.interop.unpickle import read_pickle

RECORDINGS = "seeg.he2023xuanwu"
WORDS, PRETRAIN = "word-recitation", "pretrain/dataset.default.1000hz"
RATE_HZ = 1000
EXAMPLE = (f"a folder with data/{RECORDINGS}/001/{WORDS}/run1/dataset.bipolar.default.unaligned/data is expected; "
           "python prepare.py simulate --dataset simulated_seeg --layout duin --output DIR writes one")


@dataclass(frozen=True)
class Layout:
    """`recordings` has a folder per subject; `weights` (pretrains/duin) may be missing."""

    recordings: Path
    weights: Path | None

    @property
    def subjects(self) -> tuple[str, ...]:
        return _subjects(self.recordings)

    def runs(self, subject: str, version: str) -> list[Path]:
        """The folders that hold `data` and `info`, run10 after run9. `version` is unaligned or aligned."""
        folders = [run / f"dataset.bipolar.default.{version}" for run in
                   sorted((self.recordings / subject / WORDS).glob("*"), key=_in_order)]
        return [folder for folder in folders if (folder / "data").is_file() and (folder / "info").is_file()]

    def pretraining(self, subject: str) -> tuple[Path, list[Path]]:
        """`info` and the unlabelled recordings, of any depth, in order."""
        folder = self.recordings / subject / PRETRAIN
        return folder / "info", sorted(folder.rglob("*.npy"), key=lambda path: [_in_order(Path(part))
                                                                               for part in path.parts])

    def checkpoints(self) -> dict[tuple[str, str], Path]:
        """(subject, stage) -> its last checkpoint."""
        found: dict[tuple[str, str], Path] = {}
        for path in sorted(self.weights.glob("*/*/model/checkpoint-*.pth"), key=_in_order) if self.weights else ():
            found[path.parts[-4], path.parts[-3]] = path
        return found

    def describe(self) -> str:
        """One line for people: what was found where."""
        told = f"{len(self.subjects)} subject(s) in {_with_link(self.recordings)}"
        if self.weights is None:
            return told
        stages = ", ".join(f"{subject} {stage}" for subject, stage in self.checkpoints())
        return f"{told}; weights in {_with_link(self.weights)}: {stages or 'none'}"


def find_layout(root: Path | str) -> Layout | None:
    """Recordings and weights below `root` (the project's root, its data folder, or the subjects' folder), or None."""
    root = Path(root)
    for recordings in (root / "data" / RECORDINGS, root / RECORDINGS, root):
        if _subjects(recordings):
            weights = recordings.absolute().parent.parent / "pretrains" / "duin"
            return Layout(recordings, weights if weights.is_dir() else None)
    return None


def _subjects(folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.name for path in folder.iterdir() if path.name.isdigit()
                        and ((path / WORDS).is_dir() or (path / PRETRAIN).is_dir())))


def _in_order(path: Path) -> tuple[Any, ...]:
    """Numbers in a name count as numbers."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name))


def _with_link(path: Path) -> str:
    found = path.resolve()
    return str(path) if str(found) == os.path.abspath(path) else f"{path} (linked to {found})"


# ------------------------------------------------------------------------------------------------------ files
@dataclass(frozen=True)
class Info:
    """What an `info` file says: the names of all channels, and the unit of the signals ("" = not said)."""

    path: Path
    channels: tuple[str, ...]
    unit: str

    def order(self, wanted: tuple[str, ...]) -> list[int]:
        """The place of each wanted channel; UserError naming those that are not there."""
        lost = [name for name in wanted if name not in self.channels]
        if lost:
            raise UserError(f"{self.path}: no channel {', '.join(lost[:5])}; it has {', '.join(self.channels[:12])}"
                            f"{' ...' if len(self.channels) > 12 else ''}",
                            "--dataset_args channels=all takes all channels, or name some: channels=A1,A2")
        return [self.channels.index(name) for name in wanted]


def read_info(path: Path) -> Info:
    """Raises UserError for a file that names no channels."""
    found = read_pickle(path)
    names = found.get("ch_names") if isinstance(found, dict) else None
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: no list of channel names (ch_names)", EXAMPLE)
    if len(set(names)) < len(names):
        raise UserError(f"{path}: a channel name is there twice", "channels are chosen by name")
    unit = unit_name(str(found.get("unit") or ""))
    if unit and unit not in (*VOLTS, "sd"):
        raise UserError(f"{path}: unit {unit!r}", f"known: {', '.join(VOLTS)}")
    return Info(path, tuple(names), unit)


@dataclass(frozen=True)
class Run:
    """The trials of one run: `words`, and per trial (channels, samples) as stored: views of the mapped file."""

    path: Path
    info: Info
    words: list[str]
    signals: list[np.ndarray]


def read_run(folder: Path) -> Run:
    """Raises UserError naming the file, and the trial that is not as it must be."""
    path, info = folder / "data", read_info(folder / "info")
    trials = read_pickle(path)
    if not isinstance(trials, list) or not trials:
        raise UserError(f"{path}: a list of trials is expected, found {_told(trials)}", EXAMPLE)
    for number, trial in enumerate(trials):
        _check_trial(f"{path}: trial {number}", trial, len(info.channels))
    return Run(path, info, [trial["name"] for trial in trials], [trial["data_s"] for trial in trials])


def _check_trial(what: str, trial: Any, channels: int) -> None:
    if not isinstance(trial, dict) or not isinstance(trial.get("name"), str):
        raise UserError(f"{what}: a record with a name and data_s is expected, found {_told(trial)}", EXAMPLE)
    signal = trial.get("data_s")
    if not isinstance(signal, np.ndarray) or signal.ndim != 2 or signal.dtype.kind not in "iuf":
        raise UserError(f"{what}: data_s must hold numbers (channels, samples), found {_told(signal)}")
    if len(signal) != channels:
        raise UserError(f"{what}: {len(signal)} channels, but {channels} names in info")


def _told(value: Any) -> str:
    return f"an array {value.dtype}{value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
