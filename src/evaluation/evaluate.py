"""One evaluation: everything that is computed from predictions, before anything is drawn or written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.data.dataset import Records
from src.data.signal import TargetSpec
from src.evaluation.calibration import Calibration, calibration
from src.evaluation.chance import chance_level
from src.evaluation.counting import confusion_counts
from src.evaluation.fitted import Fitted
from src.evaluation.intervals import Interval, Intervals, bootstrap
from src.evaluation.metrics import compute, left_out, names, per_class
from src.evaluation.predictions import Predictions, decide


@dataclass
class Evaluation:
    """The results for `records` (one row per prediction, in the order of the table).

    Without labels, and for targets that have no metrics, `scores` is empty and what depends on it None or empty.
    """

    target: TargetSpec
    predictions: Predictions
    records: Records
    fitted: Fitted
    scores: dict[str, float]
    chance: dict[str, float]
    by_class: list[dict]
    left_out: list[str]
    intervals: Intervals | None = None
    calibration: Calibration | None = None
    scaled: Calibration | None = None  # with the temperature that was fitted on the validation part

    @property
    def headline(self) -> str:
        """The metric that stands first: the one that training watches by default; "" without scores."""
        first = "explained_variance" if self.target.kind == "signal" else self.target.monitor
        return first if first in self.scores else next(iter(self.scores), "")

    @property
    def decisions(self) -> np.ndarray:
        return decide(self.target.kind, self.predictions.scores, self.fitted.thresholds)

    @property
    def subjects(self) -> int:
        """How many known subjects were tested."""
        return len(set(self.records.subject.tolist()) - {""})

    def interval(self, metric: str) -> Interval | None:
        return self.intervals.overall.get(metric) if self.intervals else None

    def class_intervals(self, metric: str) -> list[Interval | None]:
        known = self.intervals.by_class.get(metric) if self.intervals else None
        return known or [None] * self.target.outputs


def evaluate(predictions: Predictions, target: TargetSpec, records: Records, fitted: Fitted | None = None,
             seed: int = 0) -> Evaluation:
    """Scores with intervals and chance, by class, and calibration; `records` is the data set's whole table, `fitted`
    what validation chose (None: a threshold of 0.5, no temperature).

    The plain scores are those of `metrics.compute`: the numbers that training wrote for the same predictions.
    Raises UserError for predictions or labels that are not usable.
    """
    predictions = predictions.sorted()
    tested = records.take(predictions.rows)
    labels, scores = predictions.labels, predictions.scores
    fitted = fitted or Fitted()
    thresholds = fitted.thresholds
    if labels is None or not names(target):
        return Evaluation(target, predictions, tested, fitted, {}, {}, [], [])
    return Evaluation(
        target, predictions, tested, fitted,
        scores=compute(target, labels, scores, thresholds),
        chance=chance_level(target, labels),
        by_class=_with_thresholds(per_class(target, labels, scores, thresholds), thresholds),
        left_out=left_out(target, labels),
        intervals=bootstrap(target, labels, scores, tested.subject, thresholds, seed=seed),
        calibration=calibration(target, labels, scores),
        scaled=calibration(target, labels, scores / fitted.temperature) if fitted.temperature else None,
    )


def _with_thresholds(rows: list[dict], thresholds: np.ndarray | None) -> list[dict]:
    if thresholds is None:
        return rows
    return [row | {"threshold": float(threshold)} for row, threshold in zip(rows, thresholds)]


def confusion(evaluation: Evaluation) -> np.ndarray:
    """Counts (K true, K predicted) of classes, tokens or samples."""
    return confusion_counts(np.asarray(evaluation.predictions.labels), evaluation.decisions, evaluation.target.outputs)


def label_counts(evaluation: Evaluation) -> np.ndarray:
    """Found, missed, false alarms, rightly absent: (K, 4) counts of the labels that are known."""
    labels, said = np.asarray(evaluation.predictions.labels), evaluation.decisions > 0
    there, absent = labels > 0, labels == 0
    return np.stack([(there & said).sum(0), (there & ~said).sum(0), (absent & said).sum(0), (absent & ~said).sum(0)], 1)
