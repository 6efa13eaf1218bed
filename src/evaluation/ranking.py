"""AUROC and AUPRC of one class under many weightings of the records at once.

A bootstrap draw is a weighting (how often each record was drawn), so scores are sorted once for all draws: a thousand
draws cost about as much as a few dozen plain evaluations. The values equal scikit-learn's (a test holds it). A record
of which the class is not known (NaN) has no weight.
"""

from __future__ import annotations

import numpy as np


def sweep(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weight of true and of false alarms as the threshold falls, one row per distinct score.

    `positive` (n,) 0/1, `score` (n,), `weights` (n, R) -> two arrays (distinct scores, R), cumulative.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))  # ties move together
    drawn = weights[order].astype(np.float64)
    true = np.cumsum(drawn * positive[order, None], axis=0)[ends]
    return true, np.cumsum(drawn, axis=0)[ends] - true


def without_unknown(positive: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) and (n, R) where what is NaN is no positive and weighs nothing."""
    unknown = np.isnan(positive)
    return (np.where(unknown, 0, positive), np.where(unknown[:, None], 0, weights)) if unknown.any() else \
        (positive, weights)


def areas(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Areas under the ROC curve (trapezoids) and the precision-recall curve (steps), each (R,).

    NaN where the drawn records hold no positive, or (AUROC) no negative.
    """
    positive, weights = without_unknown(positive, weights)
    true, false = sweep(positive, score, weights)
    positives, negatives = true[-1], false[-1]
    gain, width = np.diff(true, axis=0, prepend=0.0), np.diff(false, axis=0, prepend=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.where(true > 0, true / (true + false), 0.0)
        auroc = ((true - gain / 2) * width).sum(0) / (positives * negatives)
        auprc = (gain * precision).sum(0) / positives
    return auroc, auprc


def auroc(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The first of `areas` alone, (R,), several times as fast: for each positive the negatives below it."""
    positive, weights = without_unknown(positive, weights)
    is_positive = positive > 0
    negatives = score[~is_positive]
    order = np.argsort(negatives, kind="stable")
    below = np.concatenate([np.zeros((1, weights.shape[1])), np.cumsum(weights[~is_positive][order], axis=0)])
    low, high = (np.searchsorted(negatives[order], score[is_positive], side=side) for side in ("left", "right"))
    drawn = weights[is_positive]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.einsum("nr,nr->r", drawn, below[low] + below[high]) / (2 * drawn.sum(0) * below[-1])


def curves(positive: np.ndarray, score: np.ndarray) -> dict[str, np.ndarray]:
    """Points to draw: false and true positive rates, recall and precision, from the strictest threshold on."""
    known = ~np.isnan(positive)
    positive, score = positive[known], score[known]
    true, false = (side[:, 0] for side in sweep(positive, score, np.ones((len(score), 1))))
    precision = true / (true + false)
    return {
        "fpr": np.append(0.0, false / false[-1]),
        "tpr": np.append(0.0, true / true[-1]),
        "recall": np.append(0.0, true / true[-1]),
        "precision": np.append(precision[0], precision),
    }
