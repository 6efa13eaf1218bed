"""Example recordings for the report: which to show, and how to draw them on paper.

ECG in mV is drawn as a cardiologist knows it: 25 mm/s and 10 mm/mV, a small square is 0.04 s by 0.1 mV. Everything
else gets one row per channel and a bar for the unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from src.data.signal import SignalSpec, TargetSpec
from src.evaluation.predictions import decide, label_thresholds, probabilities
from src.evaluation.style import house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHANNELS = 16  # drawn of each recording; more do not stay readable
POINTS = 2000  # per channel: two per pixel of the picture
MM = 1 / 25.4


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
        right = (said == labels).all(1)
        sureness = np.abs(chances - label_thresholds(thresholds, target.outputs)).min(1)
        sureness = np.where(right & (np.asarray(labels).sum(1) > 0), sureness + 1, sureness)  # show findings first
    by_doubt = np.argsort(sureness, kind="stable").tolist()
    chosen = [Example(place, "right") for place in reversed(by_doubt) if right[place]][:each]
    chosen += [Example(place, "wrong") for place in reversed(by_doubt) if not right[place]][:each]
    taken = {example.place for example in chosen}
    return chosen + [Example(place, "unsure") for place in by_doubt if place not in taken][:each]


def recording_figure(signal: np.ndarray, spec: SignalSpec) -> Figure:
    """One recording (channels, samples) in `spec.unit`, the first CHANNELS channels."""
    signal = np.nan_to_num(signal[:CHANNELS])
    names = (*spec.channels, *(str(k) for k in range(len(spec.channels), len(signal))))[: len(signal)]
    with house_style():
        return _ecg_paper(signal, names, spec) if spec.unit.lower() == "mv" else _rows(signal, names, spec)


def _ecg_paper(signal: np.ndarray, names: tuple[str, ...], spec: SignalSpec) -> Figure:
    seconds, margin_s, gap_mv = signal.shape[1] / spec.rate_hz, 0.5, 1.5
    height_mv = gap_mv * len(signal) + 1.5
    width = max(5.0, (seconds + margin_s) * 25 * MM)
    figure = new_figure(width, height_mv * 10 * MM * width / ((seconds + margin_s) * 25 * MM))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-margin_s, seconds), ylim=(-height_mv + 0.75, 0.75))
    axes.set_facecolor("#fffafa")
    _squares(axes, -margin_s, seconds, height_mv)
    for k, (trace, name) in enumerate(zip(signal, names)):
        base = -gap_mv * (k + 0.5)
        times, values = thinned(trace - np.median(trace), spec.rate_hz)
        axes.plot(times, values + base, color="#161616", linewidth=0.8)
        axes.text(0.1 - margin_s, base + 0.1, name, color="#161616", fontsize=9, fontweight="bold")
    axes.text(seconds - 0.05, -height_mv + 0.85, "25 mm/s   10 mm/mV", color="#161616", ha="right", fontsize=8)
    return figure


def _squares(axes: Axes, start_s: float, end_s: float, height_mv: float) -> None:
    """The paper's grid: 1 mm thin, 5 mm thick."""
    top, bottom = 0.75, -height_mv + 0.75
    for step_s, step_mv, colour, width in ((0.04, 0.1, "#fbe6e6", 0.4), (0.2, 0.5, "#f3c4c4", 0.6)):
        look = {"color": colour, "linewidth": width, "zorder": 0}
        axes.vlines(np.arange(0, end_s + 1e-9, step_s), bottom, top, **look)
        axes.vlines(np.arange(0, start_s - 1e-9, -step_s), bottom, top, **look)
        axes.hlines(np.arange(top, bottom - 1e-9, -step_mv), start_s, end_s, **look)
    axes.set_axis_off()
    axes.grid(visible=False)
    axes.add_patch(_ground(axes))


def _ground(axes: Axes):
    from matplotlib.patches import Rectangle

    return Rectangle((0, 0), 1, 1, transform=axes.transAxes, color="#fffafa", zorder=-1)


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


def rounded(value: float) -> float:
    """The nearest of 1, 2, 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(min((1, 2, 5, 10), key=lambda step: abs(step * power - value)) * power)


def thinned(trace: np.ndarray, rate_hz: float, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Times in s and values of a trace, reduced to the extremes of each slice, so that no spike is lost."""
    step = max(1, 2 * len(trace) // points)
    if step < 2:
        return np.arange(len(trace)) / rate_hz, trace
    slices = trace[: len(trace) // step * step].reshape(-1, step)
    places = np.sort(np.stack([slices.argmin(1), slices.argmax(1)], 1), axis=1) + np.arange(len(slices))[:, None] * step
    return places.ravel() / rate_hz, trace[places.ravel()]
