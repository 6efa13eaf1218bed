"""What needs no signal: the scores of the best constant answer, and of a ranking by coin."""

from __future__ import annotations

import numpy as np

from src.data.signal import TargetSpec
from src.evaluation.metrics import names


def chance_level(target: TargetSpec, labels: np.ndarray) -> dict[str, float]:
    """Chance beside each metric, for these labels.

    Accuracy and F1: always answering the most frequent class (labels: the commoner answer for accuracy, the commonest
    set for exact match, "present" for F1, each of what is known; tokens: their frequencies alone). AUROC 0.5; AUPRC the
    prevalence (Saito and Rehmsmeier 2015). Values: the median for MAE, the mean else.
    """
    labels = np.asarray(labels)
    if target.kind == "value":
        return _values(labels.reshape(len(labels), -1).astype(np.float64))
    if target.kind == "multilabel":
        return _labels(labels.astype(np.float64))
    if target.kind in ("classes", "tokens", "samples"):
        counted = labels[labels >= 0]
        chance = _classes(np.bincount(counted, minlength=target.outputs) / max(1, counted.size))
        return {name: chance[name] for name in names(target)}
    if target.kind == "signal":
        return {"mse": float("nan"), "explained_variance": 0.0}  # the mean explains nothing; its error is the variance
    return {}


def _classes(share: np.ndarray) -> dict[str, float]:
    most, present = float(share.max()), int((share > 0).sum())
    f1 = 2 * most / (1 + most)
    entropy = -float((share[share > 0] * np.log(share[share > 0])).sum())
    return {"top5": float(np.sort(share)[-5:].sum()), "cross_entropy": entropy, "perplexity": float(np.exp(entropy)),
            "accuracy": most, "balanced_accuracy": 1 / present, "f1_macro": f1 / present, "f1_micro": most,
            "f1_weighted": most * f1, "auroc": 0.5, "auprc": float(share[share > 0].mean())}


def _labels(labels: np.ndarray) -> dict[str, float]:
    is_known = ~np.isnan(labels)
    there = is_known.any(0)
    if not there.any():
        return {}
    labels, is_known = labels[:, there], is_known[:, there]
    known = is_known.sum(0)
    prevalence, pooled = np.nansum(labels, 0) / known, np.nansum(labels) / known.sum()
    f1, share = 2 * prevalence / (1 + prevalence), known / known.mean()
    sets, repeats = np.unique(np.nan_to_num(labels), axis=0, return_counts=True)
    told = is_known.any(1)
    exact = ((labels == sets[repeats.argmax()]) | ~is_known).all(1) & told
    return {"auroc": 0.5, "auprc": float(prevalence[prevalence > 0].mean()) if pooled else float("nan"),
            "f1_macro": float(f1.mean()), "f1_micro": float(2 * pooled / (1 + pooled)),
            "f1_weighted": float((f1 * prevalence * share).sum() / (prevalence * share).sum()) if pooled else 0.0,
            "accuracy": float((np.maximum(prevalence, 1 - prevalence) * share).mean()),
            "exact_match": float(exact.sum() / told.sum())}


def _values(labels: np.ndarray) -> dict[str, float]:
    return {"mae": float(np.abs(labels - np.median(labels, 0)).mean()), "rmse": float(labels.std(0).mean()),
            "r2": 0.0, "pearson": 0.0}
