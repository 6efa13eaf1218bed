"""Which epoch Du-IN reports, and the cross-entropy that it logs, so that its published numbers can be compared."""

from __future__ import annotations

import numpy as np

DECIMALS = 4  # accuracies are compared after rounding, so ties are common


def reported_epoch(valid: np.ndarray, test: np.ndarray, replica: bool = False) -> np.ndarray:
    """(epochs, subjects) accuracies -> (subjects,) int64: the first epoch of highest rounded validation accuracy.

    `replica` breaks ties by the highest test accuracy, which looks at the test set: for comparing with published
    numbers only.
    """
    valid = np.round(valid, DECIMALS)
    if not replica:
        return valid.argmax(axis=0)
    return np.where(valid == valid.max(axis=0), test, -np.inf).argmax(axis=0)


def logged_cross_entropy(predicted: np.ndarray, target: np.ndarray) -> float:
    """(n, K) sigmoid outputs, (n, K) one-hot -> cross-entropy of the outputs scaled to sum 1.

    It is what the original logs and not what it optimises: do not compare it with other losses.
    """
    shares = predicted / predicted.sum(axis=1, keepdims=True) + 1e-12
    return float(-((target + 1e-12) * np.log(shares)).sum(axis=1).mean())
