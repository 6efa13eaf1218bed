"""What is fitted on the validation part alone and travels in the checkpoint: thresholds by every rule, temperature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from src.data.signal import TargetSpec
from src.errors import UserError
from src.evaluation.predictions import Predictions, probabilities
from src.evaluation.temperature import fit_temperature
from src.evaluation.thresholds import RULES, choose

FITTED = ("thresholds", "temperature", "fitted_records")  # their names in a checkpoint


@dataclass(frozen=True)
class Fitted:
    """`thresholds` (K,) chosen by `rule` (None: 0.5 for every label) and `temperature` (None: none was fitted), both on
    `records` validation records."""

    rule: str = "half"
    thresholds: np.ndarray | None = None
    temperature: float | None = None
    records: int = 0


def fit(target: TargetSpec, found: Predictions) -> dict[str, Any]:
    """Plain values for a checkpoint, from validation predictions; empty where there is nothing to fit."""
    if target.kind not in ("classes", "multilabel") or found.labels is None or not np.isfinite(found.scores).all():
        return {}
    fitted: dict[str, Any] = {"fitted_records": len(found),
                              "temperature": fit_temperature(target.kind, found.labels, found.scores)}
    if target.kind == "multilabel":
        chances = probabilities(target.kind, found.scores)
        fitted["thresholds"] = {rule: choose(rule, found.labels, chances).tolist() for rule in RULES[1:]}
    return fitted


def stored(state: dict[str, Any], rule: str) -> Fitted:
    """What a checkpoint carries, with the thresholds of `rule`; UserError where it has none."""
    records, temperature = state.get("fitted_records") or 0, state.get("temperature")
    if rule == "half":
        return Fitted(rule, None, temperature, records)
    known = state.get("thresholds") or {}
    if rule not in known:
        raise UserError(f"--thresholds {rule}: these weights carry no thresholds",
                        "they are chosen in training, of several labels and with a validation part; "
                        "--thresholds half takes 0.5")
    return Fitted(rule, np.asarray(known[rule], np.float64), temperature, records)
