"""Which records train, validate and test: by subject, stratified by label, the official parts where the data have them.

One dealing algorithm serves shares and folds, single and multiple labels, with subjects and without: groups (all
records of a subject; a record alone where its subject is unknown) are dealt one by one, those with rare labels and
many records first, each to the part where it takes most from the sum over labels and parts of
(records lacking)^2 / records wanted (iterative stratification, Sechidis et al. 2011, with groups in place of records
and this chi-square in place of the largest lack, so that parts of unequal shares fill alike).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from src.data.dataset import BaseDataset, Records
from src.data.strangers import kept_apart
from src.errors import UserError
from src.files import write_json

PARTS = ("train", "valid", "test")
FOLDS, INNER = 1, 2  # streams of the seed: the folds must not depend on which of them is asked for


def split(records: Records, *, ratio: Sequence[float] = (0.8, 0.1, 0.1), fold: int | None = None,
          folds: int | None = None, seed: int = 0) -> dict[str, np.ndarray]:
    """Part -> sorted rows of `records`; train, valid and test are always there (empty where their share is 0).

    - Official subsets count; a part that they lack is cut from the official training part.
    - Fold `fold` (from 0) of `folds` is the test part, the validation part is cut from the rest. Official training
      and validation parts are then pooled; an official test part is kept out of every part.
    - Raises UserError where there are fewer subjects (or records) than parts.
    """
    _check(ratio, fold, folds)
    parts = _official(records.subset)
    if fold is not None and folds is not None:
        return _one_fold(records, np.sort(np.concatenate([parts["train"], parts["valid"]])), ratio, fold, folds, seed)
    missing = [name for name in ("valid", "test") if len(parts[name]) == 0]
    shares = [ratio[0], *(ratio[PARTS.index(name)] for name in missing)]
    cut = deal(records, parts["train"], shares, (seed, INNER))
    return {**parts, "train": cut[0], **dict(zip(missing, cut[1:]))}


def deal(records: Records, rows: np.ndarray, shares: Sequence[float], seed: Sequence[int]) -> list[np.ndarray]:
    """`rows` in as many disjoint sorted parts as `shares`, no subject in two of them, labels spread alike."""
    wanted = np.asarray(shares, float) / np.sum(shares)
    groups = _groups(records, rows)
    content = _content(records.label[rows], groups)
    if len(content) < np.count_nonzero(wanted):
        raise UserError(f"{len(content)} subjects or records cannot be split into {np.count_nonzero(wanted)} parts",
                        "give more data, or a --split_ratio with zeros (1 0 0 trains on everything)")
    part = _deal_groups(content, wanted, np.random.default_rng(seed))[groups]
    return [np.sort(rows[part == index]) for index in range(len(wanted))]


def _deal_groups(content: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(groups, columns) counts, shares of the parts -> the part of each group."""
    weight = 1 / np.maximum(content.sum(axis=0), 1)  # a rare label counts as much as a common one
    lacking = np.outer(wanted, content.sum(axis=0))
    shuffled = rng.permutation(len(content))
    order = shuffled[np.argsort(-(content[shuffled] * weight).max(axis=1), kind="stable")]
    part = np.full(len(content), -1)
    waiting = set(np.flatnonzero(wanted).tolist())  # parts that have no group yet
    for position, group in enumerate(order):
        taken = ((2 * lacking - content[group]) * content[group]) @ weight
        score = np.where(wanted > 0, taken / np.maximum(wanted, 1e-12), -np.inf)
        if len(waiting) == len(order) - position:
            score[[index not in waiting for index in range(len(wanted))]] = -np.inf
        best = np.flatnonzero(score >= score.max() - 1e-12)
        part[group] = best[rng.integers(len(best))]
        lacking[part[group]] -= content[group]
        waiting.discard(int(part[group]))
    return part


