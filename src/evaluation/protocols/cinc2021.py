"""PhysioNet/CinC Challenges 2020 and 2021: the metric that pays partly for diagnoses with similar treatment.

Alday et al. 2020, Reyna et al. 2021. The tables of weights are data of the challenges (BSD 2-clause, beside this file
with their licence); codes joined by | are scored as one class. "Sinus rhythm always" scores 0, the truth 1.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from src.data.sets.snomed import SCORED
from src.errors import UserError
from src.evaluation.counting import count, count_scores
from src.evaluation.evaluate import Evaluation
from src.evaluation.predictions import probabilities
from src.evaluation.protocols.beta_scores import beta_scores
from src.evaluation.ranking import areas
from src.evaluation.section import Section, Table
from src.evaluation.words import number

FOLDER = Path(__file__).parent / "cinc_tables"
FILES = {2020: "weights_2020.csv", 2021: "weights.csv"}
SINUS = "426783006"
SAME = (("713427006", "59118001"), ("284470004", "63593006"), ("427172004", "17338001"))  # 2020: one class each
TRUE = ("1", "1.0", "true", "t")


@dataclass(frozen=True)
class Scored:
    """The classes of a year, each a tuple of its SNOMED CT codes, and `weights` (rows: label, columns: answer)."""

    classes: tuple[tuple[str, ...], ...]
    weights: np.ndarray

    @property
    def names(self) -> list[str]:
        """As 2021 writes them: codes of a class joined by |."""
        return ["|".join(codes) for codes in self.classes]

    @property
    def sinus(self) -> int:
        return next(place for place, codes in enumerate(self.classes) if SINUS in codes)


@cache
def scored(year: int) -> Scored:
    """The table of 2020 (24 classes) or 2021 (26)."""
    with (FOLDER / FILES[year]).open(newline="", encoding="utf8") as file:
        head, *rows = csv.reader(file)
    weights = np.array([[float(cell) for cell in row[1:]] for row in rows])
    classes = [tuple(name.split("|")) for name in head[1:]]
    if year == 2020:  # its table has a row for each code; those of one class are equal
        for first, second in SAME:
            classes[classes.index((first,))] = (first, second)
        kept = [place for place, codes in enumerate(classes) if codes not in [(second,) for _, second in SAME]]
        classes, weights = [classes[place] for place in kept], weights[np.ix_(kept, kept)]
    return Scored(tuple(classes), weights)


@cache
def abbreviations() -> dict[str, str]:
    """Abbreviation -> SNOMED CT code of the diagnoses that 2021 scores."""
    return {short.casefold(): code for names, codes in SCORED.items()
            for short, code in zip(names.split("|"), codes.split("|"), strict=True)}


def columns_of(names: Sequence[str], table: Scored) -> np.ndarray:
    """The scored class of each name (code or abbreviation, several joined by |), -1 where it is not scored, (K,)."""
    place = {code: at for at, codes in enumerate(table.classes) for code in codes}
    known = abbreviations()
    codes = [[known.get(part.strip().casefold(), part.strip()) for part in name.split("|")] for name in names]
    return np.array([next((place[code] for code in some if code in place), -1) for some in codes], np.int64)


def gather(values: np.ndarray, columns: np.ndarray, classes: int, merge: str) -> np.ndarray:
    """(n, K) of any names -> (n, classes): `any` or `mean` of the columns of each class; 0 where a class has none."""
    found = np.zeros((len(values), classes))
    for place in range(classes):
        own = np.asarray(values)[:, columns == place]
        if own.shape[1]:
            found[:, place] = own.any(1) if merge == "any" else own.mean(1)
    return found


def read_answer(codes: Sequence[str], binary: Sequence[str], scalar: Sequence[str], table: Scored
                ) -> tuple[np.ndarray, np.ndarray]:
    """The cells of one file of answers -> booleans and scalars of the scored classes, each (classes,).

    A cell is positive when it is 1 or true; a scalar that is no finite number counts as 0.
    """
    columns = columns_of(codes, table)
    said = np.array([[cell.strip().casefold() in TRUE for cell in binary]])
    sure = np.nan_to_num(np.array([[_number(cell) for cell in scalar]]), nan=0.0, posinf=0.0, neginf=0.0)
    size = len(table.classes)
    return gather(said, columns, size, "any")[0] > 0, gather(sure, columns, size, "mean")[0]


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return 0.0


def modified_confusion(labels: np.ndarray, said: np.ndarray) -> np.ndarray:
    """(classes labelled, classes answered): each record shares out 1 over the classes that are either."""
    labels, said = np.asarray(labels, bool), np.asarray(said, bool)
    share = 1 / np.maximum((labels | said).sum(1), 1)
    return (labels * share[:, None]).T @ said.astype(np.float64)


def challenge_metric(labels: np.ndarray, said: np.ndarray, weights: np.ndarray, sinus: int) -> float:
    """The score of answers (n, classes), 0 for sinus rhythm always and 1 for the truth; 0 where both are the same."""
    def paid(answer: np.ndarray) -> float:
        return float((weights * modified_confusion(labels, answer)).sum())

    always = np.zeros_like(labels, dtype=bool)
    always[:, sinus] = True
    right, inactive = paid(labels), paid(always)
    return 0.0 if right == inactive else (paid(said) - inactive) / (right - inactive)


def scores(labels: np.ndarray, said: np.ndarray, sure: np.ndarray, table: Scored) -> dict[str, Any]:
    """All numbers of the scorers for `labels`, answers `said` and their scalars `sure`, each (n, classes)."""
    labels, said = np.asarray(labels, bool), np.asarray(said, bool)
    ones = np.ones((len(labels), 1))
    ranked = [areas(labels[:, k].astype(float), sure[:, k], ones) for k in range(labels.shape[1])]
    auroc, auprc = (np.concatenate(part) for part in zip(*ranked))
    counted = count("multilabel", labels.shape[1], labels.astype(np.float64), np.where(said, 1.0, -1.0))
    overall, by_class = count_scores(counted, ones)
    f_beta, g_beta = beta_scores(labels, said)
    return {"challenge": challenge_metric(labels, said, table.weights, table.sinus),
            "auroc": _mean(auroc), "auprc": _mean(auprc), "accuracy": float(overall["exact_match"][0]),
            "f_measure": float(overall["f1_macro"][0]), "f_beta2": f_beta, "g_beta2": g_beta,
            "auroc_classes": auroc.tolist(), "auprc_classes": auprc.tolist(),
            "f_measure_classes": by_class["f1"][:, 0].tolist()}


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def section_2020(evaluation: Evaluation, info: dict[str, np.ndarray]) -> Section:
    return _section(evaluation, 2020)


def section_2021(evaluation: Evaluation, info: dict[str, np.ndarray]) -> Section:
    return _section(evaluation, 2021)


def _section(evaluation: Evaluation, year: int) -> Section:
    """The metric of the challenge and its further numbers, over the classes that it scores."""
    if evaluation.target.kind != "multilabel":
        raise UserError(f"several labels per record are judged here; these are {evaluation.target.kind}")
    table, names = scored(year), evaluation.target.names
    columns, size = columns_of(names, table), len(table.classes)
    there = set(columns.tolist()) - {-1}
    if not there:
        raise UserError("none of the labels is one that the challenge scores")
    labels = gather(np.asarray(evaluation.predictions.labels), columns, size, "any")
    said = gather(evaluation.decisions, columns, size, "any")
    sure = gather(probabilities("multilabel", evaluation.predictions.scores), columns, size, "mean")
    found = scores(labels, said, sure, table)
    rows = [[" and ".join(name for name, column in zip(names, columns) if column == k), str(int(labels[:, k].sum())),
             *(number(found[key][k]) for key in ("auroc_classes", "auprc_classes", "f_measure_classes"))]
            for k in sorted(there)]
    lacking = [name for place, name in enumerate(table.names) if place not in there]
    return Section(
        f"Protocol CinC {year}", f"challenge metric {number(found['challenge'])} (0: sinus rhythm always, 1: the "
        f"truth); AUROC {number(found['auroc'])}, F {number(found['f_measure'])}, all labels right "
        f"{number(found['accuracy'])}.",
        table=Table(["class", "positives", "AUROC", "AUPRC", "F"], rows),
        caption=f"{len(there)} of the {size} scored classes are among these labels"
        + (f"; never answered: {', '.join(lacking)}." if lacking else "."),
        values={**found, "classes": table.names})
