"""Numbers and findings in words that need no training in statistics."""

from __future__ import annotations

import math

import numpy as np

from src.evaluation.evaluate import Evaluation
from src.evaluation.intervals import Interval
from src.evaluation.metrics import direction, names

TITLES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "f1_macro": "F1 (macro)",
    "f1_micro": "F1 (micro)",
    "f1_weighted": "F1 (weighted)",
    "auroc": "AUROC (macro)",
    "auprc": "AUPRC (macro)",
    "exact_match": "All labels right",
    "top5": "Right among the first five",
    "cross_entropy": "Cross-entropy (nat)",
    "perplexity": "Perplexity of the prediction",
    "mse": "Mean squared error",
    "explained_variance": "Explained variance",
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "r2": "R²",
    "pearson": "Pearson's r",
}
GOOD_RANKING = 0.8  # AUROC that Hosmer and Lemeshow call excellent; used for the verdict on labels only


def number(value: float | None) -> str:
    """Three decimals for what lies around 0..1, four digits else, a dash for what is not defined."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.3f}".replace("-0.000", "0.000") if abs(value) < 10 else f"{value:.4g}"


def percent(share: float, decimals: int = 0) -> str:
    """0.5 -> "50 %"; a dash for what is not defined."""
    if not math.isfinite(share):
        return "–"
    shown = round(100 * share, decimals) + 0.0  # not "-0"
    return f"{shown:.{decimals}f} %"


def interval_words(interval: Interval | None) -> str:
    return f"{number(interval.low)}–{number(interval.high)}" if interval else "–"


def plural(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def named(names: tuple[str, ...], at_most: int = 100) -> str:
    """All names, or how many there are and between which."""
    return ", ".join(names) if len(names) <= at_most else f"{len(names):,}, {names[0]} to {names[-1]}"


def verdict(evaluation: Evaluation) -> str:
    """Does it beat chance, and for how many of the classes does it work? One sentence."""
    name = evaluation.headline
    if name == "explained_variance" and evaluation.scores[name] < 0.005:
        return "As good as a flat line: nothing of the variance is reconstructed."
    if not name and names(evaluation.target):
        return "No labels: these are predictions only."
    if not name:
        loss = evaluation.predictions.loss
        return "" if loss is None else f"Loss {number(loss)}."
    return "; ".join(filter(None, (against_chance(evaluation, name), share_that_works(evaluation)))) + "."


def against_chance(evaluation: Evaluation, metric: str) -> str:
    """Beats chance only if the whole interval lies on the better side of it."""
    interval, chance = evaluation.interval(metric), evaluation.chance.get(metric)
    if interval is None or chance is None:
        return "Too few usable records to say whether this beats chance"
    low, high = (interval.low, interval.high) if direction(metric) == "max" else (-interval.high, -interval.low)
    chance = chance if direction(metric) == "max" else -chance
    if low > chance:
        return "Beats chance"
    return "Worse than chance" if high < chance else "Not distinguishable from chance"


def share_that_works(evaluation: Evaluation) -> str:
    rows, target = evaluation.by_class, evaluation.target
    if target.kind == "value":
        return f"explains {percent(max(0.0, evaluation.scores['r2']))} of the variance"
    if target.kind == "multilabel":
        known = [row for row in rows if math.isfinite(row["auroc"])]
        good = sum(row["auroc"] >= GOOD_RANKING for row in known)
        return f"{good} of {plural(len(known), 'label')} reach an AUROC of {GOOD_RANKING}"
    if target.kind == "signal":
        return f"{percent(max(0.0, evaluation.scores['explained_variance']))} of the variance is reconstructed"
    known = [row for row in rows if row["support"]]
    if not known:
        return ""
    good = sum(row["recall"] > 0.5 for row in known)
    return f"{good} of {len(known)} classes above 50 % (more than half of their {counted(target.kind)} are found)"


def counted(kind: str) -> str:
    """What is right or wrong by itself."""
    return {"tokens": "tokens", "samples": "samples"}.get(kind, "records")


def how_resampled(evaluation: Evaluation) -> str:
    """What the intervals stand on."""
    intervals = evaluation.intervals
    if intervals is None:
        return ""
    text = (f"95 % intervals: percentile bootstrap over {plural(intervals.units, intervals.unit)}, "
            f"{intervals.draws} draws ({intervals.usable} usable), seed {intervals.seed}")
    if intervals.unit == "record" and evaluation.subjects:
        text += (f". Only {plural(evaluation.subjects, 'subject')}: they speak about further recordings of the same, "
                 "not about other people")
    return text + "."


def how_chance(evaluation: Evaluation) -> str:
    if not evaluation.chance:
        return ""
    if evaluation.target.kind == "value":
        return "Chance: always the mean (MAE: the median) of these records."
    if evaluation.target.kind == "signal":
        return "Chance: a flat line."
    if evaluation.target.kind == "tokens":
        return "Chance: always the most frequent; cross-entropy and perplexity of one who knows the frequencies alone."
    if evaluation.target.kind == "multilabel":
        answer = "the best constant answer to every label"
    else:
        answer = "the most frequent class"
    return f"Chance: always {answer}; 0.5 for AUROC, the prevalence for AUPRC."


RULES = {"f1": "its F1", "youden": "Youden's index (sensitivity + specificity - 1)", "gbeta": "its G-beta (beta 2)"}


def how_decided(evaluation: Evaluation, subset: str = "") -> str:
    """From which probability on a label is given, and on whose predictions that was chosen."""
    fitted = evaluation.fitted
    if evaluation.target.kind != "multilabel" or not evaluation.by_class:
        return ""
    if fitted.thresholds is None:
        return "A label is given from a probability of 0.5 on."
    text = (f"A label is given from its own probability on, chosen for {RULES[fitted.rule]} on the predictions for "
            f"{plural(fitted.records, 'validation record')}")
    return text + (": this part, so precision, recall and F1 flatter." if subset == "valid" else ".")


def how_calibrated(evaluation: Evaluation) -> str:
    """Expected calibration error and Brier score, before and after temperature scaling."""
    raw, scaled, fitted = evaluation.calibration, evaluation.scaled, evaluation.fitted
    if raw is None:
        return ""
    text = f"Expected calibration error {number(raw.ece)}, Brier score {number(raw.brier)} (0 is best for both)."
    if scaled is None or fitted.temperature is None:
        return text
    return (f"{text} With the logits divided by the temperature {number(fitted.temperature)}, fitted on "
            f"{plural(fitted.records, 'validation record')}: {number(scaled.ece)} and {number(scaled.brier)}.")


def what_was_left_out(evaluation: Evaluation) -> str:
    """Labels that count nowhere, and those of which the headline says nothing."""
    said, labels = [], evaluation.predictions.labels
    if evaluation.target.kind == "multilabel" and labels is not None and (unknown := int(np.isnan(labels).sum())):
        said.append(f"{unknown:,} of {labels.size:,} labels are not known and count nowhere.")
    if evaluation.left_out:
        said.append(f"Left out of macro AUROC, no positive or no negative example: {', '.join(evaluation.left_out)}.")
    return " ".join(said)
