"""How every figure looks, and how it becomes a PNG or a piece of a page.

Figures are matplotlib objects without pyplot (no global state). In a page they are inline SVG with a transparent
ground whose ink is the page's own colour, so that one picture serves dark, light and paper. Text is never parsed as
mathematics: names come from files.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED = "#22262b", "#8b9099"  # INK becomes currentColor in a page
# Okabe and Ito's palette, told apart by all common kinds of colour blindness
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW = (
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#c9b900")
COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW, MUTED)

SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans", "font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold",
    "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK, "axes.edgecolor": MUTED,
    "axes.spines.top": False, "axes.spines.right": False, "axes.facecolor": "none", "figure.facecolor": "none",
    "axes.grid": True, "grid.color": MUTED, "grid.alpha": 0.25, "grid.linewidth": 0.6, "axes.axisbelow": True,
    "legend.frameon": False, "legend.fontsize": 8, "lines.linewidth": 1.6, "text.parse_math": False,
    "svg.fonttype": "none", "svg.hashsalt": "vagus", "savefig.facecolor": "none",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Everything that draws or saves a figure happens inside; glyphs that the font lacks are no reason to warn."""
    from matplotlib import rc_context

    with rc_context(SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        yield


def new_figure(width: float = 5.2, height: float = 4.0) -> Figure:
    """An empty figure in inches whose layout keeps every label inside."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_png(figure: Figure, path: Path, dpi: int = 150) -> None:
    """White ground: a PNG is pasted into papers and slides."""
    with house_style():
        figure.savefig(path, dpi=dpi, facecolor="white", bbox_inches="tight", pad_inches=0.08)


def to_svg(figure: Figure, name: str) -> str:
    """Inline SVG for a page; `name` keeps its ids apart from the other figures'."""
    page = io.StringIO()
    with house_style():
        figure.savefig(page, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    svg = page.getvalue()
    svg = svg[svg.index("<svg"):].replace(INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{name}"', 1)


def to_png_uri(figure: Figure, dpi: int = 110) -> str:
    """A PNG as a data: address, for pictures with too many points for SVG."""
    data = io.BytesIO()
    with house_style():
        figure.savefig(data, dpi=dpi, format="png", facecolor="white", bbox_inches="tight", pad_inches=0.05)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


def shortened(name: str, limit: int = 24) -> str:
    """A name that fits beside an axis: one line, an ellipsis where it was cut."""
    line = " ".join(name.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
