"""Long recordings and what lies beside them: the table of channels, the table of events, who they are from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from src.data.bad_records import BadRecords
from src.data.readers.mne_files import Channel, Header, read_header
from src.data.sets.events import columns_beside
from src.data.sets.montage import Montage, make_montage
from src.errors import BadRecord, UserError, did_you_mean

TYPES = {"trig": "stim", "trigger": "stim", "veog": "eog", "heog": "eog", "ieeg": "seeg", "grid": "ecog",
         "strip": "ecog", "depth": "seeg", "other": "misc", "n/a": ""}  # of channels.tsv -> MNE's words


@dataclass(frozen=True)
class Source:
    """One recording before it is opened."""

    path: Path
    name: str
    subject: str
    subset: str = ""
    label: str = ""
    events: Path | None = None  # table of onset, duration, trial_type
    channels: Path | None = None  # table of name, type, status


@dataclass(frozen=True)
class File:
    """One recording, opened, and the channels that are made of it."""

    source: Source
    header: Header
    montage: Montage


def of_subjects(sources: list[Source], wanted: Sequence[str]) -> list[Source]:
    """Those of the subjects asked for; all where none is named. UserError for one that is not there."""
    known = {source.subject.lower() for source in sources}
    lost = [name for name in wanted if name.lower() not in known]
    if lost:
        raise UserError(f"these data have no subject {', '.join(lost[:5])}{did_you_mean(lost[0], known)}",
                        f"they have {', '.join(sorted({source.subject for source in sources})[:20])}")
    chosen = {name.lower() for name in wanted} or known
    return [source for source in sources if source.subject.lower() in chosen]


def open_files(sources: Sequence[Source], root: Path, kinds: Sequence[str], reference: str, wanted: Sequence[str],
               bad: BadRecords) -> list[File]:
    """Those that can be read and lie below `root` with all their files; the others are added to `bad`."""
    files = []
    for source in sources:
        try:
            check_inside(root, source.path, source.events, source.channels)
            header = read_header(source.path)
            check_inside(root, *header.files)
            if source.channels is not None:
                header = replace(header, channels=_as_told(header.channels, source.channels))
            montage = make_montage(header.channels, source.path.name, kinds, reference, wanted)
            files.append(File(source, header, montage))
        except BadRecord as error:
            bad.add(source.name, error.reason)
    return files


def check_inside(root: Path, *paths: Path | None) -> None:
    """BadRecord for a file that a link puts outside `root`."""
    for path in paths:
        if path is not None and not path.resolve().is_relative_to(root.resolve()):
            raise BadRecord(path.name, f"outside the data folder: {path.name} is a link to {path.resolve()}")


def _as_told(channels: tuple[Channel, ...], table: Path) -> tuple[Channel, ...]:
    """Types and states from a table of channels (BIDS: channels.tsv); a channel that it lacks stays as it is."""
    columns = columns_beside(table)
    if "name" not in columns:
        raise BadRecord(table.name, f"its table of channels has no column name: it has {', '.join(columns)}",
                        "a table of channels has the columns name, type (SEEG, ECOG, EEG, ...) and status (good, bad)")
    empty = np.full(len(columns["name"]), "")
    told = {name.lower(): (kind.lower(), state.lower()) for name, kind, state in zip(
        columns["name"].tolist(), columns.get("type", empty).tolist(), columns.get("status", empty).tolist())}
    return tuple(_told(channel, *told.get(channel.stored.lower(), told.get(channel.name.lower(), ("", ""))))
                 for channel in channels)


def _told(channel: Channel, kind: str, state: str) -> Channel:
    return replace(channel, kind=TYPES.get(kind, kind) or channel.kind, bad=channel.bad or state == "bad")
