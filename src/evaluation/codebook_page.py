"""The codebook doctor in the report: how often codes are used, by whom, for which classes, and what they look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from src.evaluation.codebook import (
    CARRIED,
    GALLERY,
    CodeUse,
    carrying,
    diagnosis,
    entropy,
    information,
    joint_counts,
    meaning,
    perplexity,
)
from src.evaluation.section import Section, Table
from src.evaluation.style import BLUE, MUTED, ORANGE, house_style, new_figure, shortened
from src.evaluation.words import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

COLUMNS = 6  # of the gallery
INFORMATIVE = 30  # codes in the heat map
STEPS = 3  # the heat map's colour ends at a factor of 2**STEPS


def codebook_section(use: CodeUse, rate_hz: float, channels: list[str], subjects: list[str],
                     classes: tuple[str, ...] = ()) -> Section:
    """The whole doctor. `channels` are the names of those whose segments are in `use`, `subjects` and `classes` those
    behind its numbers; without classes nothing is said about them."""
    counts = use.histogram()
    live = int((counts > 0).sum())
    values = {"codes": use.size, "live": live, "dead": use.size - live, "perplexity": perplexity(counts),
              "carry_95_percent": carrying(counts), "entropy_nat": entropy(counts),
              "largest_entropy_nat": float(np.log(use.size)), "tokens": int(counts.sum()),
              "explained_by_mean_segments": use.explained()}
    parts = [_subjects_part(use, subjects)] if len(subjects) > 1 else []
    known = {int(label) for label in np.unique(use.labels).tolist() if 0 <= label < len(classes)}
    if len(known) > 1 and live > 1:
        parts.append(_classes_part(use, classes))
    if live and channels:
        parts.append(_gallery_part(use, counts, rate_hz, channels))
    rows = [["codes used at all", f"{live:,} of {use.size:,}"], ["unused (dead)", f"{use.size - live:,}"],
            [f"codes that carry {percent(CARRIED)} of the tokens", f"{carrying(counts):,}"],
            ["perplexity", f"{perplexity(counts):.1f}"],
            ["entropy of the histogram (all alike)", f"{entropy(counts):.2f} nat ({np.log(use.size):.2f})"],
            ["tokens", f"{counts.sum():,}"]]
    return Section("Codebook", diagnosis(counts), figure=usage_figure(counts, carrying(counts)) if live else None,
                   table=Table(["codebook", ""], rows), values=values, parts=parts)


def _subjects_part(use: CodeUse, subjects: list[str]) -> Section:
    counts = {name: use.histogram(use.subjects == place) for place, name in enumerate(subjects)}
    counts = {name: own for name, own in counts.items() if own.any()}
    whole = sum(counts.values(), np.zeros(use.size, np.int64))
    rows, values = [], {}
    for name, own in counts.items():
        shared = float(own[(whole - own) > 0].sum() / own.sum())
        values[name] = {"tokens": int(own.sum()), "live": int((own > 0).sum()), "perplexity": perplexity(own),
                        "carry_95_percent": carrying(own), "shared": shared}
        rows.append([name, f"{own.sum():,}", f"{(own > 0).sum():,}", f"{carrying(own):,}", f"{perplexity(own):.1f}",
                     percent(shared)])
    columns = ["subject", "tokens", "codes used", f"carry {percent(CARRIED)}", "perplexity", "in shared codes"]
    return Section("Codes by subject", table=Table(columns, rows), values=values,
                   caption="In shared codes: the share of its tokens whose code other subjects use too. Where it is "
                           "small, every subject has a codebook of its own.")


def _classes_part(use: CodeUse, classes: tuple[str, ...]) -> Section:
    found = information(use, len(classes))
    joint = joint_counts(use.codes, use.labels, use.size, len(classes))
    there = np.flatnonzero(joint.sum(1))
    chosen = np.argsort(-found.per_code, kind="stable")[:INFORMATIVE]
    chosen = chosen[found.per_code[chosen] > 0]
    names = [f"{shortened(classes[k], 18)} ({perplexity(joint[k]):.0f})" for k in there]
    values = {"information_nat": found.total, "shuffled_nat": float(found.permuted.mean()),
              "shuffled_largest_nat": float(found.permuted.max()), "stands_out": found.stands_out,
              "perplexity": {classes[k]: perplexity(joint[k]) for k in there}}
    return Section("Codes by class", meaning(found, len(there)), figure=classes_figure(joint[there], chosen, names),
                   caption="How much more or less often a code stands in records of a class than in all, from the code "
                           "that tells most on the left; the perplexity of the codes within each class in brackets.",
                   values=values)


def _gallery_part(use: CodeUse, counts: np.ndarray, rate_hz: float, channels: list[str]) -> Section:
    chosen = np.argsort(-counts, kind="stable")[:GALLERY]
    chosen = chosen[counts[chosen] > 0]
    said = f"The mean segments of the codes explain {percent(use.explained())} of the power of the channels shown."
    return Section("What the codes look like", said,
                   figure=gallery_figure(use.waveforms(), counts, chosen, rate_hz, channels),
                   caption="The mean of all segments of a code, for the most frequent codes: its number and its share "
                           "of the tokens. All panels have one scale, and what leaves it is cut; flat lines mean that "
                           "a code stands for something else than a shape at a fixed place.")


def usage_figure(counts: np.ndarray, carried: int) -> Figure:
    """Share of the tokens (K,) by rank, beside what equal use would be; `carried` codes are marked."""
    share = np.sort(counts)[::-1] / max(1, counts.sum())
    live = int((share > 0).sum())
    with house_style():
        figure = new_figure(6.0, 3.0)
        axes = figure.add_subplot(xscale="log", yscale="log", xlabel="code, the most frequent first",
                                  ylabel="share of the tokens")
        axes.plot(np.arange(1, live + 1), share[:live], color=BLUE, marker="o" if live < 20 else None, markersize=4)
        axes.axhline(1 / len(counts), color=MUTED, linestyle=":", linewidth=1, label="all codes alike")
        axes.axvline(carried, color=ORANGE, linewidth=1.2, label=f"95 % of the tokens: {carried:,}")
        axes.set(xlim=(0.9, 1.1 * len(counts)), ylim=(min(share[live - 1], 1 / len(counts)) / 2, 1.2))
        _plain(axes)
        axes.legend(loc="lower left")
    return figure


def _plain(axes: Axes) -> None:
    """Ticks of a logarithmic scale as people write them."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())


