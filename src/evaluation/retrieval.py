"""Retrieval across subjects: does the trial that is nearest among the other subjects' trials have the same word?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from src.evaluation.section import Section, Table
from src.evaluation.style import INK, house_style, new_figure, shortened
from src.evaluation.words import number, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHUNK = 1024  # queries whose similarities are held at once


@dataclass
class Retrieval:
    """`right` (queries,) bool of top-1 and `chance` (queries,) the share of candidates that would have been right."""

    right: np.ndarray
    chance: np.ndarray
    subject: np.ndarray  # (queries,)

    @property
    def top1(self) -> float:
        return float(self.right.mean()) if len(self.right) else float("nan")

    @property
    def expected(self) -> float:
        return float(self.chance.mean()) if len(self.chance) else float("nan")

    @property
    def error(self) -> float:
        """Standard error of top-1; queries of equal subjects share candidates, so take it as a lower bound."""
        return float(self.right.std() / np.sqrt(len(self.right))) if len(self.right) else float("nan")


def retrieve(embeddings: np.ndarray, labels: np.ndarray, subjects: np.ndarray) -> Retrieval:
    """Embeddings (n, E) of unit length -> the nearest trial of another subject, for each trial.

    With one subject the candidates are its other trials. Trials whose word no candidate has are left out.
    """
    alone = len(np.unique(subjects)) < 2
    right, chance = np.zeros(len(labels), bool), np.zeros(len(labels))
    for start in range(0, len(labels), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(labels)))
        allowed = rows[:, None] != np.arange(len(labels)) if alone else subjects[rows, None] != subjects
        similar = np.where(allowed, embeddings[rows] @ embeddings.T, -np.inf)
        right[rows] = labels[similar.argmax(1)] == labels[rows]
        same = allowed & (labels[rows, None] == labels)
        chance[rows] = same.sum(1) / np.maximum(1, allowed.sum(1))
    known = chance > 0
    return Retrieval(right[known], chance[known], subjects[known])


def retrieve_words(embeddings: np.ndarray, labels: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Embeddings (n, E), classes (n,) and the embeddings of the words (K, E) -> (n,) bool: the nearest is right."""
    return (embeddings @ words.T).argmax(1) == labels


def class_similarities(embeddings: np.ndarray, labels: np.ndarray, subjects: np.ndarray, classes: int) -> np.ndarray:
    """(classes, classes): mean similarity of trials of two words from different subjects (of one: different trials).

    NaN where there is no such pair.
    """
    alone = len(np.unique(subjects)) < 2
    total, pairs = np.zeros((classes, classes)), np.zeros((classes, classes))
    sums = {one: _sums(embeddings, labels, subjects == one, classes) for one in np.unique(subjects).tolist()}
    whole, count = sum(part for part, _ in sums.values()), sum(counted for _, counted in sums.values())
    for part, counted in sums.values():
        if alone:
            total, pairs = part @ part.T, np.outer(counted, counted)
            same = np.array([np.square(embeddings[labels == k]).sum() for k in range(classes)])
            total, pairs = total - np.diag(same), pairs - np.diag(counted)
        else:
            total += part @ (whole - part).T
            pairs += np.outer(counted, count - counted)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(pairs > 0, total / pairs, np.nan)


def _sums(embeddings: np.ndarray, labels: np.ndarray, chosen: np.ndarray, classes: int) -> tuple:
    member = (labels[chosen, None] == np.arange(classes)).astype(np.float64)
    return member.T @ embeddings[chosen], member.sum(0)


def similarity_figure(tables: dict[str, np.ndarray], names: tuple[str, ...]) -> Figure:
    """Name -> similarities (classes, classes); each about its own mean, on one scale."""
    shown = {title: table - np.nanmean(table) for title, table in tables.items()}
    end = max(float(np.nanmax(np.abs(table))) for table in shown.values()) or 1.0
    font = 7 if len(names) <= 30 else 4.5
    size = min(4.4, max(2.6, 0.2 * len(names)))
    with house_style():
        from src.evaluation.codebook_page import two_sided

        figure = new_figure((size + 0.6) * len(shown) + 0.9, size + 1.2)
        panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
        for axes, (title, table) in zip(panels, shown.items()):
            drawn = axes.imshow(table, cmap=two_sided(), vmin=-end, vmax=end, interpolation="nearest")
            axes.set_xticks(range(len(names)), [shortened(name, 12) for name in names], rotation=90, fontsize=font)
            axes.set_yticks(range(len(names)), [shortened(name, 12) for name in names], fontsize=font)
            axes.set_title(title, color=INK)
            axes.grid(visible=False)
            axes.tick_params(length=0)
        bar = figure.colorbar(drawn, ax=panels, shrink=0.7, aspect=25, label="similarity about the mean")
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    return figure


def retrieval_section(found: dict[str, Retrieval], tables: dict[str, np.ndarray], names: tuple[str, ...],
                      subjects: list[str]) -> Section:
    """`found` and `tables` by stage ("before", "after"); `subjects` are the names behind `Retrieval.subject`."""
    last = list(found.values())[-1]
    said = (f"The nearest trial of {'another subject' if len(subjects) > 1 else 'the same subject'} has the same word "
            f"for {percent(last.top1, 1)} of the trials; by chance {percent(last.expected, 1)}")
    if "before" in found and len(found) > 1:
        said += f", before the alignment {percent(found['before'].top1, 1)}"
    rows = [[stage, number(one.top1), number(one.error), number(one.expected), f"{len(one.right):,}"]
            for stage, one in found.items()]
    for place, name in enumerate(subjects if len(subjects) > 1 else []):
        own = last.subject == place
        if own.any():
            rows.append([f"trials of {name}", number(float(last.right[own].mean())), "",
                         number(float(last.chance[own].mean())), f"{own.sum():,}"])
    return Section(
        "Retrieval across subjects" if len(subjects) > 1 else "Retrieval", f"{said}. {_judged(last)}",
        figure=similarity_figure(tables, names),
        table=Table(["", "top-1", "standard error", "chance", "trials"], rows),
        caption="Mean similarity of trials of two words, between subjects; a blue diagonal is what alignment is for. "
                "Before: the same network with weights drawn anew.",
        values={stage: {"top1": one.top1, "chance": one.expected, "trials": len(one.right)}
                for stage, one in found.items()})


def _judged(found: Retrieval) -> str:
    if not len(found.right):
        return "No word occurs in two subjects."
    if found.top1 > found.expected + 2 * found.error:
        return "It beats chance by more than two standard errors."
    return "That is not distinguishable from chance."
