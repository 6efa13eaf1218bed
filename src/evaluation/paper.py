"""A recording on ECG paper: 25 mm/s and 10 mm/mV on a grid of 1 mm and 5 mm, true to scale when saved at its own size.

The twelve leads stand as cardiologists read them: three rows of four columns, one quarter of the time each, and below
them II as the rhythm. Any other set of channels gets one row per channel. What is no ECG in volts (an EEG in uV, a
pressure) keeps the paper and gets a gain of its own, which is written below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from src.data.leads import STANDARD_12, normalise_leads
from src.data.units import unit_factor
from src.evaluation.style import house_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MM_PER_S, MM_PER_MV = 25.0, 10.0
COLUMNS = np.array(STANDARD_12).reshape(4, 3)  # from left to right, each from top to bottom
RHYTHM = "II"
LEFT, RIGHT, TOP, BOTTOM = 15.0, 5.0, 15.0, 10.0  # mm of margin; the pulse stands in the left one
LOWEST_ROW, LOWEST_OF_MANY, HIGHEST_ROW, HIGHEST_OF_MANY = 25.0, 15.0, 60.0, 25.0  # mm from one row to the next
FEW_ROWS, MOST_ROWS = 6, 16
NARROWEST = 80.0  # mm
LONGEST_S = 60.0
LARGEST_MV = 8.0  # what is larger is no ECG in mV
POINTS = 2000  # of a trace in a report: two per pixel
DPI = 254  # ten pixels a mm
PAPER, THIN, THICK, INK = "#fffdfb", "#f8d9d5", "#eba9a3", "#161616"


class Trace(NamedTuple):
    """A piece of one channel: where it stands, and its samples in mm above its base line."""

    name: str
    row: int
    start_s: float
    millimetres: np.ndarray


def paper_figure(signal: np.ndarray, names: Sequence[str], rate_hz: float, unit: str, seconds: float = 10.0,
                 title: str = "") -> Figure:
    """The first `seconds` with signal of (channels, samples) in `unit`; NaN is a gap, all NaN is marked absent."""
    from matplotlib.figure import Figure

    begin, signal = _window(signal, rate_hz, seconds)
    shown_s = signal.shape[1] / rate_hz
    names = normalise_leads(names)
    heights, gain = _in_millimetres(signal, names, unit)
    traces = _twelve(heights, names, rate_hz) if set(STANDARD_12) <= set(names) else _rows(heights, names)
    rows = 1 + max((trace.row for trace in traces), default=0)
    spacing = _spacing(traces, rows)
    width, height = max(LEFT + shown_s * MM_PER_S + RIGHT, NARROWEST), TOP + rows * spacing + BOTTOM
    with house_style():
        figure = Figure(figsize=(width / 25.4, height / 25.4), dpi=DPI, facecolor=PAPER)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
        axes.set_axis_off()
        _grid(axes, width, height)
        for row in range(rows):
            _pulse(axes, height - TOP - (row + 0.5) * spacing)
        for trace in traces:
            _draw(axes, trace, height - TOP - (trace.row + 0.5) * spacing, spacing, rate_hz)
        words = [f"{MM_PER_S:g} mm/s", gain, f"{shown_s:.4g} s" + f" from {begin:.4g} s" * (begin > 0)]
        words += [f"the first {MOST_ROWS} of {len(names)} channels"] if len(traces) < len(names) else []
        axes.text(LEFT, BOTTOM / 2, "   ".join(words), fontsize=8, color=INK, va="center",
                  bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.5})
        axes.text(LEFT, height - TOP / 2, title, fontsize=9, color=INK, va="center", fontweight="bold")
    return figure


def save_paper(figure: Figure, path: Path) -> None:
    """As a PNG of its own size: a mm of paper is a mm of picture (the file says how many pixels an inch has)."""
    with house_style():
        figure.savefig(path, dpi=figure.dpi, facecolor=PAPER)


def _window(signal: np.ndarray, rate_hz: float, seconds: float) -> tuple[float, np.ndarray]:
    """Where the piece that is drawn begins, in s, and the piece."""
    there = np.flatnonzero(np.isfinite(signal).any(axis=0))
    first = int(there[0]) if len(there) else 0
    return first / rate_hz, signal[:, first:first + max(2, round(min(seconds, LONGEST_S) * rate_hz))]


def _in_millimetres(signal: np.ndarray, names: Sequence[str], unit: str) -> tuple[np.ndarray, str]:
    """The signal about its medians in mm, and the gain in words.

    Voltages of ECG leads, and all in mV, have 10 mm/mV unless they are far from any ECG; others fill their rows.
    """
    levels = [there for row in signal if len(there := row[np.isfinite(row)])]
    spread = float(np.median([np.percentile(np.abs(row - np.median(row)), 99) for row in levels])) if levels else 0.0
    medians = np.array([[np.median(there) if len(there := row[np.isfinite(row)]) else 0.0] for row in signal])
    centred = signal - medians.reshape(-1, 1).astype(np.float32)
    to_mv = unit_factor(unit, "mV")
    if to_mv is not None and (unit == "mV" or set(names) & set(STANDARD_12)) and spread * to_mv < LARGEST_MV:
        return centred * (to_mv * MM_PER_MV), "10 mm/mV"
    step = rounded(spread) if spread > 0 else 1.0
    return centred * (MM_PER_MV / step), f"10 mm/{step:g} {unit or '(unit unknown)'}"


def _twelve(signal: np.ndarray, names: Sequence[str], rate_hz: float) -> list[Trace]:
    place = {name: row for row, name in enumerate(names)}
    quarter = signal.shape[1] // 4
    traces = [Trace(lead, row, column * quarter / rate_hz,
                    signal[place[lead], column * quarter:(column + 1) * quarter])
              for column, leads in enumerate(COLUMNS.tolist()) for row, lead in enumerate(leads)]
    return [*traces, Trace(RHYTHM, 3, 0.0, signal[place[RHYTHM]])]


def _rows(signal: np.ndarray, names: Sequence[str]) -> list[Trace]:
    return [Trace(name, row, 0.0, trace) for row, (name, trace) in enumerate(zip(names, signal[:MOST_ROWS]))]


def _spacing(traces: list[Trace], rows: int) -> float:
    """So that most of a usual trace has room; the rare one that has not runs into its neighbour, as on paper."""
    heights = [np.nanpercentile(there, 99.5) - np.nanpercentile(there, 0.5) for trace in traces
               if len(there := trace.millimetres[np.isfinite(trace.millimetres)])]
    lowest, highest = (LOWEST_ROW, HIGHEST_ROW) if rows <= FEW_ROWS else (LOWEST_OF_MANY, HIGHEST_OF_MANY)
    return float(np.clip(5 * np.ceil(np.percentile(heights, 75) / 5) + 10, lowest, highest)) if heights else lowest


def _grid(axes: Axes, width: float, height: float) -> None:
    """Lines on whole millimetres, counted from the left end of the traces; every fifth is thick."""
    for step, colour, line in ((1, THIN, 0.25), (5, THICK, 0.45)):
        look = {"color": colour, "linewidth": line, "zorder": step / 10}
        axes.vlines(np.arange(LEFT % step, width + 1e-9, step), 0, height, **look)
        axes.hlines(np.arange(0, height + 1e-9, step), 0, width, **look)


def _pulse(axes: Axes, base: float) -> None:
    """10 mm high and 5 mm (0.2 s) wide, before the traces begin."""
    x = np.array([0, 2, 2, 7, 7, 9]) + LEFT - 11
    axes.plot(x, base + np.array([0, 0, 10, 10, 0, 0]), color=INK, linewidth=0.7)


def _draw(axes: Axes, trace: Trace, base: float, spacing: float, rate_hz: float) -> None:
    begin = LEFT + trace.start_s * MM_PER_S
    if np.isfinite(trace.millimetres).any():
        for times, values in _pieces(trace.millimetres, rate_hz):
            seconds, heights = thinned(values, rate_hz, points=8000)
            axes.plot(begin + (times + seconds) * MM_PER_S, base + heights, color=INK, linewidth=0.6,
                      solid_joinstyle="round")
    else:
        axes.text(begin + 10, base, "absent", fontsize=7, color=INK, va="center", style="italic")
    if trace.start_s:
        axes.plot([begin] * 2, [base - 3, base + 3], color=INK, linewidth=0.6)
    axes.text(begin + 1, base + min(12.0, 0.42 * spacing), trace.name, fontsize=8, color=INK, fontweight="bold",
              va="center", clip_on=True)


def _pieces(trace: np.ndarray, rate_hz: float) -> Iterator[tuple[float, np.ndarray]]:
    """(start in s, samples) of every stretch without NaN."""
    there = np.flatnonzero(np.diff(np.concatenate([[False], np.isfinite(trace), [False]]).astype(np.int8)))
    for begin, end in there.reshape(-1, 2):
        yield begin / rate_hz, trace[begin:end]


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
