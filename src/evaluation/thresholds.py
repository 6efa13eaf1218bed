"""From which probability on a label is given: one threshold per label, chosen on validation predictions alone.

- `half`: 0.5, nothing is chosen.
- `f1`: the largest F1 of the label.
- `youden`: the largest sensitivity + specificity - 1 (Youden 1950).
- `gbeta`: of 100 steps from 0 to 1 the one with the largest G-beta, beta 2: TP / (TP + FP + 2 FN), as the public PTB-XL
  and CPSC benchmarks choose theirs (Strodthoff et al. 2021).

Of equally good thresholds the strictest counts for `f1` and `youden`, the laxest for `gbeta`. A label without positive
or without negative examples keeps 0.5; records of which it is not known have no say.
"""

from __future__ import annotations

import numpy as np

from src.evaluation.ranking import sweep

RULES = ("half", "f1", "youden", "gbeta")
STEPS = 100


def choose(rule: str, labels: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """`labels` (n, K) 0/1 or NaN and probabilities `chances` (n, K) -> a threshold for each label (K,)."""
    labels = np.asarray(labels)
    found = np.full(labels.shape[1], 0.5)
    if rule == "half":
        return found
    search = {"f1": _f1, "youden": _youden, "gbeta": _gbeta}[rule]
    known = ~np.isnan(labels)
    for k, positives in enumerate(np.nansum(labels, 0)):
        if 0 < positives < known[:, k].sum():
            found[k] = search(labels[known[:, k], k], chances[known[:, k], k])
    return found


def _f1(label: np.ndarray, chance: np.ndarray) -> float:
    steps, true, false = _sweep(label, chance)
    return steps[np.argmax(2 * true / (true + false + label.sum()))]


def _youden(label: np.ndarray, chance: np.ndarray) -> float:
    steps, true, false = _sweep(label, chance)
    return steps[np.argmax(true / true[-1] - false / false[-1])]


def _gbeta(label: np.ndarray, chance: np.ndarray) -> float:
    """A record is positive above the step, not at it, as in the benchmarks' code."""
    steps = np.linspace(0, 1, STEPS)
    true = (label == 1).sum() - np.searchsorted(np.sort(chance[label == 1]), steps, side="right")
    false = (label != 1).sum() - np.searchsorted(np.sort(chance[label != 1]), steps, side="right")
    missed = label.sum() - true
    return steps[np.argmax(true / (true + false + 2 * missed))]


def _sweep(label: np.ndarray, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct probabilities, falling, and the true and false alarms from each of them on."""
    true, false = sweep(label, chance, np.ones((len(label), 1)))
    return np.unique(chance)[::-1], true[:, 0], false[:, 0]
