"""What a public or own set of recordings is before preparation: which files, whose, with which labels and parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from src.errors import UserError


@dataclass(frozen=True)
class RawRecord:
    """One recording to prepare. `name` is unique in its set; `path` is relative to the raw root, with '/'.

    `record` names it inside a file that holds many (an exam of an HDF5 file); `start` and `samples` cut a piece of a
    long one (a beat, a segment), at its own sampling rate; `labels` are names out of `RawSet.classes`.
    """

    name: str
    path: str
    labels: tuple[str, ...] = ()
    subject: str = ""
    subset: str = ""  # train, valid, test; "" where the set has no official parts
    record: str | None = None
    start: int = 0
    samples: int | None = None
    rate_hz: float = 0.0  # counts where the file does not say it
    strung: bool = False  # its leads one after the other, as a single one
    info: Mapping[str, str] = field(default_factory=dict)  # age, sex, device, source: columns of the prepared table


@dataclass
class RawSet:
    """A set as found below a raw root."""

    name: str
    classes: tuple[str, ...]
    kind: str  # classes or multilabel
    records: list[RawRecord]
    source: str  # one line: what it is and where it comes from
    licence: str
    notes: tuple[str, ...] = ()  # what was left out, corrected or assumed
    missing: Mapping[str, str] = field(default_factory=dict)  # records of the tables without usable files: name -> why
    protocol: str = ""  # the benchmark whose numbers are told beside ours; its name in src/evaluation/protocols
    keeps_order: bool = False  # its records are taken in this order, not in that of their names


def not_there(name: str, looked_for: str, source: str, licence: str) -> UserError:
    """The error for a raw root that lacks the set: what is missing, where it comes from, under which licence."""
    return UserError(f"{name}: not found: {looked_for}",
                     f"get it from {source} (licence: {licence}), unpack it, and name its folder with --raw_root")
