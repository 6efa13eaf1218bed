"""What a model said about records: raw outputs, and how they become probabilities and decisions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.errors import UserError


@dataclass
class Predictions:
    """Raw outputs for the records `rows` of a data set's table.

    `rows` (n,) int64; `scores` (n, K) float32 logits or values; `labels` (n,) int64, (n, K) float32 (NaN where one of
    several is not known), or None where the data carry none; `loss` is their mean loss, or None where none was
    computed.
    """

    rows: np.ndarray
    scores: np.ndarray
    labels: np.ndarray | None = None
    loss: float | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def without_labels(self) -> Predictions:
        """Of records that have none: what stood in their place is forgotten, and the loss with it."""
        return Predictions(self.rows, self.scores)

    def sorted(self) -> Predictions:
        """The same in the order of `rows`, so that results do not depend on loaders or ranks."""
        order = np.argsort(self.rows, kind="stable")
        labels = None if self.labels is None else self.labels[order]
        return Predictions(self.rows[order], self.scores[order], labels, self.loss)


def log_softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    """Logits -> log probabilities of one class each, float64: ranks stay distinct where a softmax rounds to 1."""
    shifted = scores.astype(np.float64) - scores.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def probabilities(kind: str, scores: np.ndarray) -> np.ndarray:
    """Raw outputs (n, K) -> float64 probabilities: softmax for classes, sigmoid for labels; values stay as they are."""
    if kind == "classes":
        return np.exp(log_softmax(scores))
    if kind == "samples":
        return np.exp(log_softmax(scores, axis=1))
    if kind == "multilabel":
        return 0.5 * (1.0 + np.tanh(0.5 * scores.astype(np.float64)))  # the sigmoid, without overflow
    return scores.astype(np.float64)


def decide(kind: str, scores: np.ndarray, thresholds: np.ndarray | list[float] | float | None = None) -> np.ndarray:
    """The prediction itself: the largest class, 0/1 per label (probability >= threshold, 0.5 unless given), the value.

    Raises UserError for thresholds that do not fit the number of labels or that belong to no label.
    """
    if kind == "classes":
        return scores.argmax(-1)
    if kind == "tokens":  # their summaries: the log probability of the label, then the likeliest
        return scores[..., 1].astype(np.int64)
    if kind == "samples":
        return scores.argmax(1)
    if kind == "multilabel":
        return (probabilities(kind, scores) >= label_thresholds(thresholds, scores.shape[1])).astype(np.int64)
    return scores


def label_thresholds(thresholds: np.ndarray | list[float] | float | None, labels: int) -> np.ndarray:
    """One threshold per label (K,), from None (0.5), one number, or K numbers."""
    if thresholds is None:
        return np.full(labels, 0.5)
    given = np.asarray(thresholds, dtype=np.float64)
    if given.ndim > 1 or given.size not in (1, labels):
        raise UserError(f"found {given.size} thresholds for {labels} labels", f"give one, or {labels} in their order")
    return np.broadcast_to(given, (labels,))
