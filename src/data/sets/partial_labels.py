"""Records labelled in a part of the labels only: `target_idx` says which of all labels the `label` of a record are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from src.data.sets.label_files import NAMES, numbered, read_names
from src.errors import BadRecord, UserError

MOST = 4096  # labels


def places_of(about: Mapping[str, np.ndarray], record: str) -> np.ndarray:
    """Which labels those of a record are, (k,) int64, none where it does not say; BadRecord where they are no numbers
    of labels, or not as many as its labels."""
    places = about.get("target_idx", np.zeros(0)) if "label" in about else np.zeros(0)
    whole = places.dtype.kind in "biuf" and bool(((places >= 0) & (places < MOST) & (places == places // 1)).all())
    if not whole or len(set(places.tolist())) != len(places):
        raise BadRecord(record, f"its target_idx are not different numbers from 0 to {MOST - 1}")
    if len(places) not in (0, len(about.get("label", ()))):
        raise BadRecord(record, f"has {len(about['label'])} labels for {len(places)} target_idx")
    return places.astype(np.int64)


def spread(labels: Sequence[np.ndarray], places: Sequence[np.ndarray], folder: Path, classes: Sequence[str]
           ) -> tuple[np.ndarray, tuple[str, ...]]:
    """(n, K) float32 of what each record says, NaN of all others, and the names of the labels. A record without places
    says all, or nothing."""
    names = _names(folder, max(int(found.max(initial=0)) for found in places), classes)
    table = np.full((len(labels), len(names)), np.nan, np.float32)
    for row, label, found in zip(table, labels, places):
        if len(found):
            row[found] = label
        elif len(label) == len(names):
            row[:] = label
        elif len(label):
            raise UserError(f"{folder}: a record has {len(label)} labels and no target_idx; there are {len(names)}",
                            "target_idx says which labels it is about")
    return table, names


def _names(folder: Path, largest: int, classes: Sequence[str]) -> tuple[str, ...]:
    """Those of label_def.csv; without one label_0 to that of the `largest` place, or to the last of a trained model's
    `classes`."""
    path = folder / NAMES
    if not path.is_file():
        every = numbered(MOST)
        return every[:1 + max([largest, *(every.index(name) for name in classes if name in every)])]
    names = read_names(path)
    if largest >= len(names):
        raise UserError(f"{path}: {len(names)} names, but a record has a label {largest} (target_idx counts from 0)",
                        "a line for each label")
    return names
