"""Which records make a batch in fairseq-signals, and in which order its batches come, to compare loss curves with it.

Records are ordered once, the longest first, and cut into batches once; an epoch shuffles the batches as they are. All
draws are those of NumPy's legacy generator, which the original seeds anew for each of them.
Source: the code of fairseq-signals; `tests/golden` holds these functions to its stored numbers.
"""

from __future__ import annotations

import numpy as np

from src.errors import UserError

MULTIPLE = 8  # the original's default of `dataset.required_batch_size_multiple`
SEEDS = 1 << 32  # of the legacy generator


def record_order(lengths: np.ndarray, seed: int) -> np.ndarray:
    """(n,) lengths in samples -> (n,) their places, the longest first; a permutation decides among equals."""
    ties = _generator(seed).permutation(len(lengths))
    return np.lexsort((ties, lengths))[::-1]


def batch_sizes(lengths: np.ndarray, batch_size: int | None = None, max_tokens: int | None = None,
                multiple: int = MULTIPLE) -> np.ndarray:
    """(n,) lengths in samples, in their order -> the numbers of records of consecutive batches.

    A batch takes all that comes while it has at most `batch_size` records and at most `max_tokens` samples, counted as
    records times the longest of them; from `multiple` records on it has a multiple of these. None = no limit. Raises
    UserError where a single record has more than `max_tokens`.
    """
    sizes: list[int] = []
    start = 0
    while start < len(lengths):
        size = _fitting(lengths[start:], batch_size, max_tokens)
        sizes.append(size if size < multiple else size - size % multiple)
        start += sizes[-1]
    return np.array(sizes, np.int64)


def batch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The places of `count` batches in `epoch` (the first is 0 here and 1 in the original)."""
    order = np.arange(count)
    _generator(seed + epoch + 1).shuffle(order)
    return order


def _fitting(lengths: np.ndarray, batch_size: int | None, max_tokens: int | None) -> int:
    """How many of the first lengths keep both limits."""
    if max_tokens is None:
        return min(len(lengths), batch_size or len(lengths))
    first = max(int(lengths[0]), 1)
    if first > max_tokens:
        raise UserError(f"a record of {first} samples, and {max_tokens} at most in a batch", "allow more, or cut it")
    few = lengths[:min(batch_size or len(lengths), max_tokens // first)]
    return int((np.maximum.accumulate(few) * np.arange(1, len(few) + 1) <= max_tokens).sum())


def _generator(seed: int) -> np.random.RandomState:
    return np.random.RandomState(seed % SEEDS)
