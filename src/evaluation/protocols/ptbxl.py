"""PTB-XL: unweighted mean of the AUROC of each class on fold 10, with the interval of the benchmark paper.

Strodthoff et al. 2021, "Deep Learning for ECG Analysis: Benchmarks and Insights from PTB-XL": 100 draws of the test set
with replacement, each drawn again until every class has a positive; told are the point, the mean and the 5 % and 95 %
quantiles of the draws, in tables as .925(07): the larger distance of a quantile from the point in thousandths.
"""

from __future__ import annotations

import numpy as np

from src.errors import UserError
from src.evaluation.evaluate import Evaluation
from src.evaluation.metrics import one_against_rest
from src.evaluation.ranking import areas
from src.evaluation.section import Section, Table
from src.evaluation.words import number

DRAWS = 100
TRIES = 1000  # of one draw: a class of one record is in two draws of three


def auroc_of_draws(labels: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUROC and average precision (K, R) under `counts` (n, R), how often each record was drawn."""
    found = [areas(labels[:, k].astype(float), scores[:, k], counts) for k in range(labels.shape[1])]
    auroc, precision = (np.stack(part) for part in zip(*found))
    return auroc, precision


def draw_counts(labels: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray | None:
    """(n, draws) how often each record is in each draw; every draw has a positive of every class. None where classes
    are so rare that such a draw is not found."""
    found: list[np.ndarray] = []
    while len(found) < draws:
        counts = _one_draw(labels, rng)
        if counts is None:
            return None
        found.append(counts)
    return np.stack(found, 1)


def _one_draw(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    for _ in range(TRIES):
        counts = np.bincount(rng.integers(len(labels), size=len(labels)), minlength=len(labels))
        if (counts @ labels > 0).all():
            return counts
    return None


def summary(point: float, draws: np.ndarray) -> tuple[float, float, float, float]:
    """Point, mean, 5 % and 95 % quantile."""
    low, high = np.quantile(draws, (0.05, 0.95))
    return point, float(draws.mean()), float(low), float(high)


def as_in_tables(point: float, low: float, high: float) -> str:
    """.925(07)."""
    return f"{point:.3f}".removeprefix("0") + f"({round(1000 * max(high - point, point - low)):02d})"


def section(evaluation: Evaluation, info: dict[str, np.ndarray]) -> Section:
    """Macro AUROC as the benchmark tells it, and by class."""
    target = evaluation.target
    if target.kind not in ("multilabel", "classes"):
        raise UserError(f"labels are judged here; these are {target.kind}")
    sides = one_against_rest(target, np.asarray(evaluation.predictions.labels), evaluation.predictions.scores)
    truth, scores = (np.stack(part, 1) for part in zip(*sides))
    judged = (truth.sum(0) > 0) & (truth.sum(0) < len(truth))
    if not judged.any():
        raise UserError("no class has positive and negative records in this part")
    truth, scores = truth[:, judged], scores[:, judged]
    names = [name for name, known in zip(target.names, judged) if known]
    left = [name for name, known in zip(target.names, judged) if not known]
    auroc, precision = (part[:, 0] for part in auroc_of_draws(truth, scores, np.ones((len(truth), 1))))
    values, interval = _macro(truth, scores, float(auroc.mean()))
    rows = [[name, str(int(positives)), number(area), number(average)] for name, positives, area, average in
            zip(names, truth.sum(0), auroc.tolist(), precision.tolist())]
    return Section(
        "Protocol PTB-XL", f"macro AUROC {number(values['macro_auroc'])} over {len(names)} classes; {interval}.",
        table=Table(["class", "positives", "AUROC", "average precision"], rows),
        caption="Unweighted mean over classes; records drawn with replacement until every class has a positive."
        + (f" Undefined here and left out: {', '.join(left)}." if left else ""),
        values={**values, "auroc": dict(zip(names, auroc.tolist())),
                "average_precision": dict(zip(names, precision.tolist())), "left_out": left})


def _macro(truth: np.ndarray, scores: np.ndarray, point: float) -> tuple[dict[str, float], str]:
    """The numbers of the benchmark's interval, and the same in words."""
    counts = draw_counts(truth, DRAWS, np.random.default_rng(0))
    if counts is None:
        return {"macro_auroc": point}, "classes are too rare for the protocol's interval"
    drawn = auroc_of_draws(truth, scores, counts)[0].mean(0)
    _, mean, low, high = summary(point, drawn[np.isfinite(drawn)])
    said = (f"{as_in_tables(point, low, high)} in the benchmark's tables: {DRAWS} draws, mean {number(mean)}, 5 % to "
            f"95 % {number(low)}–{number(high)}")
    return {"macro_auroc": point, "mean_of_draws": mean, "quantile_5": low, "quantile_95": high, "draws": DRAWS}, said
