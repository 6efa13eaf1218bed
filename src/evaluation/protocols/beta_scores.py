"""F-beta and G-beta of several labels, where each record counts once however many labels it has.

CinC 2020 and the public PTB-XL and CPSC benchmarks (Strodthoff et al. 2021): a record's contributions are weighted by
1 / number of its labels.
"""

from __future__ import annotations

import numpy as np


def beta_scores(labels: np.ndarray, said: np.ndarray, beta: float = 2.0) -> tuple[float, float]:
    """`labels`, `said` (n, K) 0/1 -> macro F-beta and G-beta; a class that is nowhere has none and is left out."""
    labels, said = np.asarray(labels, bool), np.asarray(said, bool)
    weight = 1 / np.maximum(labels.sum(1), 1)
    hit, false, missed = (weight @ part for part in (labels & said, ~labels & said, labels & ~said))
    with np.errstate(invalid="ignore"):
        f = (1 + beta**2) * hit / ((1 + beta**2) * hit + false + beta**2 * missed)
        g = hit / (hit + false + beta * missed)
    known = hit + false + missed > 0
    return (float(f[known].mean()), float(g[known].mean())) if known.any() else (float("nan"), float("nan"))


def at_least_one(chances: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """(n, K) bool: the labels above their threshold or, of a record without any, its likeliest."""
    said = chances > thresholds
    none = ~said.any(1)
    said[none, chances[none].argmax(1)] = True
    return said
