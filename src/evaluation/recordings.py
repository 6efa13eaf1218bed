"""Example recordings for the report: which to show, and how to draw them on paper.

ECG in mV is drawn as a cardiologist knows it (`src.evaluation.paper`). Everything else gets one row per channel and a
bar for the unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from src.data.signal import SignalSpec, TargetSpec
from src.evaluation.paper import paper_figure, rounded, thinned
from src.evaluation.predictions import decide, label_thresholds, probabilities
from src.evaluation.style import house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHANNELS = 16  # drawn of each recording; more do not stay readable


@dataclass
class Example:
    """One record to show: its place in the predictions, and why it was chosen (right, wrong, unsure)."""

    place: int
    why: str


def choose_examples(target: TargetSpec, labels: np.ndarray, scores: np.ndarray, thresholds=None,
                    each: int = 2) -> list[Example]:
    """The surest right and wrong predictions and the least sure ones of classes (n, K) or labels (n, K)."""
    if target.kind not in ("classes", "multilabel"):
        return []
    said, chances = decide(target.kind, scores, thresholds), probabilities(target.kind, scores)
    if target.kind == "classes":
        right = said == labels
        ranked = np.sort(chances, axis=1)
        sureness = ranked[:, -1] - ranked[:, -2] if target.outputs > 1 else ranked[:, -1]
    else:
        right = ((said == labels) | np.isnan(labels)).all(1)
        sureness = np.abs(chances - label_thresholds(thresholds, target.outputs)).min(1)
        sureness = np.where(right & (np.nansum(labels, 1) > 0), sureness + 1, sureness)  # show findings first
    by_doubt = np.argsort(sureness, kind="stable").tolist()
    chosen = [Example(place, "right") for place in reversed(by_doubt) if right[place]][:each]
    chosen += [Example(place, "wrong") for place in reversed(by_doubt) if not right[place]][:each]
    taken = {example.place for example in chosen}
    return chosen + [Example(place, "unsure") for place in by_doubt if place not in taken][:each]


def recording_figure(signal: np.ndarray, spec: SignalSpec, title: str = "") -> Figure:
    """One recording (channels, samples) in `spec.unit`, the first CHANNELS channels; NaN is absent."""
    signal = signal[:CHANNELS]
    names = (*spec.channels, *(str(k) for k in range(len(spec.channels), len(signal))))[: len(signal)]
    with house_style():
        if spec.unit.lower() == "mv":
            return paper_figure(signal, names, spec.rate_hz, "mV", seconds=spec.seconds, title=title)
        figure = _rows(np.nan_to_num(signal), names, spec)
        figure.suptitle(title, fontsize=9)
        return figure


def _rows(signal: np.ndarray, names: tuple[str, ...], spec: SignalSpec) -> Figure:
    """One row per channel; the distance between rows is a round number, drawn as a bar with its unit."""
    signal = signal - np.median(signal, axis=1, keepdims=True)
    gap = rounded(4 * float(np.median(signal.std(axis=1))) or 1.0)
    seconds = signal.shape[1] / spec.rate_hz
    figure = new_figure(8.0, 0.9 + 0.36 * len(signal))
    axes = figure.add_subplot()
    for k, trace in enumerate(signal):
        times, values = thinned(np.clip(trace, -2 * gap, 2 * gap), spec.rate_hz)
        axes.plot(times, values - gap * k, color="#161616", linewidth=0.7)
    axes.plot([seconds * 1.015] * 2, [-gap, 0], color="#d55e00", linewidth=2.5, solid_capstyle="butt", clip_on=False)
    axes.text(seconds * 1.025, -gap / 2, f"{gap:g} {spec.unit}", color="#d55e00", va="center", fontsize=8)
    axes.set_yticks([-gap * k for k in range(len(signal))], names, fontsize=8)
    top, bottom = float(signal[0].max()), float(signal[-1].min())
    axes.set(xlim=(0, seconds), xlabel="seconds")
    axes.set_ylim(gap * (1 - len(signal)) - np.clip(-bottom, 0.6 * gap, 2.1 * gap), np.clip(top, 0.6 * gap, 2.1 * gap))
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure
