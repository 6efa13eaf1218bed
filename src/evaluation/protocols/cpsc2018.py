"""CPSC 2018: nine classes, one answer per record, right when it is any of the record's labels; the score is mean F1.

Liu et al. 2018. A wrong answer counts against the record's first label. Groups: AF; block (I-AVB, LBBB, RBBB);
premature contraction (PAC, PVC); ST change (STD, STE).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from src.errors import UserError
from src.evaluation.evaluate import Evaluation
from src.evaluation.predictions import label_thresholds, probabilities
from src.evaluation.protocols.beta_scores import at_least_one, beta_scores
from src.evaluation.protocols.confusion import f1_of, places
from src.evaluation.section import Section, Table
from src.evaluation.words import number

ORDER = {"Normal": ("NORM", "N", "SNR", "NSR"), "AF": ("AFIB",), "I-AVB": ("IAVB", "1AVB", "I_AVB"), "LBBB": (),
         "RBBB": (), "PAC": (), "PVC": (), "STD": (), "STE": ()}
ALL_LABELS = "all_labels"  # a column of the data: the names of a record's labels, joined by ;, the first first
GROUPS = {"Faf": [1], "Fblock": [2, 3, 4], "Fpc": [5, 6], "Fst": [7, 8]}  # places in ORDER


def confusion_of(reference: Sequence[Sequence[int]], answer: Sequence[int]) -> np.ndarray:
    """(9 true, 9 answered): `reference` holds each record's labels, the first first, as places in ORDER."""
    counts = np.zeros((len(ORDER), len(ORDER)), np.int64)
    for labels, said in zip(reference, answer, strict=True):
        counts[said if said in labels else labels[0], said] += 1
    return counts


def scores(counts: np.ndarray) -> dict[str, float]:
    """F11..F19 of the classes, their mean F1, and F1 of the four groups with summed diagonals, rows and columns."""
    f1 = f1_of(counts)
    found = {f"F1{place + 1}": float(value) for place, value in enumerate(f1)} | {"F1": float(f1.mean())}
    sides = counts.sum(0) + counts.sum(1)
    with np.errstate(invalid="ignore"):
        return found | {name: float(2 * counts.diagonal()[group].sum() / sides[group].sum())
                        for name, group in GROUPS.items()}


def section(evaluation: Evaluation, info: dict[str, np.ndarray]) -> Section:
    """The score of the challenge; of several labels the likeliest is the one answer."""
    if evaluation.target.kind not in ("classes", "multilabel"):
        raise UserError(f"classes or labels are judged here; these are {evaluation.target.kind}")
    place = places(evaluation.target.names, ORDER)
    reference, first = _reference(evaluation, info, place)
    kept = np.array([bool(labels) for labels in reference])
    said = place[probabilities(evaluation.target.kind, evaluation.predictions.scores).argmax(1)]
    counts = confusion_of([labels for labels in reference if labels], said[kept].tolist())
    found = scores(counts) | _several_labels(evaluation)
    rows = [[name, str(int(counts[at].sum())), number(found[f"F1{at + 1}"])] for at, name in enumerate(ORDER)]
    groups = ", ".join(f"{name[1:]} {number(found[name])}" for name in GROUPS)
    left = f" {int((~kept).sum())} records carry none of the nine labels and are left out." if not kept.all() else ""
    return Section("Protocol CPSC 2018", f"F1 {number(found['F1'])}, the mean of nine classes; groups: {groups}.",
                   table=Table(["class", "records", "F1"], rows), values={**found, "confusion": counts.tolist()},
                   caption=f"One answer per record, the likeliest; right when it is any of the record's labels, else "
                           f"counted against {first}.{left}")


def _reference(evaluation: Evaluation, info: dict[str, np.ndarray], place: np.ndarray) -> tuple[list[list[int]], str]:
    """The labels of each record as places in ORDER, the first first, and which one that is in words."""
    if ALL_LABELS in info:  # also where the first label alone was learnt
        known = list(ORDER)
        return [[known.index(name) for name in cell.split(";") if name in known]
                for cell in info[ALL_LABELS].tolist()], "its first label"
    labels = np.asarray(evaluation.predictions.labels)
    if evaluation.target.kind == "classes":
        return [[int(place[label])] for label in labels], "its label"
    return [sorted(place[np.flatnonzero(row)].tolist()) for row in labels], \
        "the first of its labels in the order of this table"


def _several_labels(evaluation: Evaluation) -> dict[str, float]:
    """F-beta and G-beta (beta 2) of all labels, as the PTB-XL benchmark judges this set (Strodthoff et al. 2021)."""
    if evaluation.target.kind != "multilabel":
        return {}
    chances = probabilities("multilabel", evaluation.predictions.scores)
    said = at_least_one(chances, label_thresholds(evaluation.fitted.thresholds, evaluation.target.outputs))
    return dict(zip(("F_beta2", "G_beta2"), beta_scores(np.asarray(evaluation.predictions.labels), said)))
