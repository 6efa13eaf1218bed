"""Which channels a network listens to: the weight of each channel where the channels are mixed, per subject.

The weight is the mean |weight| of the channel's input, so it compares channels of equal variance (normalised ones);
it says what is used, not what is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from src.evaluation.section import Section, Table
from src.evaluation.style import BLUE, MUTED, house_style, new_figure, shortened
from src.evaluation.words import plural

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = 3  # beside each other
SHOWN = 20  # channels of a subject; the rest is in metrics.json


def channel_section(weights: np.ndarray, subjects: list[str], channels: list[tuple[str, ...]]) -> Section:
    """`weights` (S, C) of the `subjects`, each with the names of its own `channels` (as many as it has)."""
    ranked = [ranking(row, names) for row, names in zip(weights, channels)]
    first = [f"{name}: {', '.join(channel for channel, _ in found[:3])}" for name, found in zip(subjects, ranked)]
    return Section(
        "Channels", "The network listens most to " + (first[0].partition(": ")[2] if len(first) == 1 else
                                                      "; ".join(first[:12])) + ".",
        figure=channels_figure(ranked, subjects),
        table=Table(["subject", "first half of the weight", "channels"], [
            [name, str(half(found)), str(len(found))] for name, found in zip(subjects, ranked)])
        if len(subjects) > 1 else None,
        caption=f"Share of each channel in the mean |weight| of the layer that mixes the channels, for "
                f"{plural(len(subjects), 'subject')}. Dotted: all channels alike.",
        values={name: dict(found) for name, found in zip(subjects, ranked)})


def ranking(weights: np.ndarray, names: tuple[str, ...]) -> list[tuple[str, float]]:
    """(C,) -> (channel, share of the sum), the largest first; channels without a name are padding and left out."""
    own = weights[: len(names)].astype(np.float64)
    share = own / max(own.sum(), 1e-300)
    return [(names[place], float(share[place])) for place in np.argsort(-share, kind="stable")]


def half(ranked: list[tuple[str, float]]) -> int:
    """How many channels it takes for half of the weight."""
    return int(np.searchsorted(np.cumsum([share for _, share in ranked]), 0.5) + 1)


def channels_figure(ranked: list[list[tuple[str, float]]], subjects: list[str]) -> Figure:
    """Bars per subject, the strongest channel on top."""
    columns = min(PANELS, len(ranked))
    lines = -(-len(ranked) // columns)
    longest = min(SHOWN, max(len(found) for found in ranked))
    with house_style():
        figure = new_figure(max(4.6, 3.1 * columns), lines * (0.75 + 0.2 * longest))
        for place, axes in enumerate(figure.subplots(lines, columns, squeeze=False).flat):
            if place >= len(ranked):
                axes.set_axis_off()
                continue
            found = ranked[place][:SHOWN]
            axes.barh(range(len(found)), [100 * share for _, share in found], color=BLUE, height=0.7)
            axes.axvline(100 / len(ranked[place]), color=MUTED, linestyle=":", linewidth=1)
            axes.set_yticks(range(len(found)), [shortened(name, 12) for name, _ in found], fontsize=8)
            axes.set(ylim=(longest - 0.4, -0.6), title=shortened(subjects[place], 28), xlabel="% of the weight")
            axes.grid(visible=False, axis="y")
            axes.tick_params(axis="y", length=0)
    return figure
