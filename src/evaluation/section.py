"""A part of the report that belongs to a family of models: its sentence, pictures, tables and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class Table:
    """Rows of texts under `columns`; the first column is a name, the others are numbers."""

    columns: list[str]
    rows: list[list[str]]


@dataclass
class Section:
    """A further part of the report, from a trainer's `report_sections(loader)`.

    `text` says what was found (it is shown on the terminal too) and `caption` how to read the picture or the table;
    both are escaped unless they are a `markupsafe.Markup`. `values` go to metrics.json. `parts` are sections inside
    this one. A figure that `is_dense` has too many points for SVG: it becomes pixels.
    """

    title: str
    text: str = ""
    figure: Figure | None = None
    table: Table | None = None
    caption: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    parts: list[Section] = field(default_factory=list)
    is_dense: bool = False

    @property
    def key(self) -> str:
        """Its title as the name of a file or of a JSON entry."""
        return re.sub(r"[^a-z0-9]+", "_", self.title.lower()).strip("_") or "section"


def keyed(sections: list[Section], before: str = "") -> Iterator[tuple[str, Section]]:
    """Every section and, after it, its parts, by keys that differ from each other."""
    taken: set[str] = set()
    for section in sections:
        key = section.key
        while key in taken:
            key += "_"
        taken.add(key)
        yield before + key, section
        yield from keyed(section.parts, f"{before}{key}_")
