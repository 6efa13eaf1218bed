"""What all public sets share: who publishes them, and the files below a raw root, listed once.

Tables name files; a name counts only where the listing holds it, so no table can lead out of the raw root.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from src.data.prepare.raw import RawRecord, RawSet, not_there
from src.data.tables import read_columns
from src.errors import UserError

SEX = {"m": "male", "male": "male", "f": "female", "female": "female"}
OLDEST = 120  # years; PTB-XL writes 300 where a patient is older than 89


@dataclass(frozen=True)
class PublicSet:
    """Who publishes a set, and under which terms."""

    name: str  # as `prepare.py NAME` says it
    title: str
    address: str
    licence: str
    protocol: str = ""  # in src/evaluation/protocols

    def lacks(self, looked_for: str) -> UserError:
        return not_there(self.name, looked_for, self.address, self.licence)

    def raw_set(self, classes: Sequence[str], kind: str, records: list[RawRecord],
                missing: Mapping[str, str], notes: Sequence[str] = ()) -> RawSet:
        """The set as found; UserError where its tables are there and no recording is."""
        if not records and missing:
            name, reason = next(iter(missing.items()))
            raise self.lacks(f"any of {len(missing)} recordings ({name}: {reason})")
        if not records:
            raise UserError(f"{self.name}: its tables hold no record with these options",
                            "choose others with --dataset_args")
        return RawSet(self.name, tuple(classes), kind, records, f"{self.title}, {self.address}", self.licence,
                      tuple(notes), missing, self.protocol)


class RawFiles:
    """Every file below `root` by its path relative to it, with '/'; links to folders are not followed."""

    def __init__(self, root: Path):
        self.root = root
        self.paths = sorted(_below(root))
        self._known = set(self.paths)

    def __contains__(self, path: str) -> bool:
        return path in self._known

    def named(self, *names: str) -> str | None:
        """The path of the first of these file names that is there; of several, the one in the uppermost folder."""
        for name in names:
            found = [path for path in self.paths if PurePosixPath(path).name == name]
            if found:
                return min(found, key=_depth)
        return None

    def stems(self, *suffixes: str, inside: str = "") -> dict[str, str]:
        """File name without suffix -> path, the uppermost and of the first suffix; `inside` a folder of this name."""
        ranks = {suffix: rank for rank, suffix in enumerate(suffixes)}
        found: dict[str, tuple[tuple[int, int], str]] = {}
        for path in self.paths:
            pure = PurePosixPath(path)
            if pure.suffix not in ranks or (inside and inside not in pure.parts[:-1]):
                continue
            rank = (ranks[pure.suffix], _depth(path))
            if pure.stem not in found or rank < found[pure.stem][0]:
                found[pure.stem] = (rank, path)
        return {stem: path for stem, (_, path) in found.items()}

    def read(self, path: str, needed: Sequence[str]) -> dict[str, np.ndarray]:
        """The columns of a table by lower-case name; UserError where one of `needed` is not there."""
        table = read_columns(self.root / path)
        lost = [name for name in needed if name not in table]
        if lost:
            raise UserError(f"{self.root / path} has no column {', '.join(lost)}",
                            f"it has {', '.join(table)[:300]}; take the table as published")
        return table


def _below(root: Path) -> list[str]:
    found = []
    for folder, _, names in os.walk(root):
        below = os.path.relpath(folder, root).replace(os.sep, "/")
        found += names if below == "." else [f"{below}/{name}" for name in names]
    return found


def _depth(path: str) -> int:
    return path.count("/")


def beside(table: str, name: str) -> str:
    """The path of `name`, which a table gives relative to its own folder."""
    return (PurePosixPath(table).parent / name).as_posix()


def person(age: str = "", sex: str = "", **more: str) -> dict[str, str]:
    """The columns for subgroups, without those that are unknown: age in years, sex male or female, and `more`."""
    columns = {"age": age_years(age), "sex": SEX.get(sex.strip().lower(), ""), **more}
    return {name: value.strip() for name, value in columns.items() if value.strip()}


def age_years(text: str) -> str:
    """'57.0' -> '57'; empty for what is no age. Ages that a set hides (300) become 90."""
    try:
        years = float(text)
    except ValueError:
        return ""
    if not math.isfinite(years) or years < 0:
        return ""
    return "90" if years > OLDEST else f"{years:g}"


def whole(text: str) -> str:
    """'17014.0' as spreadsheets write whole numbers -> '17014'; other text as it is."""
    return text.removesuffix(".0")


def counted(count: int, what: str) -> tuple[str, ...]:
    """A note where something was counted at all."""
    return (f"{count} {what}",) if count else ()
