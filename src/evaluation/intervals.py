"""95 % bootstrap intervals, resampled by subject: records of one person are not independent.

Percentile method over 1000 draws. With fewer than MIN_SUBJECTS known subjects (a study of one person's electrodes)
records are drawn instead, and the result says so: the interval then speaks about further recordings of these same
subjects. A draw that loses a class says nothing about a macro mean and is not used; how many were is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from src.data.signal import TargetSpec
from src.evaluation.metrics import MACRO, weighted

MIN_SUBJECTS = 5  # below, a draw of subjects repeats a handful of combinations
MIN_USABLE = 100  # fewer draws than these do not place the 2.5 % and 97.5 % points
CHUNK = 2_000_000  # weights held at once


@dataclass
class Interval:
    low: float
    high: float
    usable: int  # draws in which the score was defined


@dataclass
class Intervals:
    """`overall` by metric and `by_class` by metric and class; None where too few draws were usable."""

    unit: str  # what was drawn: subject or record
    units: int
    draws: int
    seed: int
    overall: dict[str, Interval | None] = field(default_factory=dict)
    by_class: dict[str, list[Interval | None]] = field(default_factory=dict)

    @property
    def usable(self) -> int:
        """Draws usable for every metric that has an interval."""
        return min((interval.usable for interval in self.overall.values() if interval), default=0)


def bootstrap(target: TargetSpec, labels: np.ndarray, scores: np.ndarray, subjects: np.ndarray | None = None,
              thresholds=None, draws: int = 1000, seed: int = 0) -> Intervals:
    """Intervals for all metrics of the target; `subjects` (n,) names, "" where unknown."""
    unit, owner = resampling_units(subjects, len(scores))
    result = Intervals(unit, int(owner.max()) + 1, draws, seed)
    whole, whole_by_class = weighted(target, labels, scores, np.ones((len(scores), 1)), thresholds)
    rng = np.random.default_rng(seed)
    parts = []
    for size in _chunks(draws, len(scores)):
        overall, by_class = weighted(target, labels, scores, draw_weights(owner, size, rng), thresholds)
        for metric, part in MACRO.items():
            if metric in overall:
                lost = np.isnan(by_class[part]) & ~np.isnan(whole_by_class[part])
                overall[metric] = np.where(lost.any(0), np.nan, overall[metric])
        parts.append((overall, by_class))
    result.overall = {name: percentiles(np.concatenate([part[0][name] for part in parts])) for name in whole}
    for name in whole_by_class.keys() - {"support"}:
        values = np.concatenate([part[1][name] for part in parts], axis=1)
        result.by_class[name] = [percentiles(row) for row in values]
    return result


def resampling_units(subjects: np.ndarray | None, records: int) -> tuple[str, np.ndarray]:
    """What is drawn, and which unit owns each record (n,). A record without a subject is a unit of its own."""
    if subjects is not None:
        named = [name or f"\0{row}" for row, name in enumerate(np.asarray(subjects).tolist())]
        distinct, owner = np.unique(named, return_inverse=True)
        known = sum(not name.startswith("\0") for name in distinct.tolist())
        if known >= MIN_SUBJECTS:
            return "subject", owner
    return "record", np.arange(records)


def draw_weights(owner: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each record is in each draw, (n, draws): its unit's count among as many picks as there are units."""
    units = int(owner.max()) + 1
    picks = rng.integers(units, size=(draws, units)) + np.arange(draws)[:, None] * units
    counts = np.bincount(picks.ravel(), minlength=draws * units).reshape(draws, units)
    return counts.T[owner].astype(np.float64)


def percentiles(values: np.ndarray) -> Interval | None:
    known = values[~np.isnan(values)]
    if len(known) < MIN_USABLE:
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return Interval(float(low), float(high), len(known))


def _chunks(draws: int, records: int) -> list[int]:
    size = max(1, min(draws, CHUNK // records))
    return [min(size, draws - start) for start in range(0, draws, size)]
