"""Masked prediction in the report: scores beside what needs no model, per subject and per place in the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from src.evaluation.masked_prediction import MaskedScores, diagnosis, masked_scores
from src.evaluation.section import Section, Table
from src.evaluation.style import BLUE, MUTED, house_style, new_figure
from src.evaluation.words import percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ["", "tokens", "right", "first 5", "most frequent", "copy", "loss", "entropy", "gain"]


def masked_section(codes: np.ndarray, summaries: np.ndarray, subjects: np.ndarray) -> Section:
    """True `codes` (n, N), `summaries` (n, N, 6) of the predictions, and the name of each record's subject (n,)."""
    whole = masked_scores(codes, summaries, subjects)
    own = {str(name): masked_scores(codes[subjects == name], summaries[subjects == name], subjects[subjects == name])
           for name in np.unique(subjects)}
    rows = [_row("all", whole)] + [_row(name, scores) for name, scores in own.items() if len(own) > 1]
    places = (summaries[..., 1].astype(np.int64) == codes).mean(0)
    return Section(
        "Masked prediction", diagnosis(whole), table=Table(COLUMNS, rows),
        figure=places_figure(places, whole.most_frequent) if len(places) > 1 else None,
        caption="Loss, entropy and gain in nat per token. Most frequent: always the commonest code of the subject; "
                "copy: always the code of the token before. Picture: hidden tokens that were right, by their place in "
                "the window; dotted: always the commonest code.",
        values=as_values(whole) | {"accuracy_by_place": places.tolist(),
                                   "subjects": {name: as_values(scores) for name, scores in own.items()}})


def _row(name: str, found: MaskedScores) -> list[str]:
    shares = (found.accuracy, found.top5, found.most_frequent, found.copied)
    return [name, f"{found.tokens:,}", *(percent(share, 1) for share in shares), f"{found.loss:.3f}",
            f"{found.entropy:.3f}", f"{found.gain:+.3f}"]


def as_values(found: MaskedScores) -> dict[str, float]:
    return {"tokens": found.tokens, "accuracy": found.accuracy, "top5": found.top5, "loss_nat": found.loss,
            "entropy_nat": found.entropy, "gain_nat": found.gain, "most_frequent_code": found.most_frequent,
            "copy_of_previous": found.copied, "codes": found.codes}


def places_figure(accuracy: np.ndarray, most_frequent: float) -> Figure:
    """Accuracy (N,) by place."""
    with house_style():
        figure = new_figure(6.4, 2.4)
        axes = figure.add_subplot(xlabel="place in the window", ylabel="right (%)")
        axes.plot(np.arange(len(accuracy)), 100 * accuracy, color=BLUE, marker=".")
        axes.axhline(100 * most_frequent, color=MUTED, linestyle=":", linewidth=1)
        axes.set_ylim(0, 1.15 * 100 * max(float(accuracy.max()), most_frequent, 1e-3))
    return figure
