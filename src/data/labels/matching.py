"""Patterns found in a normalised text, and which entities carry which descriptors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from src.data.labels.configuration import AFTER, BEFORE, CONNECTIVE, ENTITY, Configuration, Pattern
from src.data.labels.whole_terms import FIRST_PRIVATE, starts_of, without_private

MATCHED = chr(FIRST_PRIVATE)  # stands where a pattern was; no word character, so its neighbours are whole terms
MODES = ("upstream", "attrib", "attrib_absent")


class Found(NamedTuple):
    """An entity that a text names, with the descriptors that it got."""

    name: str
    descriptors: tuple[str, ...]


class Matcher:
    """Longer patterns first within each batch: early descriptors, entities, other descriptors, connectives."""

    def __init__(self, configuration: Configuration):
        self.patterns = sorted(configuration.patterns, key=lambda pattern: (_batch(pattern), -len(pattern.text)))

    def __call__(self, text: str) -> tuple[list[Pattern], str]:
        """The patterns from left to right, and the characters that none of them covers."""
        text, found = without_private(text), []
        for pattern in self.patterns:
            if pattern.text in text:
                places = list(starts_of(pattern.text, text))
                found += [(start, pattern) for start in places]
                width = len(pattern.text)
                for start in places:
                    text = text[:start] + MATCHED * width + text[start + width:]
        return [pattern for _, pattern in sorted(found, key=lambda hit: hit[0])], text.replace(MATCHED, "")


def _batch(pattern: Pattern) -> int:
    return 0 if pattern.first else 1 if pattern.kind == ENTITY else 3 if pattern.kind == CONNECTIVE else 2


def read_entities(patterns: Sequence[Pattern], mode: str) -> list[Found]:
    """The entities of a text in order, with their pattern's descriptors and those attributed to them.

    A descriptor goes to the nearest entity pattern on its side, whatever lies between. In mode `upstream` that happens
    only in texts with a connective, as in the labels that ECG-FM published.
    """
    attributes = mode != "upstream" or any(pattern.kind == CONNECTIVE for pattern in patterns)
    places = [place for place, pattern in enumerate(patterns) if pattern.kind == ENTITY]
    given: dict[int, list[str]] = {place: [] for place in places}
    for place, pattern in enumerate(patterns):
        if pattern.kind == CONNECTIVE:
            _give(given, _left_of(place, places), pattern.left)
            _give(given, _right_of(place, places), pattern.right)
        elif attributes and pattern.kind == BEFORE:
            _give(given, _right_of(place, places), pattern.descriptors)
        elif attributes and pattern.kind == AFTER:
            _give(given, _left_of(place, places), pattern.descriptors)
    return [Found(entity.name, (*entity.descriptors, *given[place]))
            for place in places for entity in patterns[place].entities]


def _give(given: dict[int, list[str]], place: int | None, descriptors: Sequence[str]) -> None:
    if place is not None:
        given[place] += descriptors


def _left_of(place: int, places: Sequence[int]) -> int | None:
    return next((other for other in reversed(places) if other < place), None)


def _right_of(place: int, places: Sequence[int]) -> int | None:
    return next((other for other in places if other > place), None)