def classes_figure(joint: np.ndarray, chosen: np.ndarray, names: list[str]) -> Figure:
    """(classes, K) counts: how much more (blue) or less (orange) often than for all classes, for the codes `chosen`.

    One token is added to what was counted and to what was expected, so that rare codes do not shout.
    """
    expected = joint.sum(1, keepdims=True) * joint.sum(0) / max(1, joint.sum())
    times = np.log2((joint + 1) / (expected + 1))[:, chosen]
    with house_style():
        figure = new_figure(2.2 + 0.24 * len(chosen), 1.6 + max(0.17, 0.22 if len(names) < 25 else 0) * len(names))
        axes = figure.add_subplot(xlabel="code")
        drawn = axes.imshow(times, cmap=two_sided(), vmin=-STEPS, vmax=STEPS, aspect="auto", interpolation="nearest")
        font = 8 if len(names) <= 30 else 6
        axes.set_xticks(range(len(chosen)), [str(code) for code in chosen], rotation=90, fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=font)
        axes.grid(visible=False)
        axes.tick_params(length=0)
        bar = figure.colorbar(drawn, ax=axes, location="top", shrink=0.5, aspect=30, ticks=range(-STEPS, STEPS + 1))
        bar.ax.set_xticklabels([f"×{2**step}" if step > -1 else f"÷{2**-step}" for step in range(-STEPS, STEPS + 1)])
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    return figure


def two_sided() -> LinearSegmentedColormap:
    """Orange for less, blue for more, transparent in the middle: right on a light and on a dark page."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    ends = [(*to_rgb(ORANGE), 1.0), (*to_rgb(ORANGE), 0.0), (*to_rgb(BLUE), 0.0), (*to_rgb(BLUE), 1.0)]
    return LinearSegmentedColormap.from_list("two_sided", list(zip((0.0, 0.5, 0.5, 1.0), ends)))


def gallery_figure(waveforms: np.ndarray, counts: np.ndarray, chosen: np.ndarray, rate_hz: float,
                   channels: list[str]) -> Figure:
    """Mean segments (K, channels, samples) of the codes `chosen`, one panel each, channels one above the other."""
    shown = waveforms[chosen]
    gap = 2.0 * float(np.quantile(np.abs(shown), 0.9)) or 1.0  # a few codes are cut off: all stay readable
    traces, length = shown.shape[1:]
    width, height = 1.25 * length, gap * (traces + 0.8)
    lines = -(-len(chosen) // COLUMNS)
    with house_style():
        figure = new_figure(9.0, 0.4 + lines * 0.36 * (traces + 0.8))
        axes = figure.add_subplot(xlim=(0, COLUMNS * width), ylim=(-lines * height, 0))
        for place, code in enumerate(chosen.tolist()):
            left, top = place % COLUMNS * width, -(place // COLUMNS) * height
            share = percent(counts[code] / counts.sum(), 1)
            axes.text(left + length / 2, top - 0.4 * gap, f"code {code}, {share}", ha="center", va="center", fontsize=8)
            for number, trace in enumerate(shown[place]):
                middle = top - gap * (number + 1.3)
                axes.plot([left, left + length], [middle] * 2, color=MUTED, linewidth=0.5, alpha=0.5)
                within = trace.clip(-0.7 * gap, 0.7 * gap)
                axes.plot(left + np.arange(length), middle + within, color=BLUE, linewidth=1.1)
        middles = [-line * height - gap * (number + 1.3) for line in range(lines) for number in range(traces)]
        axes.set_yticks(middles, [shortened(name, 8) for name in channels] * lines, fontsize=7)
        axes.set_xticks([0, length], ["0", f"{1000 * length / rate_hz:g} ms"], fontsize=7)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    return figure
