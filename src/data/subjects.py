"""`--subjs`: a data set with some of its subjects alone, numbered from 0 or as another training numbered them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from src.data.dataset import BaseDataset
from src.data.signal import Sample
from src.errors import UserError, did_you_mean

ALL = "all"
SHOWN = 24  # known subjects that an error lists


class SomeSubjects(BaseDataset):
    """The records of `subjects`. `places` (one per subject) are their numbers in a training on more subjects."""

    def __init__(self, dataset: BaseDataset, subjects: Sequence[str], places: Sequence[int] | None = None):
        self.inner = dataset
        self._rows = np.flatnonzero(np.isin(dataset.records.subject, list(subjects)))
        self.records = dataset.records.take(self._rows)
        self.spec, self.target, self.source = dataset.spec, dataset.target, dataset.source
        self.within_subject, self.notes = dataset.within_subject, dataset.notes
        self.info = {name: column[self._rows] for name, column in dataset.info.items()}
        self.protocol = dataset.protocol
        if len(subjects) == 1 or places is not None:  # a subject that training knew, or the only one there is
            self.within_subject = True
        self._names = sorted(subjects) if places is None else _numbered(subjects, places)

    @property
    def subjects(self) -> list[str]:
        """As ever the list that `Batch.subject` indexes; subjects that are not among these data have a made-up name."""
        return self._names

    def channels_of(self, subject: str) -> tuple[str, ...]:
        return self.inner.channels_of(subject)

    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        return self.inner.read(int(self._rows[row]), rng)

    def content_hash(self, row: int) -> str | None:
        return self.inner.content_hash(int(self._rows[row]))

    def __getattr__(self, name: str) -> Any:
        """What a data set offers beyond the common (its configuration, its lexicon)."""
        if name.startswith("_") or "inner" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.inner, name)


def chosen(subjects: Sequence[str] | None) -> Sequence[str]:
    """Those that were named, each once; none where all are meant."""
    return () if subjects is None or list(subjects) == [ALL] else tuple(dict.fromkeys(subjects))


def choose_subjects(dataset: BaseDataset, subjects: Sequence[str] | None,
                    places: Sequence[int] | None = None) -> BaseDataset:
    """The data set with these subjects alone; None or ["all"] = as it is.

    `places`: the number of each subject in the training whose weights are used (`--subj_idxs`). Raises UserError for
    an unknown subject, naming those that are known, and where the numbers do not fit.
    """
    known = dataset.subjects
    named = chosen(subjects)
    if not named and places is None:
        return dataset
    subjects = named or known
    _check(subjects, known)
    if places is None and set(subjects) == set(known) and (len(known) > 1 or dataset.within_subject):
        return dataset
    return SomeSubjects(dataset, subjects, places)


def _check(subjects: Sequence[str], known: Sequence[str]) -> None:
    named = [name for name in known if name]
    for name in subjects:
        if name not in named:
            if not named:
                raise UserError(f"--subjs {name}: these data do not say whose a recording is",
                                "give them a subject column, or leave --subjs out")
            listed = ", ".join(named[:SHOWN]) + (f" and {len(named) - SHOWN} more" if len(named) > SHOWN else "")
            raise UserError(f"--subjs {name}: these data have no such subject{did_you_mean(name, named)}",
                            f"they have: {listed}")


def _numbered(subjects: Sequence[str], places: Sequence[int]) -> list[str]:
    if len(places) != len(subjects) or len(set(places)) != len(places):
        raise UserError(f"--subj_idxs {' '.join(map(str, places))}: one number for each of the {len(subjects)} "
                        "subjects is expected, none twice", "for instance --subjs 001 003 --subj_idxs 0 2")
    names = [f"(subject {number})" for number in range(max(places) + 1)]
    for name, place in zip(subjects, places):
        names[place] = name
    return names
