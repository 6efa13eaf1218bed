"""Where the channels of every recording go in the one list that a model sees.

Within a subject, and on the scalp, channels are matched by name. Contacts inside a head lie elsewhere in every subject,
whatever their names: across subjects they become numbered places, as many as the richest subject has, and the
places that a subject lacks are masked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.data.sets.sources import File
from src.errors import UserError, did_you_mean

INSIDE = ("seeg", "ecog", "dbs")
PLACE = re.compile(r"ch\d+")


@dataclass(frozen=True)
class Layout:
    """`places[file]` (n,): where each of its derived channels goes, -1 for nowhere; `notes` are for people."""

    names: tuple[str, ...]
    places: list[np.ndarray]
    notes: tuple[str, ...]

    def is_plain(self, file: int) -> bool:
        """True where the derived channels are the model's, in their order."""
        return len(self.places[file]) == len(self.names) and bool(
            (self.places[file] == np.arange(len(self.names))).all())

    @property
    def has_gaps(self) -> bool:
        return any((places >= 0).sum() < len(self.names) for places in self.places)


def lay_out(files: Sequence[File], wanted: Sequence[str], align: str, bad_channels: str) -> Layout:
    """One layout for all files. UserError for a wanted channel that is nowhere, and where no good channel is left."""
    groups = _names_by_group(files, "" if _by_name(files, wanted, align) else None, bad_channels)
    if not any(groups.values()):
        raise UserError("every channel is marked bad", "correct the table of channels, or the file's list of bad ones")
    if "" in groups:
        names = tuple(wanted) or tuple(groups[""].values())
        _check_wanted(names, groups[""])
        order = {"": {name.lower(): place for place, name in enumerate(names)}}
    else:
        size = len(wanted) or max(map(len, groups.values()))
        names = tuple(f"ch{number}" for number in range(1, size + 1))
        _check_room(groups, size)
        order = {group: {name: place for place, name in enumerate(found)} for group, found in groups.items()}
    places = [np.array([-1 if bad else order.get("", order.get(file.source.subject, {})).get(name.lower(), -1)
                        for name, bad in zip(file.montage.names, file.montage.bad)], int) for file in files]
    return Layout(names, places, _notes(groups, names, places))


def _by_name(files: Sequence[File], wanted: Sequence[str], align: str) -> bool:
    """Channels of one subject, on the scalp, or the same in all files have names that mean one thing."""
    sets = {frozenset(name.lower() for name in file.montage.names) for file in files}
    if wanted:
        return not (all(PLACE.fullmatch(name) for name in wanted) and not any(set(wanted) & names for names in sets))
    if align != "auto":
        return align == "names"
    subjects = {file.source.subject for file in files}
    inside = any(file.header.channels[pick].kind in INSIDE for file in files for pick in file.montage.picks)
    return len(subjects) == 1 or len(sets) == 1 or not inside


def _names_by_group(files: Sequence[File], common: str | None, bad_channels: str) -> dict[str, dict[str, str]]:
    """Group (the subject, or `common` to all) -> its channels in order of appearance, lower case -> as written."""
    groups: dict[str, dict[str, str]] = {}
    states: dict[tuple[str, str], list[bool]] = {}
    for file in files:
        group = file.source.subject if common is None else common
        for name, bad in zip(file.montage.names, file.montage.bad.tolist()):
            groups.setdefault(group, {}).setdefault(name.lower(), name)
            states.setdefault((group, name.lower()), []).append(bad)
    lost = any if bad_channels == "drop" else all
    return {group: {name: written for name, written in names.items() if not lost(states[group, name])}
            for group, names in groups.items()}


def _check_wanted(names: Sequence[str], known: dict[str, str]) -> None:
    lost = [name for name in names if name.lower() not in known]
    if lost:
        raise UserError(f"no recording has a good channel {', '.join(lost[:5])}{did_you_mean(lost[0], known.values())}",
                        f"they have {', '.join(list(known.values())[:30])}{', ...' * (len(known) > 30)}")


def _check_room(groups: dict[str, dict[str, str]], size: int) -> None:
    large = next((group for group, names in groups.items() if len(names) > size), None)
    if large is not None:
        raise UserError(f"subject {large} has {len(groups[large])} channels, the model has places for {size}",
                        "channels inside a head cannot be matched between subjects; fit the model to this subject")


def _notes(groups: dict[str, dict[str, str]], names: Sequence[str], places: list[np.ndarray]) -> tuple[str, ...]:
    if "" not in groups:
        counts = [len(found) for found in groups.values()]
        return (f"contacts of {len(groups)} subjects lie elsewhere in each: {min(counts)} to {max(counts)} channels in "
                f"{len(names)} numbered places, the rest masked (align=names matches them by name)",)
    absent = 1 - np.mean([(found >= 0).sum() for found in places]) / len(names)
    return (f"{absent:.0%} of the channels of all files are absent or bad there: masked",) if absent > 0 else ()