def _content(label: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(groups, columns): how many records a group has, and of each label."""
    if label.ndim == 1 and np.issubdtype(label.dtype, np.integer):
        columns = label[:, None] == np.unique(label)[None]
    elif label.ndim == 2 and (np.isin(label, (0, 1)) | np.isnan(label)).all():
        label = np.nan_to_num(label)  # what is not known is not there
        columns = np.concatenate([label, label.sum(axis=1, keepdims=True) == 0], axis=1)
    else:
        columns = np.zeros((len(label), 0))  # values have no classes to spread
    columns = np.concatenate([np.ones((len(label), 1)), columns.astype(float)], axis=1)
    content = np.zeros((groups.max(initial=-1) + 1, columns.shape[1]))
    np.add.at(content, groups, columns)
    return content


def _groups(records: Records, rows: np.ndarray) -> np.ndarray:
    """A number per row, equal for records of one known subject."""
    subject = records.subject[rows]
    names = np.where(subject == "", np.char.add("record ", rows.astype(str)), np.char.add("subject ", subject))
    return np.unique(names, return_inverse=True)[1]


def _official(subset: np.ndarray) -> dict[str, np.ndarray]:
    """Part -> rows as the data say it; records without a part count as training records."""
    names = np.where(subset == "", "train", subset)
    parts = {name: np.flatnonzero(names == name) for name in dict.fromkeys([*PARTS, *names.tolist()])}
    return parts


def _one_fold(records: Records, rows: np.ndarray, ratio: Sequence[float], fold: int, folds: int,
              seed: int) -> dict[str, np.ndarray]:
    parts = deal(records, rows, [1.0] * folds, (seed, FOLDS, folds))
    rest = np.sort(np.concatenate([part for index, part in enumerate(parts) if index != fold]))
    train, valid = deal(records, rest, [ratio[0], ratio[1]], (seed, INNER, fold))
    return {"train": train, "valid": valid, "test": parts[fold]}


def _check(ratio: Sequence[float], fold: int | None, folds: int | None) -> None:
    if len(ratio) != 3 or min(ratio) < 0 or ratio[0] <= 0:
        raise UserError(f"--split_ratio {' '.join(f'{share:g}' for share in ratio)}: expected three shares, "
                        "none negative, the first above zero", "for example 0.8 0.1 0.1")
    if (fold is None) != (folds is None):
        raise UserError("--fold and --folds belong together", "for example --folds 5 --fold 0")
    if fold is not None and folds is not None and not (folds >= 2 and 0 <= fold < folds):
        raise UserError(f"--fold {fold} of --folds {folds}: expected 0 to {folds - 1}, and at least 2 folds")


def check_leaks(dataset: BaseDataset, parts: dict[str, np.ndarray]) -> str:
    """One line that says what was compared; UserError where a subject or a byte-identical record is in two parts.

    A part with exactly the rows of another is that part again (overfitting on purpose validates on what it trains on).
    """
    records = dataset.records
    distinct = {rows.tobytes(): name for name, rows in reversed(parts.items())}
    parts = {name: rows for name, rows in parts.items() if name in distinct.values()}
    known = {name: rows[records.subject[rows] != ""] for name, rows in parts.items()}
    subjects = {name: dict(zip(records.subject[rows].tolist(), records.subject[rows].tolist()))
                for name, rows in known.items()}
    remedy = "split by subject: leave the subset column out, or correct it"
    if dataset.within_subject:
        subjects = kept_apart(dataset, parts, subjects)
        remedy = "who is to be identified is not trained on: python prepare.py identify deals people so"
    _refuse_shared(subjects, "subject", remedy)
    contents = {name: _contents(dataset, rows) for name, rows in parts.items()}
    _refuse_shared(contents, "byte-identical recording", "remove the copies, or give them one subject and no subset")
    compared = [f"{len(set().union(*subjects.values()))} subjects"] if any(subjects.values()) else []
    if dataset.within_subject and not all(subjects.values()):
        return "leaks cannot be seen: whose the recordings trained on are is unknown (no patient_id)"
    if dataset.within_subject and not subjects:
        return "nothing leaks: within-subject decoding, the parts are different trials of the same subjects"
    compared += ["recordings byte by byte"] if any(contents.values()) else []
    return f"nothing leaks: {' and '.join(compared)} compared, none in two parts" if compared else \
        "leaks cannot be seen: subjects are unknown and records have no bytes to compare"


def _contents(dataset: BaseDataset, rows: np.ndarray) -> dict[str, str]:
    digests = {}
    for row in rows.tolist():
        digest = dataset.content_hash(row)
        if digest is not None:
            digests.setdefault(digest, str(dataset.records.record[row]))
    return digests


def _refuse_shared(found: dict[str, dict[str, str]], what: str, hint: str) -> None:
    """`found`: part -> {what must not be shared: its name for people}."""
    names = list(found)
    for first, second in ((a, b) for i, a in enumerate(names) for b in names[i + 1:]):
        shared = sorted(found[first].keys() & found[second].keys())
        if shared:
            listed = ", ".join(_both(found[first][key], found[second][key]) for key in shared[:5])
            raise UserError(f"{len(shared)} {what}{'s' * (len(shared) > 1)} in both {first} and {second}: {listed}"
                            f"{', ...' if len(shared) > 5 else ''}", hint)


def _both(first: str, second: str) -> str:
    return first if first == second else f"{first} = {second}"


def save_splits(path: Path | str, records: Records, parts: dict[str, np.ndarray]) -> None:
    """Part -> record names as JSON; names outlast a change in the order of the records."""
    write_json(Path(path), {name: records.record[rows].tolist() for name, rows in parts.items()}, indent=0)


def load_splits(path: Path | str, records: Records, may_lack: bool = False) -> dict[str, np.ndarray]:
    """The rows that `save_splits` kept; UserError where a record is not in the data, unless they `may_lack` it."""
    try:
        saved = json.loads(Path(path).read_text(encoding="utf-8"))
        named = {str(part): [str(name) for name in names] for part, names in saved.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{path}: not a file of splits ({error})", "it is written beside the checkpoints of a run"
                        ) from error
    return rows_of(named, path, records, may_lack)


def rows_of(named: Mapping[str, Sequence[str]], path: Path | str, records: Records, may_lack: bool = False
            ) -> dict[str, np.ndarray]:
    """Part -> sorted rows of the records that `path` names there; UserError as for `load_splits`."""
    row_of = {name: row for row, name in enumerate(records.record.tolist())}
    lost = [name for names in named.values() for name in names if name not in row_of]
    if lost and not may_lack:
        raise UserError(f"{len(lost)} records of {path} are not in these data: {', '.join(lost[:5])}"
                        f"{', ...' if len(lost) > 5 else ''}", "give the data that the run was started with")
    return {part: np.array(sorted(row_of[name] for name in names if name in row_of), dtype=np.int64)
            for part, names in named.items()}
