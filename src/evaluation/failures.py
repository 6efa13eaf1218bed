"""Where a model is right and where it is wrong: the clearest examples of each class, and the most confident errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.evaluation.evaluate import Evaluation
from src.evaluation.predictions import label_thresholds, probabilities


@dataclass(frozen=True)
class Case:
    """One answer to look at: the record's `place` in the evaluation, the class or label it is `about`, the `chance`
    that was predicted for it, and `kind`: right, missed (there, not said), false alarm (said, not there), or mistaken
    (another class was said)."""

    place: int
    about: int
    chance: float
    kind: str

    @property
    def is_right(self) -> bool:
        return self.kind == "right"


def cases(evaluation: Evaluation) -> list[Case]:
    """Every right answer about a class that is there and every wrong one, the most confident first.

    Of classes the wrong answer is about the class that was said; of labels about each label by itself.
    """
    found, target = evaluation.predictions, evaluation.target
    if found.labels is None or target.kind not in ("classes", "multilabel"):
        return []
    chances, labels = probabilities(target.kind, found.scores), np.asarray(found.labels)
    listed = _of_classes(chances, labels) if target.kind == "classes" else \
        _of_labels(chances, labels, label_thresholds(evaluation.fitted.thresholds, target.outputs))
    return [case for _, case in sorted(listed, key=lambda one: -one[0])]


def _of_classes(chances: np.ndarray, labels: np.ndarray) -> list[tuple[float, Case]]:
    """With how sure the model was."""
    said = chances.argmax(1)
    return [(chance, Case(place, int(answer), chance, "right" if answer == label else "mistaken"))
            for place, (answer, label) in enumerate(zip(said, labels)) for chance in [float(chances[place, answer])]]


def _of_labels(chances: np.ndarray, labels: np.ndarray, thresholds: np.ndarray) -> list[tuple[float, Case]]:
    """With how far the probability lies beyond its threshold, as a share of the way that it can. What is not known is
    neither right nor wrong."""
    there, said = labels > 0, (chances >= thresholds) & ~np.isnan(labels)
    sure = np.where(said, (chances - thresholds) / np.maximum(1 - thresholds, 1e-9),
                    (thresholds - chances) / np.maximum(thresholds, 1e-9))
    kinds = {(True, True): "right", (True, False): "missed", (False, True): "false alarm"}
    found = []
    for place, label in zip(*(axis.tolist() for axis in np.nonzero(there | said))):
        kind = kinds[bool(there[place, label]), bool(said[place, label])]
        found.append((float(sure[place, label]), Case(place, label, float(chances[place, label]), kind)))
    return found


def examples(evaluation: Evaluation, each: int) -> list[Case]:
    """The `each` most confident right and wrong answers about every class."""
    taken: dict[tuple[int, bool], int] = {}
    chosen = []
    for case in cases(evaluation):
        key = case.about, case.is_right
        taken[key] = taken.get(key, 0) + 1
        if taken[key] <= each:
            chosen.append(case)
    return sorted(chosen, key=lambda case: (case.about, not case.is_right))


def worst(evaluation: Evaluation, count: int) -> list[Case]:
    """The most confident errors, one per record."""
    found: dict[int, Case] = {}
    for case in cases(evaluation):
        if not case.is_right:
            found.setdefault(case.place, case)
    return list(found.values())[:count]
