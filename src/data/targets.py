"""From a column of labels as people write them to numbers, and the `TargetSpec` that names them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from src.data.signal import TargetSpec
from src.errors import UserError

KINDS = ("auto", "classes", "multilabel", "value")
MISSING = {"", "nan", "none", "null", "na", "n/a"}
SUBSETS = {"train": "train", "training": "train", "tr": "train", "valid": "valid", "val": "valid",
           "validation": "valid", "dev": "valid", "test": "test", "testing": "test", "eval": "test", "": ""}


def encode(labels: np.ndarray, names: Sequence[str] = (), kind: str = "auto"
           ) -> tuple[TargetSpec, np.ndarray, np.ndarray]:
    """Target, encoded labels ((n,) int64 classes, (n, K) float32 else) and (n,) bool: True where labels are missing.

    - strings are class names; ';' between names makes every record multi-label;
    - whole numbers are classes: positions in `names` where given, else each distinct number is a class;
    - other numbers are values; a table (n, K) of 0 and 1 is multi-label, NaN where a label is not known (missing are
      rows in which none is), any other table K values.
    Rows with a missing label hold zeros; the caller leaves them out. `names` (all classes, in order) refuses others.
    """
    if kind not in KINDS:
        raise UserError(f"target={kind}: unknown", f"known: {', '.join(KINDS)}")
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2:
        return _encode_table(labels, names, kind)
    if labels.dtype.kind in "US":
        numbers = _as_numbers(labels) if kind == "value" else None
        return _encode_words(labels.astype(str), names, kind) if numbers is None else _encode_values(numbers[:, None])
    return _encode_numbers(labels, names, kind)


def _encode_words(words: np.ndarray, names: Sequence[str], kind: str) -> tuple[TargetSpec, np.ndarray, np.ndarray]:
    sets = [[part.strip() for part in word.split(";") if part.strip()] for word in words.tolist()]
    several = kind == "multilabel" or (kind == "auto" and any(len(parts) > 1 for parts in sets))
    bad = np.array([word.strip().lower() in MISSING - ({""} if several else set()) for word in words.tolist()], bool)
    found = sorted({part for parts, missing in zip(sets, bad) if not missing for part in parts})
    names = _checked_names(names, found)
    place = {name: number for number, name in enumerate(names)}
    if not several:
        wrong = [";".join(parts) for parts in sets if len(parts) > 1]
        if wrong:
            raise UserError(f"target=classes, but a record has several labels: {wrong[0]}", "give target=multilabel")
        label = np.array([0 if missing else place[parts[0]] for parts, missing in zip(sets, bad)], np.int64)
        return TargetSpec("classes", names), label, bad
    table = np.zeros((len(words), len(names)), np.float32)
    for row, (parts, missing) in enumerate(zip(sets, bad)):
        if not missing:
            table[row, [place[part] for part in parts]] = 1
    return TargetSpec("multilabel", names), table, bad


def _encode_numbers(numbers: np.ndarray, names: Sequence[str], kind: str) -> tuple[TargetSpec, np.ndarray, np.ndarray]:
    numbers = numbers.astype(np.float64)
    bad = ~np.isfinite(numbers)
    whole = np.where(bad, 0, numbers)
    if kind == "value" or (kind == "auto" and (whole != np.floor(whole)).any()):
        return _encode_values(numbers[:, None])
    if kind == "multilabel" or (whole != np.floor(whole)).any():
        raise UserError(f"target={kind}: these labels are one number per record",
                        "give whole numbers as classes, a table of 0 and 1 as multilabel, or target=value")
    whole = whole.astype(np.int64)
    if names and whole.min(initial=0) >= 0 and whole.max(initial=0) < len(names):
        return TargetSpec("classes", tuple(names)), whole, bad
    words = np.where(bad, "nan", whole.astype(str))
    found = sorted(set(whole[~bad].tolist()))
    if names:
        _checked_names(names, [str(number) for number in found])
    return _encode_words(words, names or [str(number) for number in found], "classes")


def _encode_table(table: np.ndarray, names: Sequence[str], kind: str) -> tuple[TargetSpec, np.ndarray, np.ndarray]:
    if table.dtype.kind not in "buif":
        raise UserError(f"a table of labels {table.shape} must hold numbers, found {table.dtype}")
    if names and len(names) != table.shape[1]:
        raise UserError(f"{len(names)} label names for a table of {table.shape[1]} columns")
    table = table.astype(np.float32)
    if kind == "value" or (kind == "auto" and not np.isin(table[np.isfinite(table)], (0, 1)).all()):
        return _encode_values(table, names)
    if kind == "classes":
        raise UserError(f"target=classes, but the labels are a table {table.shape}", "give one number or name each")
    table, bad = without_missing(table, several=True)
    return TargetSpec("multilabel", tuple(names) or _numbered(table.shape[1])), table, bad


def without_missing(table: np.ndarray, several: bool) -> tuple[np.ndarray, np.ndarray]:
    """(n, K) labels, `several` or values, with zeros in the rows that are missing, and which these are (n,). Of several
    labels some may be unknown, NaN; of values none."""
    known = np.isfinite(table)
    missing = ~(known.any(axis=1) if several else known.all(axis=1))
    return np.where(missing[:, None], 0, np.where(known, table, np.nan)).astype(np.float32), missing


def _encode_values(table: np.ndarray, names: Sequence[str] = ()) -> tuple[TargetSpec, np.ndarray, np.ndarray]:
    table, bad = without_missing(table.astype(np.float32), several=False)
    default = ("value",) if table.shape[1] == 1 else _numbered(table.shape[1])
    return TargetSpec("value", tuple(names) or default), table, bad


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"label_{number}" for number in range(count))


def _as_numbers(words: np.ndarray) -> np.ndarray:
    try:
        return np.array([np.nan if word.strip().lower() in MISSING else float(word) for word in words.tolist()])
    except ValueError as error:
        raise UserError(f"target=value, but a label is not a number ({error})") from None


def _checked_names(names: Sequence[str], found: Sequence[str]) -> tuple[str, ...]:
    """`names` where given (every found label must be among them), else the labels found."""
    unknown = [name for name in found if names and name not in names]
    if unknown:
        raise UserError(f"{len(unknown)} labels are not among the classes: {', '.join(unknown[:5])}",
                        f"classes: {', '.join(names)}")
    return tuple(names) or tuple(found)


def subset_names(texts: np.ndarray) -> np.ndarray:
    """train, valid, test for their usual spellings; other names (a second validation part) stay as they are."""
    return np.array([SUBSETS.get(text.strip().lower(), text.strip()) for text in texts.astype(str).tolist()], str)
