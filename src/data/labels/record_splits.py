"""Which records train, validate and test, as `meta_split.csv`: by patient, or by record as the lead-I pipeline did.

By record the same patient's records lie in several parts, so that a test score also counts what was learnt about the
patient; that split is for comparison with numbers that were made so.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from src.data.labels.files import write_text
from src.data.labels.reports import stream_rows, to_study
from src.errors import UserError

PARTS = ("train", "valid", "test")
SAVED = "mimic_iv_ecg_{}.mat"


class Split(NamedTuple):
    """`counts`: part -> records. `shared`: patients with records in several parts, None where they are unknown."""

    counts: dict[str, int]
    patients: int | None
    shared: int | None


def make_split(record_list: Path, out: Path, *, valid_frac: float = 0.1, test_frac: float = 0.1, seed: int = 42,
               replica: bool = False) -> Split:
    """record_list.csv (`study_id`, `subject_id`) -> meta_split.csv (`save_file`, `split`), rows in the same order.

    - A study that is listed twice counts once.
    - By patient, as ECG-FM's grouped strategy: the fractions are of patients. `replica` splits by record.
    - Raises UserError for tables without the columns, wrong fractions, and where nothing is left to train on.
    """
    _check_fractions(valid_frac, test_frac)
    studies, subjects = _read_records(record_list, needs_subject=not replica)
    part = by_record(len(studies), valid_frac, test_frac, seed) if replica else \
        by_patient(np.array(subjects), valid_frac, test_frac, seed)
    names = np.array(PARTS)[part]
    rows = (f"{SAVED.format(study)},{name}\n" for study, name in zip(studies, names.tolist()))
    write_text(out, "save_file,split\n" + "".join(rows))
    counts = {name: int((part == number).sum()) for number, name in enumerate(PARTS)}
    return Split(counts, *_patients(subjects, part))


def by_record(records: int, valid_frac: float, test_frac: float, seed: int) -> np.ndarray:
    """(records,) 0 train, 1 valid, 2 test: shuffled by numpy's default generator, the sizes rounded down."""
    train, valid, _ = part_sizes(records, valid_frac, test_frac)
    order = np.arange(records)
    np.random.default_rng(seed).shuffle(order)
    part = np.full(records, 2)
    part[order[:train]] = 0
    part[order[train:train + valid]] = 1
    return part


def part_sizes(records: int, valid_frac: float, test_frac: float) -> tuple[int, int, int]:
    """Records of train, valid and test; UserError where none is left to train on."""
    valid, test = int(np.floor(records * valid_frac)), int(np.floor(records * test_frac))
    if records - valid - test <= 0:
        raise UserError(f"{records} records with {valid_frac:g} for validation and {test_frac:g} for testing "
                        "leave none to train on", "give more records or smaller fractions")
    return records - valid - test, valid, test


def by_patient(subject: np.ndarray, valid_frac: float, test_frac: float, seed: int) -> np.ndarray:
    """(records,) 0 train, 1 valid, 2 test; no subject in two of them.

    Training subjects are drawn first, then the rest is shared by the two other fractions (scikit-learn's
    GroupShuffleSplit twice with the same seed).
    """
    held_out = valid_frac + test_frac
    if held_out == 0:
        return np.zeros(len(subject), int)
    part = np.full(len(subject), 2)
    train, rest = _group_shuffle(subject, 1 - held_out, seed)
    part[train] = 0
    if test_frac == 0:
        part[rest] = 1
    elif valid_frac > 0:
        part[rest[_group_shuffle(subject[rest], valid_frac / held_out, seed)[0]]] = 1
    return part


def _group_shuffle(subject: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import GroupShuffleSplit

    try:
        first, second = next(GroupShuffleSplit(1, train_size=round(share, 12), random_state=seed).split(
            subject, groups=subject))
    except ValueError:
        raise UserError(f"{len(np.unique(subject))} patients are too few for these fractions",
                        "give more records, or smaller fractions (0 leaves a part out)") from None
    return first, second


def _check_fractions(valid_frac: float, test_frac: float) -> None:
    if not (valid_frac >= 0 and test_frac >= 0 and valid_frac + test_frac < 1):
        raise UserError(f"{valid_frac:g} for validation and {test_frac:g} for testing: expected fractions "
                        "of at least 0 with a sum below 1", "for example 0.1 and 0.1")


def _read_records(path: Path, needs_subject: bool) -> tuple[list[int], list[str]]:
    """Studies in order without repeats, and their subjects ("" throughout where there is no such column)."""
    rows = stream_rows(path)
    header = [name.strip() for name in next(rows, [])]
    missing = [name for name in ("study_id", *(("subject_id",) if needs_subject else ())) if name not in header]
    if missing:
        hint = "give record_list.csv of MIMIC-IV-ECG" if "study_id" in missing else \
            "add the column, or split by record as the original does: patients are then in several parts (--replica)"
        raise UserError(f"{path}: no column {missing[0]}; found {', '.join(header[:8]) or 'an empty file'}", hint)
    study, subject = header.index("study_id"), header.index("subject_id") if "subject_id" in header else None
    first: dict[int, str] = {}
    for line, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise UserError(f"{path}: line {line} has {len(row)} cells, the first line {len(header)}",
                            "quote cells that hold a comma")
        owner = row[subject].strip() if subject is not None else ""
        if needs_subject and not owner:
            raise UserError(f"{path}: line {line} has no subject_id", "fill it in, or leave the record out")
        first.setdefault(to_study(row[study], f"{path}, line {line}"), owner)
    if not first:
        raise UserError(f"{path} lists no record")
    return list(first), list(first.values())


def _patients(subjects: list[str], part: np.ndarray) -> tuple[int | None, int | None]:
    if not all(subjects):
        return None, None
    parts_of: dict[str, set[int]] = {}
    for subject, number in zip(subjects, part.tolist()):
        parts_of.setdefault(subject, set()).add(number)
    return len(parts_of), sum(len(parts) > 1 for parts in parts_of.values())
