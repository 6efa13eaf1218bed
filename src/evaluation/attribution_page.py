"""Attribution in the report: which leads each class rests on, and pictures of single answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from src.data.signal import SignalSpec
from src.evaluation.attribution import Attribution, smoothed
from src.evaluation.section import Section
from src.evaluation.style import BLUE, INK, MUTED, VERMILION, house_style, new_figure, shortened
from src.evaluation.words import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHANNELS = 16  # drawn of each recording
COLUMNS = 1000  # of the colours behind the traces
ENOUGH = 0.05  # error of the sum from which the steps are too few to trust a picture
HOW_TO_READ = ("Behind each trace of a picture: vermilion speaks for what is named above it, blue against it. On the "
               "right: the share of each lead; below: of each moment. Integrated gradients (Sundararajan, Taly and Yan "
               "2017) from a flat line: what this model uses, not what is medically right.")


def attribution_section(pictures: list[Section], shares: dict[str, np.ndarray], counts: dict[str, int],
                        errors: Sequence[float], channels: tuple[str, ...]) -> Section:
    """`pictures` of single answers; `shares` of the leads (channels,) by class, means over `counts` right answers."""
    figure = shares_figure(shares, counts, channels) if shares and len(channels) > 1 else None
    values = {"lead_shares": {name: dict(zip(channels, map(float, share))) for name, share in shares.items()},
              "answers": counts, "largest_error_of_the_sum": max(errors, default=0.0)}
    caption = "Share of the absolute attribution in each lead, averaged over right answers (how many: in brackets). "
    doubtful = sum(error > ENOUGH for error in errors)
    caption += f"In {doubtful} of {len(errors)} pictures the sum is off by more than {percent(ENOUGH)}. " if doubtful \
        else f"The sums miss at most {percent(max(errors, default=0.0), 1)} of what they explain. "
    return Section("What the answers rest on", _finding(shares, channels), figure=figure, values=values,
                   caption=caption + HOW_TO_READ, parts=pictures)


def _finding(shares: dict[str, np.ndarray], channels: tuple[str, ...]) -> str:
    if not shares or len(channels) < 2:
        return ""
    leading = [f"{name}: {channels[int(share.argmax())]} ({percent(float(share.max()))})"
               for name, share in list(shares.items())[:12]]
    return f"The lead with the largest share, by class: {', '.join(leading)}{' ...' * (len(shares) > 12)}."


def shares_figure(shares: dict[str, np.ndarray], counts: dict[str, int], channels: tuple[str, ...]) -> Figure:
    """Classes by leads; the colour is the share, 1 over the number of leads where all weigh the same."""
    from matplotlib.colors import to_rgb

    table = np.stack(list(shares.values()))
    colour = np.empty((*table.shape, 4))
    colour[..., :3], colour[..., 3] = to_rgb(BLUE), table / table.max()
    with house_style():
        figure = new_figure(1.8 + 0.42 * len(channels), 0.9 + 0.3 * len(shares))
        axes = figure.add_subplot()
        axes.imshow(colour, aspect="auto", interpolation="nearest")
        for (row, column), share in np.ndenumerate(table):
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7, color=INK)
        axes.set_xticks(range(len(channels)), [shortened(name, 8) for name in channels], fontsize=8,
                        rotation=90 if len(channels) > 12 else 0)
        axes.set_yticks(range(len(shares)), [f"{shortened(name, 18)} ({counts[name]})" for name in shares], fontsize=8)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.set_xlabel("share of the attribution in percent")
    return figure


def attribution_figure(signal: np.ndarray, found: Attribution, spec: SignalSpec, title: str = "") -> Figure:
    """(channels, samples) as recorded over what each moment of each lead adds; NaN is absent."""
    signal, values = signal[:CHANNELS], smoothed(found.values[:CHANNELS], spec.rate_hz)
    rows, seconds = len(signal), signal.shape[1] / spec.rate_hz
    with house_style():
        figure = new_figure(9.0, 1.5 + 0.42 * rows)
        grid = figure.add_gridspec(2, 2, width_ratios=(9, 1), height_ratios=(max(rows, 2), 0.9))
        axes = figure.add_subplot(grid[0, 0], xlim=(0, seconds), ylim=(rows - 0.4, -0.9))
        _colours(axes, values, seconds)
        _traces(axes, signal, spec.rate_hz)
        axes.set_yticks(range(rows), [shortened(name, 12) for name in spec.channels[:rows]], fontsize=8)
        axes.set_title(title, fontsize=9, loc="left")
        axes.tick_params(labelbottom=False, length=0)
        axes.grid(visible=False)
        beside = figure.add_subplot(grid[0, 1], sharey=axes)
        beside.barh(range(rows), 100 * found.by_lead[:rows], color=MUTED, height=0.7)
        beside.set_xlabel("%", fontsize=8)
        beside.tick_params(labelleft=False, length=0)
        below = figure.add_subplot(grid[1, 0], sharex=axes, xlabel="seconds")
        moments = smoothed(found.by_time[None], spec.rate_hz)[0]
        below.fill_between(np.arange(len(moments)) / spec.rate_hz, moments / max(moments.max(), 1e-12), color=MUTED)
        below.set_yticks([])
        below.grid(visible=False)
    return figure


def _colours(axes: Axes, values: np.ndarray, seconds: float) -> None:
    """One row of colours behind each trace; the strongest hundredth has the full colour."""
    from matplotlib.colors import to_rgb

    step = max(1, values.shape[1] // COLUMNS)
    values = values[:, :values.shape[1] // step * step].reshape(len(values), -1, step).mean(2)
    strength = np.clip(values / max(float(np.percentile(np.abs(values), 99)), 1e-12), -1, 1)
    colour = np.empty((*values.shape, 4))
    colour[..., :3] = np.where(values[..., None] > 0, to_rgb(VERMILION), to_rgb(BLUE))
    colour[..., 3] = 0.65 * np.abs(strength)
    axes.imshow(colour, extent=(0, seconds, len(values) - 0.5, -0.5), aspect="auto", interpolation="nearest")


def _traces(axes: Axes, signal: np.ndarray, rate_hz: float) -> None:
    known = signal[np.isfinite(signal).any(1)]
    height = 2.2 * float(np.nanpercentile(np.abs(known - np.nanmedian(known, 1, keepdims=True)), 99.5)) if len(known) \
        else 1.0
    time = np.arange(signal.shape[1]) / rate_hz
    for row, trace in enumerate(signal):
        if np.isfinite(trace).any():
            axes.plot(time, row - (trace - np.nanmedian(trace)) / max(height, 1e-12), color="#161616", linewidth=0.7)
