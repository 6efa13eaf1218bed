"""The report: one HTML page that opens without network and without scripts.

Everything that came from a file is text to the template (autoescape); pictures are drawn here and are the only
markup that is let through. The page's own policy forbids scripts and addresses, so that a mistake would stay without
effect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.data.signal import SignalSpec
from src.evaluation import words
from src.evaluation.evaluate import Evaluation
from src.evaluation.metrics import direction
from src.evaluation.recordings import Example, choose_examples, recording_figure
from src.evaluation.section import Section
from src.evaluation.style import to_png_uri, to_svg

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

BROAD = 7.0  # inches from which a picture is scrolled on a phone rather than shrunk
REASONS = {"right": "Right, and sure of it", "wrong": "Wrong, and sure of it", "unsure": "Least sure"}


@dataclass
class Story:
    """What stands around the numbers: who was tested on what, and how to repeat it.

    `splits`: one dict per part with its name, records, subjects and whether it was tested; `overlap` says whether
    subjects are shared between training and test. `read` gives the signal (channels, samples) of a row of the table.
    """

    model: str
    data: str
    subset: str
    weights: str
    spec: SignalSpec
    notes: tuple[str, ...] = ()
    splits: list[dict[str, Any]] = field(default_factory=list)
    overlap: str = ""
    commands: dict[str, str] = field(default_factory=dict)
    seeds: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    epochs: list[dict] = field(default_factory=list)
    read: Callable[[int], np.ndarray] | None = None
    sections: list[Section] = field(default_factory=list)


def render(evaluation: Evaluation, story: Story, pictures: dict[str, Figure]) -> str:
    """The page as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True,
                              lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters |= {"number": words.number, "interval": words.interval_words}
    drawn = {name: Markup(to_svg(figure, name)) for name, figure in pictures.items()}
    return environment.get_template("template.html").render(
        evaluation=evaluation, story=story, pictures=drawn, sections=_drawn(story.sections), words=words,
        scores=score_rows(evaluation), columns=class_columns(evaluation), classes=class_rows(evaluation),
        examples=example_cards(evaluation, story),
    )


def _drawn(sections: list[Section], before: str = "section") -> list[dict[str, Any]]:
    """Sections with their pictures as markup, whose ids differ."""
    return [{"is": part, "picture": _picture(part, f"{before}{place}"),
             "is_broad": part.figure is not None and not part.is_dense and part.figure.get_figwidth() >= BROAD,
             "parts": _drawn(part.parts, f"{before}{place}-")} for place, part in enumerate(sections)]


def _picture(section: Section, name: str) -> Markup | str:
    from markupsafe import Markup

    if section.figure is None:
        return ""
    if section.is_dense:
        return Markup('<img alt="{}" src="{}">').format(section.title, to_png_uri(section.figure))
    return Markup(to_svg(section.figure, name))


def score_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Every metric with its interval and chance, the headline first; places on a 0..1 scale where it has one."""
    first = evaluation.headline
    ordered = sorted(evaluation.scores, key=lambda name: name != first)
    return [_score_row(evaluation, name) for name in ordered]


def _score_row(evaluation: Evaluation, name: str) -> dict[str, Any]:
    interval, chance, value = evaluation.interval(name), evaluation.chance.get(name), evaluation.scores[name]
    row: dict[str, Any] = {"title": words.TITLES[name], "value": value, "interval": interval, "chance": chance,
                           "scale": None}
    is_share = direction(name) == "max" and name not in ("r2", "pearson")
    if is_share and interval and chance is not None and min(interval.low, value) >= 0:
        row["scale"] = {"low": 100 * interval.low, "width": 100 * (interval.high - interval.low),
                        "value": 100 * value, "chance": 100 * chance}
    return row


def class_rows(evaluation: Evaluation) -> list[dict]:
    """The rows of the table by class; of tokens only those that are labelled or predicted somewhere."""
    if evaluation.target.kind != "tokens":
        return evaluation.by_class
    return [row for row in evaluation.by_class if row["support"] or np.isfinite(row["precision"])]


def class_columns(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Columns of the table by class: key and heading."""
    titles = {"support": words.counted(evaluation.target.kind), "threshold": "from", "precision": "precision",
              "recall": "recall", "f1": "F1", "auroc": "AUROC", "auprc": "AUPRC", "mae": "MAE", "rmse": "RMSE",
              "r2": "R²", "pearson": "r", "mse": "squared error", "explained_variance": "explained variance"}
    row = evaluation.by_class[0] if evaluation.by_class else {}
    return [(key, title) for key, title in titles.items() if key in row]


def example_cards(evaluation: Evaluation, story: Story) -> list[dict[str, str]]:
    """Pictures and captions of the example recordings; none where signals or labels are not there."""
    labels = evaluation.predictions.labels
    if story.read is None or labels is None:
        return []
    chosen = choose_examples(evaluation.target, labels, evaluation.predictions.scores, evaluation.fitted.thresholds)
    return [_card(evaluation, story, example) for example in chosen]


def _card(evaluation: Evaluation, story: Story, example: Example) -> dict[str, str]:
    place, labels = example.place, np.asarray(evaluation.predictions.labels)
    signal = story.read(int(evaluation.predictions.rows[place])) if story.read else np.zeros((1, 1))
    return {
        "why": REASONS[example.why], "kind": example.why, "record": str(evaluation.records.record[place]),
        "truth": say(evaluation, labels[place]), "said": say(evaluation, evaluation.decisions[place]),
        "picture": to_png_uri(recording_figure(signal, story.spec)),
        "hidden": f"first 16 of {len(signal)} channels" if len(signal) > 16 else "",
    }


def say(evaluation: Evaluation, answer: Any) -> str:
    """A class number or a row of labels (NaN: not known) in words."""
    names = evaluation.target.names
    if evaluation.target.kind == "classes":
        return names[int(answer)]
    said = ", ".join(name for name, there in zip(names, answer) if there == 1) or "none of the labels"
    unknown = ", ".join(name for name, there in zip(names, answer) if there != there)
    return f"{said} (not known: {unknown})" if unknown else said
