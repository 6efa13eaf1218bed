"""The scores of a set of predictions: by kind of target, overall and by class, and what chance would reach.

One implementation serves the plain score and its bootstrap: every metric is computed under weights of the records,
and the plain score is the weighting with ones. AUROC and AUPRC are macro, one class against the rest; a class without
positive (or, for AUROC, negative) examples has no value and is left out of the mean, which `left_out` names. A label
that is not known (NaN) counts in no metric: an exact match is a record whose known labels are all right. Tokens and
signals are scored by what `summaries.py` keeps of them.
"""

from __future__ import annotations

import numpy as np

from src.data.signal import TargetSpec
from src.errors import UserError, did_you_mean
from src.evaluation.counting import count, count_scores, mean_of_known
from src.evaluation.predictions import log_softmax
from src.evaluation.ranking import areas
from src.evaluation.summaries import TOP, signal_scores, token_scores

CLASS_METRICS = ("accuracy", "balanced_accuracy", "f1_macro", "f1_micro", "f1_weighted", "auroc", "auprc")
NAMES: dict[str, tuple[str, ...]] = {
    "classes": CLASS_METRICS,
    "multilabel": ("auroc", "auprc", "f1_macro", "f1_micro", "f1_weighted", "accuracy", "exact_match"),
    "value": ("mae", "rmse", "r2", "pearson"),
    "tokens": ("accuracy", "top5", "cross_entropy", "perplexity", "balanced_accuracy", "f1_macro"),
    "samples": CLASS_METRICS[:5],
    "signal": ("mse", "explained_variance"),
}
DIRECTIONS = {name: "max" for names in NAMES.values() for name in names}
DIRECTIONS |= dict.fromkeys(("loss", "mae", "rmse", "mse", "cross_entropy", "perplexity", "brier", "ece"), "min")

# macro mean -> the score by class whose absence from a draw makes the draw unusable
MACRO = {"auroc": "auroc", "auprc": "auprc", "f1_macro": "recall", "balanced_accuracy": "recall"}


def names(target: TargetSpec) -> tuple[str, ...]:
    """The metrics that `compute` gives for this kind of target; none for embeddings."""
    return NAMES.get(target.kind, ())


def is_codebook(target: TargetSpec) -> bool:
    """Whether the tokens are the codes of a quantiser: they have no meaning of their own, and no scores by class."""
    return target.kind == "tokens" and target.names == tuple(f"c{code}" for code in range(target.outputs))


def direction(metric: str) -> str:
    """'max' or 'min': which end of `metric` is good. Raises UserError for a metric that is not known."""
    name = metric.removeprefix("val_").rpartition("/")[2]
    if name.endswith("loss"):
        return "min"
    if name not in DIRECTIONS:
        raise UserError(f"unknown metric {metric!r}{did_you_mean(name, DIRECTIONS)}", f"known: {', '.join(DIRECTIONS)}")
    return DIRECTIONS[name]


def compute(target: TargetSpec, labels: np.ndarray, scores: np.ndarray, thresholds=None) -> dict[str, float]:
    """Every metric of the target's kind, by name.

    `labels` (n,) class numbers, (n, K) 0/1/NaN (not known) or values, (n, N) tokens; `scores` (n, K) raw outputs, of
    tokens and signals their summaries. A metric that these labels do not define (AUROC of one class only) is NaN.
    Raises UserError for outputs that are not finite and for labels outside the classes.
    """
    if not names(target):
        return {}
    overall, _ = weighted(target, labels, scores, np.ones((len(scores), 1)), thresholds)
    return {name: float(value[0]) for name, value in overall.items()}


def weighted(target: TargetSpec, labels, scores, weights, thresholds=None) -> tuple[dict, dict]:
    """Metrics under `weights` (n, R): by name (R,), and by class (K, R)."""
    labels, scores = check(target, labels, scores)
    if target.kind == "value":
        return value_scores(labels, scores, weights)
    if target.kind == "signal":
        return signal_scores(scores, weights)
    counts = count(target.kind, target.outputs, labels, scores, thresholds)
    overall, by_class = count_scores(counts, weights)
    if target.kind in ("classes", "multilabel"):
        ranked = [areas(*part, weights) for part in one_against_rest(target, labels, scores)]
        by_class["auroc"], by_class["auprc"] = (np.stack(part) for part in zip(*ranked))
        overall |= {name: mean_of_known(by_class[name]) for name in ("auroc", "auprc")}
    if target.kind == "tokens":
        overall |= token_scores(labels, scores, weights)
    return {name: overall[name] for name in names(target)}, by_class


