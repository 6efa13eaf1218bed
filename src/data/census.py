"""The first thing that a run prints: what the data are, what was changed or left out, how they are split."""

from __future__ import annotations

from collections import Counter
from textwrap import wrap

import numpy as np

from src.data.dataset import BaseDataset
from src.data.splits import check_leaks
from src.data.strangers import roles_of

WIDTH = 80  # columns of the narrowest terminal
LISTED = 12  # labels or channels that a line names before it says how many more there are


def census(dataset: BaseDataset, parts: dict[str, np.ndarray]) -> list[str]:
    """Lines for people; the last one says that nothing leaks. Raises UserError where something does."""
    records, spec = dataset.records, dataset.spec
    lines = [f"data      {dataset.source or type(dataset).__name__}",
             f"records   {len(records)}, {_subjects(records.subject)}",
             f"signal    {spec}: {_listed(spec.channels)}",
             f"lengths   {_lengths(records.length, spec.rate_hz)}",
             f"labels    {_labels_and_roles(dataset, np.arange(len(records)))}"]
    lines += [f"note      {note}" for note in dataset.notes]
    for name, rows in parts.items():
        if len(rows):
            lines.append(f"{name:<10}{len(rows)} records, {_subjects(records.subject[rows])}; "
                         f"{_labels_and_roles(dataset, rows)}")
    lines.append(f"check     {check_leaks(dataset, parts)}")
    return [piece for line in lines for piece in wrap(line, WIDTH, subsequent_indent=" " * 10)]


def _subjects(subject: np.ndarray) -> str:
    known = set(subject.tolist()) - {""}
    unknown = int((subject == "").sum())
    if not known:
        return "subjects unknown"
    return f"{len(known)} subject{'s' * (len(known) != 1)}" + (f" ({unknown} records without one)" if unknown else "")


def _lengths(length: np.ndarray, rate_hz: float) -> str:
    seconds = np.asarray(length) / rate_hz
    if len(seconds) == 0:
        return "none"
    low, middle, high = seconds.min(), np.median(seconds), seconds.max()
    return f"{low:g} s" if low == high else f"{low:.4g} to {high:.4g} s, median {middle:.4g} s"


def _labels_and_roles(dataset: BaseDataset, rows: np.ndarray) -> str:
    """Labels, and how many records of strangers, who are of no class, are a gallery's and probes."""
    roles = roles_of(dataset)[rows]
    if (roles == "").all():
        return _labels(dataset, rows)
    known = [_labels(dataset, rows[roles == ""])] if (roles == "").any() else []
    return ", ".join([*known, *(f"{role} {count}" for role, count in Counter(roles[roles != ""].tolist()).items())])


def _labels(dataset: BaseDataset, rows: np.ndarray) -> str:
    """'N 600, A 260': how many records have each label."""
    label, names, not_known = dataset.records.label[rows], dataset.target.names, ""
    if dataset.target.kind == "classes":
        counts = np.bincount(label, minlength=len(names)).tolist()
    elif dataset.target.kind == "multilabel":
        counts = np.nansum(label, axis=0).astype(int).tolist()
        none, unknown = int((np.nansum(label, axis=1) == 0).sum()), int(np.isnan(label).sum())
        names, counts = ((*names, "none"), [*counts, none]) if none else (names, counts)
        not_known = f" ({unknown} of {label.size} labels not known)" if unknown else ""
    else:
        return dataset.target.kind
    return _listed([f"{name} {count}" for name, count in zip(names, counts)]) + not_known


def _listed(words: list[str] | tuple[str, ...]) -> str:
    more = len(words) - LISTED
    return ", ".join(words[:LISTED]) + (f" and {more} more" if more > 0 else "")
