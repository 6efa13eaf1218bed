"""People who are to be identified: each has a record in a gallery and one among the probes, and is not trained on."""

from __future__ import annotations

import numpy as np

from src.data.dataset import BaseDataset
from src.data.sets.manifest_files import ROLES

People = dict[str, dict[str, str]]  # part -> {person: its name for people}


def roles_of(dataset: BaseDataset) -> np.ndarray:
    """(records,) `gallery` or `probe` for a stranger's record, "" for all others."""
    column = dataset.info.get("role")
    if column is None:
        return np.full(len(dataset), "", "<U7")
    return np.where(np.isin(column, ROLES), column, "")


def kept_apart(dataset: BaseDataset, parts: dict[str, np.ndarray], people: People) -> People:
    """Of `people` of each part those who may be in no other: strangers, and all others as one part (they are met again
    on purpose). {} without strangers."""
    roles = roles_of(dataset)
    strange = {name for name, rows in parts.items() if (roles[rows] != "").any()}
    met = {name: found for name, found in people.items() if name not in strange}
    known = {person: named for found in met.values() for person, named in found.items()}
    return {" and ".join(met): known, **{name: people[name] for name in parts if name in strange}} if strange else {}
