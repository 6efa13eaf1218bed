"""Which channels of a recording a model sees, and against which reference.

Bipolar derivations take neighbouring contacts of one depth electrode (A1-A2, A2-A3, ...): they keep what is local and
cancel what the common reference brings to both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from src.data.readers.mne_files import BRAIN, NOT_VOLTS, Channel
from src.errors import BadRecord

CONTACT = re.compile(r"(?P<shaft>.*?[^\d])[ _-]?(?P<number>\d{1,3})$")


@dataclass(frozen=True)
class Montage:
    """Derived signal = `matrix` @ stored channels `picks` (None: as stored); `bad` tells which of `names` are."""

    names: tuple[str, ...]
    bad: np.ndarray  # (n,) bool
    picks: np.ndarray  # (stored,) int
    matrix: np.ndarray | None  # (n, stored)


def make_montage(channels: Sequence[Channel], name: str, kinds: Sequence[str], reference: str,
                 wanted: Sequence[str] = ()) -> Montage:
    """The channels of these types (none given: of the brain; without any, all voltages) and those `wanted` by name."""
    named = {word.lower() for word in wanted}
    chosen = kinds or (BRAIN if any(c.kind in BRAIN for c in channels) else
                       tuple({c.kind for c in channels} - set(NOT_VOLTS)))
    picks = [n for n, channel in enumerate(channels) if channel.kind in chosen]
    if reference == "none":
        picks = [n for n, channel in enumerate(channels) if channel.kind in chosen or channel.name.lower() in named]
    if not picks:
        raise BadRecord(name, f"has no channel of the types {', '.join(chosen)}: it has "
                              f"{', '.join(sorted({c.kind for c in channels}))}", "--dataset_args kinds=...")
    used = [channels[pick] for pick in picks]
    bad = np.array([channel.bad for channel in used], bool)
    if reference == "bipolar":
        return _bipolar([channel.name for channel in used], bad, np.array(picks), name)
    matrix = None
    if reference == "average" and not bad.all():
        matrix = np.eye(len(picks)) - np.where(bad, 0, 1 / (~bad).sum())
    return Montage(tuple(channel.name for channel in used), bad, np.array(picks), matrix)


def _bipolar(names: list[str], bad: np.ndarray, picks: np.ndarray, name: str) -> Montage:
    pairs = neighbours(names)
    if not pairs:
        raise BadRecord(name, f"reference=bipolar: no two contacts are neighbours: {', '.join(names[:8])}",
                        "contacts are named by shaft and number: A1, A2, ...; or reference=average")
    matrix = np.zeros((len(pairs), len(names)))
    for row, (first, second) in enumerate(pairs):
        matrix[row, first], matrix[row, second] = 1, -1
    return Montage(tuple(f"{names[a]}-{names[b]}" for a, b in pairs), (matrix[:, bad] != 0).any(axis=1), picks, matrix)


def neighbours(names: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of contacts with consecutive numbers on one shaft, in order of the shafts' first appearance."""
    shafts: dict[str, dict[int, int]] = {}
    for place, name in enumerate(names):
        if found := CONTACT.match(name):
            shafts.setdefault(found["shaft"].lower(), {})[int(found["number"])] = place
    return [(contacts[number], contacts[number + 1]) for contacts in shafts.values() for number in sorted(contacts)
            if number + 1 in contacts]