def one_against_rest(target: TargetSpec, labels: np.ndarray, scores: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per class: who has it (n,) 0/1 and the score (n,) that ranks the records for it."""
    if target.kind == "multilabel":
        return [(labels[:, k], scores[:, k]) for k in range(target.outputs)]
    ranks = log_softmax(scores)
    return [((labels == k).astype(np.float64), ranks[:, k]) for k in range(target.outputs)]


def value_scores(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> tuple[dict, dict]:
    """Errors and agreement of values (n, K); overall is the mean over the K outputs."""
    share = weights / weights.sum(0)
    error = scores - labels
    middle = labels.mean(0)  # variances are differences of squares: keep them small
    labels, scores = labels - middle, scores - middle
    mean = {name: part.T @ share for name, part in {"label": labels, "score": scores, "square": error**2}.items()}
    spread = (labels**2).T @ share - mean["label"] ** 2
    both = (labels * scores).T @ share - mean["label"] * mean["score"]
    spread_of_scores = (scores**2).T @ share - mean["score"] ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        by_output = {
            "mae": np.abs(error).T @ share,
            "rmse": np.sqrt(mean["square"]),
            "r2": np.where(spread > 0, 1 - mean["square"] / spread, np.nan),
            "pearson": both / np.sqrt(spread * spread_of_scores),
        }
    return {name: mean_of_known(value) for name, value in by_output.items()}, by_output


def check(target: TargetSpec, labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores in the shapes and types that the metrics use; raises UserError where they do not fit."""
    labels, scores = np.asarray(labels), np.asarray(scores)
    if len(labels) != len(scores) or not len(scores):
        raise UserError(f"found {len(labels)} labels for {len(scores)} predictions",
                        "metrics need one label per prediction, and at least one")
    bad = ~np.isfinite(scores).reshape(len(scores), -1).all(1)
    if bad.any():
        raise UserError(f"{bad.sum()} of {len(scores)} predictions are not finite (first: number {bad.argmax()})",
                        "the network diverged or its input holds NaN: lower --lr, or check the recordings")
    axis = 1 if target.kind in ("samples", "signal") else -1
    scores = scores[:, None] if scores.ndim == 1 else scores
    outputs = 1 + TOP if target.kind == "tokens" else target.outputs
    if scores.shape[axis] != outputs:
        raise UserError(f"the network gives {scores.shape[axis]} outputs, the target has {outputs} names",
                        "the weights belong to other classes than the data")
    if target.kind == "signal":
        return labels, scores
    if target.kind in ("value", "multilabel"):
        return _check_table(target, labels, scores)
    inside = (labels >= 0) & (labels < target.outputs) | ((labels == -100) & (target.kind != "classes"))
    if not inside.all():
        raise UserError(f"found label {labels[~inside].flat[0]}, the classes are 0..{target.outputs - 1}",
                        "check the labels of the data")
    return labels.astype(np.int64), scores


def _check_table(target: TargetSpec, labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels = labels.reshape(len(labels), -1).astype(np.float64)
    if labels.shape != scores.shape:
        raise UserError(f"labels have the shape {labels.shape}, predictions {scores.shape}", "they must be equal")
    several = target.kind == "multilabel"
    if not ((np.isin(labels, (0, 1)) | np.isnan(labels)) if several else np.isfinite(labels)).all():
        wanted = "0 or 1" if several else "finite numbers"
        raise UserError(f"some labels are not {wanted}", "check the labels of the data")
    return labels, scores.astype(np.float64)


def per_class(target: TargetSpec, labels: np.ndarray, scores: np.ndarray, thresholds=None) -> list[dict]:
    """One row per class, label or value: `name`, then support, precision, recall, f1, auroc, auprc (values: mae, rmse,
    r2, pearson; channels of a signal: mse, explained_variance); none for a codebook. What is not defined (precision of
    a class that was never predicted) is NaN."""
    if is_codebook(target):
        return []
    _, by_class = weighted(target, labels, scores, np.ones((len(scores), 1)), thresholds)
    return [{"name": name} | {key: float(value[k, 0]) for key, value in by_class.items()}
            for k, name in enumerate(target.names)]


def left_out(target: TargetSpec, labels: np.ndarray) -> list[str]:
    """Names of the classes that macro AUROC leaves out: no positive or no negative example."""
    if target.kind not in ("classes", "multilabel"):
        return []
    labels = np.asarray(labels)
    if target.kind == "classes":
        positives, known = np.bincount(labels, minlength=target.outputs), [len(labels)] * target.outputs
    else:
        positives, known = np.nansum(labels, 0), (~np.isnan(labels)).sum(0)
    return [name for name, some, all_ in zip(target.names, positives, known) if some in (0, all_)]
