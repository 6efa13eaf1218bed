"""`--dataset bids`: the recordings of a BIDS data set (iEEG-BIDS, EEG-BIDS), found by MNE-BIDS.

Names, sidecars and their inheritance follow the Brain Imaging Data Structure; channels.tsv tells types and bad
channels, events.tsv the trials. Derivatives are left alone: name such a folder itself to use it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.data.readers.mne_files import READERS, need_mne
from src.data.sets.continuous import ContinuousConfig, ContinuousDataset
from src.data.sets.sources import Source
from src.errors import UserError

KINDS = ("ieeg", "eeg")


class BidsDataset(ContinuousDataset):
    """Every recording below the root of a BIDS data set, or those of some tasks, sessions and runs."""

    what = "BIDS"

    @dataclass(frozen=True)
    class Config(ContinuousConfig):
        bids_tasks: tuple[str, ...] = ()  # the entity task; empty = all
        sessions: tuple[str, ...] = ()  # empty = all
        runs: tuple[str, ...] = ()  # empty = all
        datatype: str = ""  # ieeg or eeg; empty = ieeg where there is some, else eeg

    config: Config

    def sources(self) -> list[Source]:
        bids = need_mne(f"{self.path}", "mne_bids")
        if not self.path.is_dir() or not any(self.path.glob("sub-*")):
            raise UserError(f"{self.path}: no sub-* folder in it", "--data_path names the root of a BIDS data set")
        for kind in (self.config.datatype,) if self.config.datatype else KINDS:
            if found := self._find(bids, kind):
                return [_source(each) for each in found]
        raise UserError(f"{self.path}: no recording of these subjects, sessions, tasks and runs",
                        f"datatype {self.config.datatype or ' or '.join(KINDS)}, files {', '.join(READERS)}")

    def _find(self, bids: Any, kind: str) -> list[Any]:
        options = self.config
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return sorted(bids.find_matching_paths(
                self.path, tasks=options.bids_tasks or None, sessions=options.sessions or None,
                runs=options.runs or None, datatypes=kind, suffixes=kind, extensions=list(READERS), ignore_nosub=True),
                key=lambda found: str(found.fpath))


def _source(found: Any) -> Source:
    path = Path(found.fpath)
    return Source(path, path.stem, found.subject, events=_sidecar(found, "events"),
                  channels=_sidecar(found, "channels"))


def _sidecar(found: Any, suffix: str) -> Path | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = found.find_matching_sidecar(suffix=suffix, extension=".tsv", on_error="ignore")
    return None if path is None else Path(path)
