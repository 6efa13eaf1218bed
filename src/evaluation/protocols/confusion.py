"""What protocols of one answer per record share: names brought to the protocol's order, F1 from a confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from src.errors import UserError
from src.evaluation.counting import confusion_counts
from src.evaluation.evaluate import Evaluation


def f1_of(confusion: np.ndarray) -> np.ndarray:
    """(K true, K answered) counts -> F1 of each class (K,): 2 x hits over the sums of its row and column; NaN where
    both are 0."""
    confusion = np.asarray(confusion, np.float64)
    with np.errstate(invalid="ignore"):
        return 2 * confusion.diagonal() / (confusion.sum(0) + confusion.sum(1))


def places(names: tuple[str, ...], order: Mapping[str, tuple[str, ...]]) -> np.ndarray:
    """The place of each name in the protocol's `order` (class -> how it may be spelt, case apart), (K,).

    Raises UserError for a name that the protocol does not know, and for one that is there twice.
    """
    known = {spelling.casefold(): place for place, (name, spellings) in enumerate(order.items())
             for spelling in (name, *spellings)}
    unknown = [name for name in names if name.casefold() not in known]
    if unknown:
        raise UserError(f"{', '.join(unknown)}: no class of this protocol; its classes are {', '.join(order)}")
    found = np.array([known[name.casefold()] for name in names], np.int64)
    if len(set(found.tolist())) < len(found):
        raise UserError(f"two of {', '.join(names)} are one class of this protocol")
    return found


def answers(evaluation: Evaluation, order: Mapping[str, tuple[str, ...]]) -> tuple[np.ndarray, np.ndarray]:
    """Reference and answer of each record as places in `order`; UserError unless there is one class per record."""
    if evaluation.target.kind != "classes":
        raise UserError(f"one class per record is judged here; these labels are {evaluation.target.kind}")
    place = places(evaluation.target.names, order)
    return place[np.asarray(evaluation.predictions.labels)], place[evaluation.decisions]


def confusion(reference: np.ndarray, answer: np.ndarray, classes: int) -> np.ndarray:
    """(K true, K answered) counts."""
    return confusion_counts(reference, answer, classes)
