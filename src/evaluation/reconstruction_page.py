"""Reconstruction in the report: traces over each other, errors by channel, what is explained by band."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from src.evaluation.reconstruction import Picture, Reconstruction, band_names, diagnosis
from src.evaluation.recordings import thinned
from src.evaluation.section import Section, Table
from src.evaluation.style import BLUE, INK, MUTED, ORANGE, house_style, new_figure, shortened
from src.evaluation.words import number, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SECONDS = 2.0  # of each record, from its middle
POINTS = 700  # per trace


def reconstruction_section(found: Reconstruction, subjects: list[str], channels: list[tuple[str, ...]],
                           records: np.ndarray) -> Section:
    """`subjects` are the names behind its numbers, each with the names of its `channels`; `records` those of rows."""
    names, explained, share = band_names(found.bands), found.explained_by_band(), found.share_of_bands()
    values = {"standardised_error": found.standardised_error(),
              "explained_by_band": dict(zip(names, explained.tolist())),
              "share_of_band": dict(zip(names, share.tolist())),
              "standardised_error_of_channels": {subjects[one]: _by_channel(found, one, channels[one])
                                                 for one in found.subjects}}
    pictures = [Section(str(records[picture.row]), figure=_traces(found, picture, channels[picture.subject]),
                        caption="The best, a middling and the worst channel of this record's subject; standardised "
                                "error in brackets.") for picture in found.pictures]
    parts = [_channels_part(found, subjects, channels), Section("Signals and reconstructions", parts=pictures)]
    bands = bands_figure(names, explained, share) if names else None
    return Section("Reconstruction", diagnosis(found), figure=bands, values=values, parts=parts,
                   caption="Grey: where the variance of the signal is. Blue: how much of each band comes back. The "
                           "error over all bands is made by the tallest grey bars.")


def _by_channel(found: Reconstruction, subject: int, names: tuple[str, ...]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, found.standardised_errors(subject))}


def _channels_part(found: Reconstruction, subjects: list[str], channels: list[tuple[str, ...]]) -> Section:
    rows = []
    for one in found.subjects:
        errors = {name: value for name, value in _by_channel(found, one, channels[one]).items() if np.isfinite(value)}
        ranked = sorted(errors, key=errors.__getitem__)
        if ranked:
            rows.append([subjects[one], number(float(np.mean(list(errors.values())))),
                         f"{ranked[0]} {errors[ranked[0]]:.2f}", f"{ranked[-1]} {errors[ranked[-1]]:.2f}"])
    if len(rows) > 1:
        columns = ["subject", "standardised error", "best channel", "worst channel"]
        return Section("Error by subject", table=Table(columns, rows))
    errors = _by_channel(found, found.subjects[0], channels[found.subjects[0]])
    return Section("Error by channel", figure=errors_figure(errors))


def _traces(found: Reconstruction, picture: Picture, names: tuple[str, ...]) -> Figure:
    errors = found.standardised_errors(picture.subject)[: len(names)]
    known = [place for place in np.argsort(errors) if np.isfinite(errors[place])]
    chosen = sorted({known[0], known[len(known) // 2], known[-1]}, key=known.index) if known else [0]
    labels = [f"{names[place]} ({errors[place]:.2f})" for place in chosen]
    return traces_figure(picture.signal[chosen], picture.reconstruction[chosen], labels, found.rate_hz)


def errors_figure(errors: dict[str, float]) -> Figure:
    """Standardised error per channel, in the order of the channels."""
    names, values = list(errors), list(errors.values())
    with house_style():
        figure = new_figure(max(4.6, 0.3 * len(names) + 1.5), 2.6)
        axes = figure.add_subplot(ylabel="standardised error")
        axes.bar(range(len(names)), values, color=BLUE, width=0.7)
        axes.axhline(1, color=MUTED, linestyle=":", linewidth=1)
        axes.set_xticks(range(len(names)), [shortened(name, 10) for name in names], fontsize=8,
                        rotation=90 if len(names) > 12 else 0)
        axes.grid(visible=False, axis="x")
    return figure


def traces_figure(signal: np.ndarray, reconstruction: np.ndarray, names: list[str], rate_hz: float) -> Figure:
    """(channels, samples) twice, the middle SECONDS: the signal thin, what the model made of it thick."""
    length = min(signal.shape[1], int(SECONDS * rate_hz))
    start = (signal.shape[1] - length) // 2
    gap = 5.0 * float(np.median(signal.std(1))) or 1.0
    with house_style():
        figure = new_figure(9.0, 0.8 + 0.75 * len(signal))
        axes = figure.add_subplot(xlabel="seconds", xlim=(start / rate_hz, (start + length) / rate_hz))
        looks = ((signal, {"color": MUTED, "linewidth": 0.8, "label": "signal"}),
                 (reconstruction, {"color": ORANGE, "linewidth": 1.3, "label": "reconstruction"}))
        for part, look in looks:
            for number, trace in enumerate(part[:, start:start + length]):
                times, values = thinned(np.clip(trace, -gap, gap), rate_hz, POINTS)
                axes.plot(times + start / rate_hz, values - gap * number, **(look if number == 0 else
                          {**look, "label": None}))
        axes.set_yticks([-gap * number for number in range(len(names))], [shortened(name, 14) for name in names])
        axes.set_ylim(-gap * (len(names) - 0.25), 0.9 * gap)
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)
        axes.grid(visible=False)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    return figure


def bands_figure(names: list[str], explained: np.ndarray, share: np.ndarray) -> Figure:
    """Per band: the share of its variance that is reconstructed, beside its share of the whole."""
    places = np.arange(len(names))
    with house_style():
        figure = new_figure(6.4, 3.0)
        axes = figure.add_subplot(ylabel="share of the variance")
        axes.bar(places - 0.2, share, 0.38, color=MUTED, label="of the signal, in this band")
        axes.bar(places + 0.2, np.clip(explained, 0, 1), 0.38, color=BLUE, label="of this band, reconstructed")
        for place, value in zip(places, explained):
            if np.isfinite(value):
                said = percent(value) if value >= -1 else f"< {percent(-1)}"
                axes.text(place + 0.2, np.clip(value, 0, 1) + 0.02, said, ha="center", fontsize=8, color=INK)
        axes.set_xticks(places, names)
        axes.set(ylim=(0, 1.1))
        axes.grid(visible=False, axis="x")
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2)
    return figure
