"""Metrics that are made of counts: accuracy, precision, recall, F1.

Each record contributes a few sums, so any weighting of the records (a bootstrap draw) is one matrix product, also
where a record holds many decisions (one per token or sample).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.evaluation.predictions import decide

IGNORED = -100  # label of a token or sample that does not count, as in torch's cross-entropy


@dataclass
class Counts:
    """Per record and class: `hit` (found and there), `said` (predicted), `there` (labelled), each (n, K); per record:
    `right` decisions of `size`, and whether all of them were right (`exact`), each (n,). What is not known is no
    decision."""

    hit: np.ndarray
    said: np.ndarray
    there: np.ndarray
    right: np.ndarray
    size: np.ndarray

    @property
    def exact(self) -> np.ndarray:
        return ((self.right == self.size) & (self.size > 0)).astype(np.float32)


def count(kind: str, classes: int, labels: np.ndarray, scores: np.ndarray, thresholds=None) -> Counts:
    """Counts of classes (n, K), labels (n, K; NaN is not known), tokens (n, N, K) or samples (n, K, T) against their
    labels."""
    said = decide(kind, scores, thresholds)
    if kind == "multilabel":
        known = ~np.isnan(labels)
        there, said = np.nan_to_num(labels).astype(np.float32), (said * known).astype(np.float32)
        return Counts(there * said, said, there, (known & (there == said)).sum(1), known.sum(1))
    labels, said = labels.reshape(len(labels), -1), said.reshape(len(labels), -1)
    counted = labels != IGNORED
    right = counted & (labels == said)
    return Counts(_histogram(labels, right, classes), _histogram(said, counted, classes),
                  _histogram(labels, counted, classes), right.sum(1), counted.sum(1))


def _histogram(values: np.ndarray, counted: np.ndarray, classes: int) -> np.ndarray:
    """How often each class stands in each row of `values` (n, N), where `counted` -> (n, K) float32."""
    row, _ = np.nonzero(counted)
    flat = np.bincount(row * classes + values[counted], minlength=len(values) * classes)
    return flat.reshape(len(values), classes).astype(np.float32)


def confusion_counts(labels: np.ndarray, said: np.ndarray, classes: int) -> np.ndarray:
    """Class numbers of any equal shape -> counts (K true, K predicted); labels of IGNORED do not count."""
    labels, said = np.asarray(labels, dtype=np.int64).ravel(), np.asarray(said).ravel()
    counted = labels != IGNORED
    return np.bincount(labels[counted] * classes + said[counted], minlength=classes**2).reshape(classes, classes)


def count_scores(counts: Counts, weights: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Overall scores (R,) and scores by class (K, R) under `weights` (n, R).

    A class that is neither labelled nor predicted has no F1 and is left out of the macro mean; one that is predicted
    but never labelled counts as 0 (both as scikit-learn does).
    """
    hit, said, there = (part.T.astype(np.float64) @ weights for part in (counts.hit, counts.said, counts.there))
    with np.errstate(divide="ignore", invalid="ignore"):
        by_class = {"precision": hit / said, "recall": hit / there, "f1": 2 * hit / (said + there)}
        share = there / there.sum(0)
        overall = {
            "accuracy": (counts.right @ weights) / (counts.size @ weights),
            "balanced_accuracy": mean_of_known(by_class["recall"]),
            "f1_macro": mean_of_known(by_class["f1"]),
            "f1_micro": 2 * hit.sum(0) / (said.sum(0) + there.sum(0)),
            "f1_weighted": np.nansum(share * np.nan_to_num(by_class["f1"]), axis=0),
            "exact_match": (counts.exact @ weights) / weights[counts.size > 0].sum(0),
        }
    return overall, {"support": there, **by_class}


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean over classes (K, R) -> (R,) of what is not NaN; NaN where nothing is known."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(0) / np.where(known.any(0), known.sum(0), np.nan)
