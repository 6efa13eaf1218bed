"""Do probabilities mean what they say? Reliability bins, expected calibration error, Brier score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.data.signal import TargetSpec
from src.evaluation.predictions import probabilities


@dataclass
class Calibration:
    """Equal-width bins of confidence: their mean `confidence`, `observed` share right and `count`, each (bins,); NaN
    where a bin is empty. `about` says what was binned."""

    confidence: np.ndarray
    observed: np.ndarray
    count: np.ndarray
    ece: float
    brier: float
    about: str


def calibration(target: TargetSpec, labels: np.ndarray, scores: np.ndarray, bins: int = 10) -> Calibration | None:
    """Reliability of the predicted class's probability (classes), or of every label's (multilabel), else None.

    ECE: Guo et al. 2017, equation 3. Brier: mean squared distance of the probabilities from the truth, summed over
    classes (Brier 1950) and, for labels, averaged over them.
    """
    chances = probabilities(target.kind, scores)
    if target.kind == "classes":
        truth = np.eye(target.outputs)[labels]
        confidence, right = chances.max(1), chances.argmax(1) == labels
        return _bin(confidence, right, bins, ((chances - truth) ** 2).sum(1).mean(), "the predicted class")
    if target.kind == "multilabel":
        labels = np.asarray(labels, dtype=np.float64)
        known = ~np.isnan(labels)
        if not known.any():
            return None
        about = "every label of every record" if known.all() else "every known label of every record"
        return _bin(chances[known], labels[known], bins, np.nanmean((chances - labels) ** 2), about)
    return None


def _bin(confidence: np.ndarray, right: np.ndarray, bins: int, brier: float, about: str) -> Calibration:
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        said = np.bincount(place, confidence, bins) / count
        observed = np.bincount(place, right, bins) / count
    ece = np.nansum(count * np.abs(said - observed)) / count.sum()
    return Calibration(said, observed, count, float(ece), float(brier), about)
