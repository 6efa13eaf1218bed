"""Events of one recording: from a table of onsets, from the file's annotations, or from its trigger channel."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from src.data.readers.mne_files import need_mne, open_raw
from src.data.tables import read_columns
from src.data.targets import MISSING
from src.errors import BadRecord, UserError, did_you_mean

TYPES = ("trial_type", "label", "event", "description", "value", "type")  # columns that name an event, best first
BAD, BAD_IN_TABLE = re.compile(r"bad([^a-z]|$)", re.I), re.compile(r"bad[_ ]", re.I)  # a class may be called bad
EDGES = ("edge ", "new segment", "boundary")  # how MNE, BrainVision and EEGLAB mark what is no trial


@dataclass(frozen=True)
class Events:
    """`onset_s` (n,) seconds after the first sample, `duration_s` (n,) 0 where unknown, `name` (n,) str; all sorted by
    onset. `bad` (m, 2) are spans in seconds, from start to end, that somebody marked as bad."""

    onset_s: np.ndarray
    duration_s: np.ndarray
    name: np.ndarray
    bad: np.ndarray

    def __len__(self) -> int:
        return len(self.name)


def read_events(recording: Path, table: Path | None, source: str, column: str) -> Events:
    """`source`: table, annotations, triggers, or auto for the first of them that there is. BadRecord where the
    table cannot be understood."""
    name = recording.name
    if source == "table" or (source == "auto" and table is not None):
        if table is None:
            raise BadRecord(name, "no table of events beside it", f"expected {recording.stem}_events.tsv")
        events = of_table(table, column)
        return events if source == "table" else _with_bad(events, of_annotations(recording).bad)
    if source == "triggers":
        return of_triggers(recording)
    events = of_annotations(recording)
    return of_triggers(recording) if source == "auto" and not len(events) else events


def read_bad_spans(recording: Path, table: Path | None) -> np.ndarray:
    """(m, 2) seconds that the file or the table beside it marks as bad; a table that cannot be read marks none."""
    spans = [of_annotations(recording).bad]
    with contextlib.suppress(BadRecord):  # its trials are not asked for
        spans += [] if table is None else [of_table(table, "").bad]
    return np.concatenate(spans)


def of_table(path: Path, column: str) -> Events:
    """A TSV or CSV with the columns onset, duration (both in s) and `column`."""
    columns, name = columns_beside(path), path.name
    kind = column or next((known for known in TYPES if known in columns), "")
    for needed in ("onset", kind.lower() or TYPES[0]):
        if needed not in columns:
            near = did_you_mean(needed, columns)
            raise BadRecord(name, f"its table of events has no column {needed}{near}: it has "
                                  f"{', '.join(columns)}", "name the column: --dataset_args event_column=NAME")
    onset = _seconds(columns["onset"], name)
    duration = _seconds(columns["duration"], name) if "duration" in columns else np.full(len(onset), np.nan)
    return _sorted(onset, np.nan_to_num(duration), columns[kind.lower()], BAD_IN_TABLE)


def of_annotations(recording: Path) -> Events:
    """What the file itself says: EDF+ annotations, BrainVision markers, EEGLAB events."""
    raw = open_raw(recording)
    found = raw.annotations
    return _sorted(np.asarray(found.onset, float) - raw.first_time, np.asarray(found.duration, float),
                   np.array([str(text).strip() for text in found.description], dtype=str), BAD)


def of_triggers(recording: Path) -> Events:
    """Rising numbers of the trigger channel (BDF's Status among them); an event is named by its number."""
    mne, raw = need_mne(recording.name), open_raw(recording)
    if "stim" not in raw.get_channel_types():
        return _sorted(np.empty(0), np.empty(0), np.empty(0, str), BAD)
    found = mne.find_events(raw, shortest_event=1, mask=0xFFFF, mask_type="and", verbose="error")
    onset = (found[:, 0] - raw.first_samp) / raw.info["sfreq"]
    return _sorted(onset, np.zeros(len(found)), found[:, 2].astype(str), BAD)


def columns_beside(table: Path) -> dict[str, np.ndarray]:
    """The columns of a table that belongs to one recording: BadRecord where it is damaged."""
    try:
        return read_columns(table)
    except UserError as error:
        raise BadRecord(table.name, f"its table is damaged: {error.message}", error.hint) from error


def _sorted(onset: np.ndarray, duration: np.ndarray, name: np.ndarray, bad_name: re.Pattern[str]) -> Events:
    order = np.argsort(onset, kind="stable")
    onset, duration, name = onset[order], duration[order], name[order].astype(str)
    folded = [text.lower() for text in name.tolist()]
    bad = np.isfinite(onset) & np.array([bad_name.match(text) is not None for text in folded], bool)
    known = np.isfinite(onset) & np.array([text not in MISSING and not text.startswith(EDGES) for text in folded], bool)
    spans = np.stack([onset[bad], onset[bad] + np.maximum(duration[bad], 0)], axis=1)
    keep = known & ~bad
    return Events(onset[keep], np.maximum(duration[keep], 0), name[keep], spans)


def _with_bad(events: Events, bad: np.ndarray) -> Events:
    return Events(events.onset_s, events.duration_s, events.name, np.concatenate([events.bad, bad]))


def _seconds(texts: np.ndarray, name: str) -> np.ndarray:
    try:
        return np.array([np.nan if text.lower() in MISSING else float(text) for text in texts.tolist()], float)
    except ValueError as error:
        raise BadRecord(name, f"its table of events is damaged: {error}", "onset and duration are in s"
                        ) from None
