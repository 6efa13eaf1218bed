"""One prediction per record from those of its windows.

Probabilities are averaged, or their maximum over the windows is taken (Strodthoff et al. 2021), and come back as raw
outputs, so that everything behind works as with one window: the sigmoid or softmax of what is given here is the
aggregated probability (of classes and `max`: in proportion to it). Values and embeddings are aggregated as
they are.
"""

from __future__ import annotations

import numpy as np

from src.errors import UserError
from src.evaluation.predictions import log_softmax

KINDS = ("classes", "multilabel", "value", "embedding")


def aggregate(kind: str, scores: np.ndarray, rows: np.ndarray, how: str) -> tuple[np.ndarray, np.ndarray]:
    """Raw outputs `scores` (windows, K) of the records `rows` (windows,), those of a record behind each other, -> where
    each record begins (n,) and its outputs (n, K) float32. `how` is mean or max.

    Raises UserError for targets whose outputs are not one per record.
    """
    starts = np.flatnonzero(np.diff(rows, prepend=-1) != 0)
    if len(starts) == len(rows):
        return starts, scores
    if kind not in KINDS:
        raise UserError(f"stride_s: several windows per record are aggregated for {', '.join(KINDS)}; this target is "
                        f"{kind}", "leave stride_s out, or set it to 0")
    together = _maximum if how == "max" else _mean
    return starts, together(kind, scores.astype(np.float64), starts).astype(np.float32)


def _maximum(kind: str, scores: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return np.maximum.reduceat(log_softmax(scores) if kind == "classes" else scores, starts)


def _mean(kind: str, scores: np.ndarray, starts: np.ndarray) -> np.ndarray:
    windows = np.diff(starts, append=len(scores))[:, None]
    if kind in ("value", "embedding"):
        return np.add.reduceat(scores, starts) / windows
    if kind == "classes":
        return np.logaddexp.reduceat(log_softmax(scores), starts) - np.log(windows)
    present, absent = -np.logaddexp(0, -scores), -np.logaddexp(0, scores)  # log p, log (1 - p)
    return np.logaddexp.reduceat(present, starts) - np.logaddexp.reduceat(absent, starts)
