"""The report of the ECG tensor pipeline: confusion, precision, recall and F1 of each class, and F1 in three means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from src.errors import UserError
from src.evaluation.evaluate import Evaluation
from src.evaluation.section import Section, Table
from src.evaluation.words import number


def compute_metrics(y_true: np.ndarray, y_pred: np.ndarray, label_names: Sequence[str]) -> dict[str, Any]:
    """`y_true`, `y_pred` (n,) class numbers -> plain values; a class that does not occur keeps its row, with zeros."""
    from sklearn import metrics

    classes = list(range(len(label_names)))
    shared: dict[str, Any] = {"labels": classes, "zero_division": 0}
    columns = np.array(metrics.precision_recall_fscore_support(y_true, y_pred, **shared)).T.tolist()
    keys = ("precision", "recall", "f1", "support")
    rows = [dict(zip(keys, (p, r, f, int(s)))) for p, r, f, s in columns]
    return {
        "confusion_matrix": metrics.confusion_matrix(y_true, y_pred, labels=classes).tolist(),
        "per_class": [{"label": name} | row for name, row in zip(label_names, rows)],
        **{f"f1_{mean}": float(metrics.f1_score(y_true, y_pred, average=mean, **shared))
           for mean in ("macro", "micro", "weighted")},
        "accuracy": float(metrics.accuracy_score(y_true, y_pred)),
        "classification_report": metrics.classification_report(y_true, y_pred, target_names=list(label_names),
                                                               output_dict=True, **shared),
    }


def section(evaluation: Evaluation, info: dict[str, np.ndarray]) -> Section:
    """The pipeline's metrics, computed as it computes them."""
    if evaluation.target.kind != "classes":
        raise UserError(f"one class per record is judged here; these labels are {evaluation.target.kind}")
    found = compute_metrics(np.asarray(evaluation.predictions.labels), evaluation.decisions, evaluation.target.names)
    rows = [[row["label"], str(row["support"]), *(number(row[key]) for key in ("precision", "recall", "f1"))]
            for row in found["per_class"]]
    return Section("Protocol tensor pipeline", f"F1 macro {number(found['f1_macro'])}, micro "
                   f"{number(found['f1_micro'])}, weighted {number(found['f1_weighted'])}; accuracy "
                   f"{number(found['accuracy'])}.",
                   table=Table(["class", "records", "precision", "recall", "F1"], rows), values=found,
                   caption="What is not defined counts as 0, as in that pipeline.")
