"""Initials and finals: what is right among the tokens in which something is spoken, and what is taken for what."""

from __future__ import annotations

import numpy as np

from src.evaluation.counting import IGNORED, confusion_counts
from src.evaluation.figures import occurring_confusion_figure
from src.evaluation.section import Section, Table
from src.evaluation.words import percent


class PhonemeUse:
    """Counts (K true, K predicted) per head, batch by batch."""

    def __init__(self, names: dict[str, tuple[str, ...]]):
        self.names = names
        self.counts = {head: np.zeros((len(known), len(known)), np.int64) for head, known in names.items()}

    def add(self, head: str, logits: np.ndarray, label: np.ndarray, mask: np.ndarray) -> None:
        """`logits` (B, N, K), `label` (B, N), `mask` (B, N) True = counts."""
        self.counts[head] += confusion_counts(np.where(mask, label, IGNORED), logits.argmax(-1), len(self.names[head]))


def phoneme_section(use: PhonemeUse, pictured: tuple[str, ...] = ("initials",)) -> Section:
    """Accuracy beside the most frequent answer, and the confusion of some heads (the target's own is in the report)."""
    rows, values = [], {}
    for head, counts in use.counts.items():
        tokens = max(1, int(counts.sum()))
        accuracy, constant = np.trace(counts) / tokens, counts.sum(1).max() / tokens
        there = int((counts.sum(1) > 0).sum())
        rows.append([head, percent(accuracy, 1), percent(constant, 1), f"{there} of {len(counts)}",
                     f"{counts.sum():,}"])
        values[head] = {"accuracy": float(accuracy), "most_frequent": float(constant), "tokens": int(counts.sum())}
    said = [f"{head} {percent(part['accuracy'], 1)} (always the most frequent: {percent(part['most_frequent'], 1)})"
            for head, part in values.items()]
    return Section(
        "Initials and finals", f"Right among the tokens in which a syllable is spoken: {', '.join(said)}.",
        table=Table(["", "right", "most frequent", "occurring", "tokens"], rows), values=values,
        parts=[Section(f"Confusion of {head}", figure=occurring_confusion_figure(use.counts[head], use.names[head]),
                       caption="Rows are what was spoken, columns what was predicted; those that do neither are left "
                               "out.") for head in pictured if use.counts[head].any()])
