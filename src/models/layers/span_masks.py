"""Spans of hidden frames, as many in every record of a batch (wav2vec 2.0, 3.1 and appendix A).

The draws are NumPy's and in the order of fairseq-signals, so that a seeded generator gives its masks. Masks are made
beside the model, on the CPU: how many frames are hidden is known without asking a device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.random import RandomState

Kind = Literal["static", "uniform", "normal", "poisson"]


def span_masks(shape: tuple[int, int], ratio: float, length: int, rng: RandomState, *,
               lengths: Sequence[int] | None = None, kind: Kind = "static", other: float = 0.0, min_masks: int = 0,
               no_overlap: bool = False, min_space: int = 1) -> np.ndarray:
    """(records, frames) -> bool of that shape, True = hidden; every record has the same number of them.

    About ratio * frames / length spans are drawn, at least `min_masks`; `lengths` says how many frames of each record
    are no padding. All records are thinned to the smallest number of hidden frames.
    """
    records, frames = shape
    common = max(min_masks, int(ratio * frames / length + rng.random_sample()))
    places = []
    for record in range(records):
        size, count = frames, common
        if lengths is not None:
            size = int(lengths[record])
            count = max(min_masks, int(ratio * size / length + rng.random_sample()))
        spans = _span_lengths(rng, kind, count, length, other)
        if spans.sum() == 0:
            spans[:1] = min(length, size - 1)
        place = _apart(rng, spans, size, min_space) if no_overlap else _anywhere(rng, spans, size)
        places.append(np.unique(place[place < size]))
    return _thinned(rng, places, shape)


def _span_lengths(rng: RandomState, kind: Kind, count: int, length: int, other: float) -> np.ndarray:
    if kind == "uniform":
        return rng.randint(int(other), 2 * length + 1, size=count)
    if kind == "normal":
        return np.maximum(1, np.rint(rng.normal(length, other, size=count))).astype(np.int64)
    if kind == "poisson":
        return rng.poisson(length, size=count)
    return np.full(count, length)


def _frames_of(starts: np.ndarray, spans: np.ndarray) -> np.ndarray:
    """Every frame of the spans, with repeats."""
    before = np.repeat(np.cumsum(spans) - spans, spans)
    return np.repeat(starts, spans) + np.arange(spans.sum()) - before


def _anywhere(rng: RandomState, spans: np.ndarray, size: int) -> np.ndarray:
    """Different starts; spans may overlap and reach beyond the end."""
    shortest = int(spans.min(initial=size))
    if size - shortest <= len(spans):
        shortest = size - len(spans) - 1
    return _frames_of(rng.choice(size - shortest, len(spans), replace=False), spans)


def _apart(rng: RandomState, spans: np.ndarray, size: int, min_space: int) -> np.ndarray:
    """Longest first, each into a free stretch drawn by its length; those that find no place are left out."""
    free, starts, placed = [(0, size)], [], []
    for span in np.sort(spans)[::-1].tolist():
        room = np.array([max(0, end - start - span + 1) for start, end in free])
        if span == 0 or not room.any():
            continue
        width = np.where(room > 0, [end - start for start, end in free], 0)
        start, end = free.pop(int(rng.choice(len(free), p=width / width.sum())))
        at = int(rng.randint(start, end - span + 1))
        free += [(start, at - min_space), (at + span + min_space, end)]
        starts.append(at)
        placed.append(span)
    return _frames_of(np.array(starts, np.int64), np.array(placed, np.int64))


def _thinned(rng: RandomState, places: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    fewest = min(len(place) for place in places)
    mask = np.zeros(shape, bool)
    for row, place in zip(mask, places, strict=True):
        row[place if len(place) == fewest else rng.choice(place, fewest, replace=False)] = True
    return mask
