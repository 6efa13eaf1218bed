"""What is said: nine motifs (syllables) that all words share, and words that are orderings of three of them.

Every triple of motifs gives up to three words with the same motifs in another order, so the power of a whole trial
cannot tell them apart; a model of sequences can. Motifs and words are common to all subjects.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from src.data.simulated.noise import LEXICON, stream

SOURCES, MOTIFS, GROUP = 6, 9, 3
SYLLABLES = ("ba", "di", "gu", "ke", "lo", "mi", "na", "pu", "so")
ORDERINGS = ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (2, 1, 0), (1, 0, 2))
MAX_WORDS = 61


class HighGamma(NamedTuple):
    """A burst of induced power: which source, band 0 (70-105 Hz) or 1 (105-150 Hz), where, how wide, how strong."""

    source: int
    band: int
    centre_s: float
    width_s: float
    gain: float


class Evoked(NamedTuple):
    """A slow wave whose phase is locked to the motif."""

    source: int
    hz: float
    phase: float
    centre_s: float
    width_s: float
    gain: float


@dataclass(frozen=True)
class Motif:
    length_s: float
    high_gamma: tuple[HighGamma, ...]
    evoked: tuple[Evoked, ...]


@dataclass(frozen=True)
class Lexicon:
    motifs: tuple[Motif, ...]
    words: tuple[tuple[int, int, int], ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple("".join(SYLLABLES[motif] for motif in word) for word in self.words)


@lru_cache(maxsize=8)
def draw_lexicon(words: int, seed: int) -> Lexicon:
    """The lexicon of a seed; more words do not change the motifs."""
    rng = stream(seed, LEXICON)
    pairs = rng.permutation(list(combinations(range(SOURCES), 2)))
    triples = rng.permutation(list(combinations(range(SOURCES), 3)))
    motifs = tuple(_draw_motif(rng, pair.tolist(), triple.tolist()) for pair, triple in zip(pairs, triples[:MOTIFS]))
    return Lexicon(motifs[:MOTIFS], _draw_words(rng, words))


def _draw_motif(rng: Generator, pair: list[int], triple: list[int]) -> Motif:
    length = rng.uniform(0.30, 0.40)
    high_gamma = tuple(
        HighGamma(source, int(rng.random() < 0.5), rng.uniform(0.2, 0.8) * length, rng.uniform(0.03, 0.06),
                  rng.uniform(0.7, 1.3))
        for source in pair)
    evoked = tuple(
        Evoked(source, rng.uniform(4, 7), rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.7) * length,
               rng.uniform(0.06, 0.10), rng.uniform(0.7, 1.3))
        for source in triple)
    return Motif(length, high_gamma, evoked)


def _draw_words(rng: Generator, count: int) -> tuple[tuple[int, int, int], ...]:
    words: list[tuple[int, int, int]] = []
    used: set[frozenset[int]] = set()
    while len(words) < count:
        triple = _least_used(rng, words)
        while frozenset(triple) in used:
            triple = rng.choice(MOTIFS, 3, replace=False).tolist()
        used.add(frozenset(triple))
        orders = ORDERINGS[:min(GROUP, count - len(words))]
        words += [(triple[a], triple[b], triple[c]) for a, b, c in orders]
    return tuple(words)


def _least_used(rng: Generator, words: list[tuple[int, int, int]]) -> list[int]:
    """The three motifs that occur least so far, ties broken at random, in random order."""
    counts = np.bincount([motif for word in words for motif in word], minlength=MOTIFS)
    rarest = np.argsort(counts + 0.5 * rng.random(MOTIFS))[:3]
    return rng.permutation(rarest).tolist()
