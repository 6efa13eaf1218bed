"""Temperature scaling: one number, fitted on validation predictions, that makes a network as sure as it is right.

Logits are divided by T, which changes no ranking and no most likely class (Guo et al. 2017, section 4.2). For several
labels the same T divides all of them.
"""

from __future__ import annotations

import numpy as np

from src.evaluation.predictions import log_softmax

BOUNDS = (0.05, 20.0)  # of T; a validation part without an error would ask for T = 0


def fit_temperature(kind: str, labels: np.ndarray, scores: np.ndarray) -> float | None:
    """The T with the smallest loss of `scores` / T; None for targets other than classes and multilabel, and without a
    known label."""
    if kind not in ("classes", "multilabel") or np.isnan(labels).all():
        return None
    from scipy.optimize import minimize_scalar

    scores = scores.astype(np.float64)
    found = minimize_scalar(lambda log_t: negative_log_likelihood(kind, labels, scores / np.exp(log_t)),
                            bounds=tuple(np.log(BOUNDS)), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def negative_log_likelihood(kind: str, labels: np.ndarray, scores: np.ndarray) -> float:
    """The mean over records of the cross-entropy (classes), or over all known labels of the binary one."""
    if kind == "classes":
        return float(-log_softmax(scores)[np.arange(len(labels)), labels].mean())
    return float(np.nanmean(np.logaddexp(0, scores) - labels * scores))
