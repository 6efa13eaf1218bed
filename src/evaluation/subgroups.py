"""Does the network work alike for all? The headline metric of each group of people, against that of all others.

Groups are those of the columns that a data set tells of its records: sex, device, source, site; ages in four ranges.
Intervals are percentile bootstraps over subjects, of the group and of its difference from the others in the same draws.
A macro AUROC is taken over the classes that both sides have enough records of: over unequal classes it would compare
diseases, not people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.evaluation.evaluate import Evaluation
from src.evaluation.intervals import Interval, draw_weights, percentiles, resampling_units
from src.evaluation.metrics import check, one_against_rest, weighted
from src.evaluation.ranking import auroc

COLUMNS = ("age", "sex", "device", "source", "site")  # what people, recorders and places are told apart by
AGES = ((40, "under 40"), (60, "40 to 59"), (80, "60 to 79"), (np.inf, "80 and over"))
MOST_GROUPS = 8  # of a column; the rarer ones are "other"
FEWEST = 20  # records of a group, and of its others, below which it is not judged
FEWEST_OF_CLASS = 5  # records with and without a class, on both sides, for its AUROC to be compared
DRAWS = 200


@dataclass
class Group:
    """`value` of the metric for the records with this value of a column, `difference` from all others; None where the
    group or its others are too few."""

    column: str
    name: str
    records: int
    subjects: int
    value: float | None = None
    interval: Interval | None = None
    difference: float | None = None
    gap: Interval | None = None  # 95 % of the difference
    classes: int = 0  # behind a macro AUROC

    @property
    def stands_out(self) -> bool:
        return self.gap is not None and (self.gap.low > 0 or self.gap.high < 0)


def groups(column: str, values: np.ndarray) -> np.ndarray:
    """The group of each record, (n,) str, "" where it is not known."""
    if column == "age":
        return np.array([_age_range(value) for value in values.tolist()])
    values = values.astype(str)
    names, counts = np.unique(values[values != ""], return_counts=True)
    kept = names[np.argsort(-counts, kind="stable")][: MOST_GROUPS if len(names) <= MOST_GROUPS else MOST_GROUPS - 1]
    return np.where((values == "") | np.isin(values, kept), values, "other")


def _age_range(text: str) -> str:
    try:
        age = float(text)
    except ValueError:
        return ""
    return next((name for bound, name in AGES if age < bound), "") if age >= 0 else ""


def judge_groups(evaluation: Evaluation, info: dict[str, np.ndarray], seed: int = 0) -> list[Group]:
    """The groups of every column of `info` (one value per prediction) that tells at least two apart."""
    if evaluation.predictions.labels is None or not evaluation.headline:
        return []
    _, owner = resampling_units(evaluation.records.subject, len(evaluation.records))
    drawn = draw_weights(owner, DRAWS, np.random.default_rng(seed))
    found = []
    for column in COLUMNS:
        if column not in info:
            continue
        named = groups(column, info[column])
        names = list(dict.fromkeys(name for _, name in AGES)) if column == "age" else sorted(set(named.tolist()))
        there = [name for name in names if name and (named == name).any()]
        if len(there) > 1:
            found += [_judge_one(evaluation, column, name, named == name, (named != name) & (named != ""), drawn)
                      for name in there]
    return found


def _judge_one(evaluation: Evaluation, column: str, name: str, inside: np.ndarray, others: np.ndarray,
               drawn: np.ndarray) -> Group:
    subjects = set(evaluation.records.subject[inside].tolist()) - {""}
    group = Group(column, name, int(inside.sum()), len(subjects))
    if min(inside.sum(), others.sum()) < FEWEST:
        return group
    columns = _comparable(evaluation, inside, others)
    own, rest = (_scores(evaluation, part, np.hstack([np.ones((part.sum(), 1)), drawn[part]]), columns)
                 for part in (inside, others))
    if not np.isfinite([own[0], rest[0]]).all():
        return group
    group.value, group.difference = float(own[0]), float(own[0] - rest[0])
    group.interval, group.gap = percentiles(own[1:]), percentiles((own - rest)[1:])
    group.classes = len(columns)
    return group


def _comparable(evaluation: Evaluation, inside: np.ndarray, others: np.ndarray) -> list[int]:
    """Classes that both sides have enough records with and without of; none where the metric needs none."""
    if evaluation.headline != "auroc":
        return []
    labels = np.asarray(evaluation.predictions.labels)
    enough = [min(np.nansum(labels[side], 0).tolist()[k], np.nansum(1 - labels[side], 0).tolist()[k]) >= FEWEST_OF_CLASS
              for side in (inside, others) for k in range(labels.shape[1])]
    return np.flatnonzero(np.reshape(enough, (2, -1)).all(0)).tolist()


def _scores(evaluation: Evaluation, rows: np.ndarray, weights: np.ndarray, columns: list[int]) -> np.ndarray:
    """The headline metric of some records under `weights` (records, R) -> (R,)."""
    target, metric = evaluation.target, evaluation.headline
    labels, scores = np.asarray(evaluation.predictions.labels)[rows], evaluation.predictions.scores[rows]
    if metric != "auroc":
        with np.errstate(invalid="ignore", divide="ignore"):
            return weighted(target, labels, scores, weights, evaluation.fitted.thresholds)[0][metric]
    if not columns:
        return np.full(weights.shape[1], np.nan)
    sides = one_against_rest(target, *check(target, labels, scores))
    return np.stack([auroc(*sides[k], weights) for k in columns]).mean(0)
