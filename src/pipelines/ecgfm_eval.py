"""What `test.py --layout ecgfm` adds: segments -> records, and the lead-I pipeline's two tables under eval/data/.

The tables of its later revision have a mean over the labels and the scores at 0.5; those of its first README
(`ecgfm_readme`) fewer columns, and no macro row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from src.data.dataset import Records
from src.data.labels.files import write_text
from src.data.labels.tables import csv_line
from src.errors import UserError
from src.evaluation.aggregation import aggregate
from src.evaluation.predictions import Predictions, probabilities
from src.evaluation.ranking import areas
from src.interop.layouts.ecgfm import NAME, README, Tree, base_folder, largest_of, study_of
from src.pipelines.ecgfm_signals import lead_numbers

if TYPE_CHECKING:
    from src.evaluation.evaluate import Evaluation

LAYOUTS = (NAME, README)
COUNTS, RANKS = ("n_pos", "n_neg"), ("auroc", "auprc")
COLUMNS = (*COUNTS, *RANKS, "accuracy", "recall", "precision", "f1", "specificity", "npv")
COLUMNS_README = (*COUNTS, *RANKS, "accuracy_0.5")
MACRO, MICRO = "__macro__", "__micro__"


def choose_data(args: Any) -> None:
    """The manifest of --subset in the pipeline's tree as the data of a test."""
    if args.layout not in LAYOUTS:
        if args.base_dir or args.leads:
            raise UserError(f"--{'base_dir' if args.base_dir else 'leads'}: has no effect without --layout {NAME}")
        return
    if args.data_path or args.dataset:
        raise UserError(f"--{'data_path' if args.data_path else 'dataset'}: --layout {NAME} tests on what lies below "
                        "--base_dir", "leave one of them out")
    path = tree_of(args).manifests / f"{args.subset}.tsv"
    if not path.is_file():
        raise UserError(f"{path} is not there", "python prepare.py ecgfm build makes it; --base_dir names the "
                        "pipeline's folder, --leads its leads")
    args.data_path, args.dataset = str(path), "manifest"


def tree_of(args: Any) -> Tree:
    return Tree(base_folder(args.base_dir), lead_numbers(args.leads))


def per_record(predictions: Predictions, records: Records, names: Sequence[str], layout: str) -> Predictions:
    """One prediction for each study, in the row of its first segment: the largest probability of its segments for some
    labels, the mean for the others."""
    predictions = predictions.sorted()
    study = np.array([study_of(name) for name in records.record[predictions.rows].tolist()])
    order = np.argsort(study, kind="stable")
    scores, study = predictions.scores[order], study[order]
    starts, mean = aggregate("multilabel", scores, study, "mean")
    _, largest = aggregate("multilabel", scores, study, "max")
    found = np.where(np.isin(names, largest_of(layout)), largest, mean)
    labels = None if predictions.labels is None else predictions.labels[order][starts]
    return Predictions(predictions.rows[order][starts], found, labels, predictions.loss).sorted()


def tell_tested(evaluation: Evaluation, args: Any) -> tuple[str, ...]:
    """Both tables; what to tell people."""
    labels, names, tree = evaluation.predictions.labels, evaluation.target.names, tree_of(args)
    if evaluation.target.kind != "multilabel" or labels is None:
        raise UserError(f"--layout {args.layout}: several known labels per record are judged", "leave --layout out")
    found = probabilities("multilabel", evaluation.predictions.scores)
    studies = [study_of(name) for name in evaluation.records.record.tolist()]
    predictions, metrics = tree.evaluation("predictions"), tree.evaluation("eval")
    _write(predictions, [["study_id", *names], *([study, *row] for study, row in zip(studies, found.tolist()))])
    rows = scores_table(names, labels, found, args.layout)
    _write(metrics, [["label", *(COLUMNS if args.layout == NAME else COLUMNS_README)],
                     *([label, *map(_cell, row.values())] for label, row in rows.items())])
    without = [name for name in names if np.isnan(rows[name]["auroc"])]
    return (f"{len(studies)} records of {len(names)} labels, AUROC {rows[MICRO]['auroc']:.4f} over all pairs (micro)"
            + (f", {rows[MACRO]['auroc']:.4f} as the mean of labels (macro)" if MACRO in rows else ""),
            *([f"{len(without)} labels without AUROC are left out of the mean: {', '.join(without)}"] * bool(without)),
            f"  predictions: {predictions}", f"  metrics:     {metrics}")


def scores_table(names: Sequence[str], labels: np.ndarray, found: np.ndarray, layout: str
                 ) -> dict[str, dict[str, float]]:
    """Label -> its scores; the rows __macro__ (mean of what is defined, counts summed) and __micro__ (all pairs) last.

    `labels` (records, K) 0/1 or NaN, `found` (records, K) probabilities. A score that is not defined is NaN.
    """
    rows = {name: scores_of(labels[:, k], found[:, k]) for k, name in enumerate(names)}
    micro = scores_of(labels.ravel(), found.ravel())
    if layout == README:
        table = {name: {column: row[column.removesuffix("_0.5")] for column in COLUMNS_README}
                 for name, row in rows.items()}
        return table | {MICRO: {column: micro[column] if column == "auroc" else np.nan for column in COLUMNS_README}}
    macro = {column: _combine(column, np.array([row[column] for row in rows.values()])) for column in COLUMNS}
    return rows | {MACRO: macro, MICRO: micro}


def scores_of(label: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """(n,) 0/1, NaN where it is not known, and (n,) probabilities -> every score of COLUMNS; decisions at 0.5."""
    there, lacks, said = label > 0, label <= 0, found >= 0.5
    auroc, auprc = areas(np.where(np.isnan(label), np.nan, there), found, np.ones((len(found), 1)))
    right, wrong = int((there & said).sum()), int((lacks & said).sum())
    missed, absent = int((there & ~said).sum()), int((lacks & ~said).sum())
    recall, precision = _ratio(right, right + missed), _ratio(right, right + wrong)
    return {"n_pos": right + missed, "n_neg": wrong + absent, "auroc": float(auroc[0]), "auprc": float(auprc[0]),
            "accuracy": _ratio(right + absent, int((there | lacks).sum())), "recall": recall, "precision": precision,
            "f1": _ratio(2 * recall * precision, recall + precision),
            "specificity": _ratio(absent, absent + wrong), "npv": _ratio(absent, absent + missed)}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _combine(column: str, values: np.ndarray) -> float:
    if column in COUNTS:
        return int(values.sum())
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def _cell(value: float) -> object:
    return "" if np.isnan(value) else value


def _write(path: Path, rows: list[list[object]]) -> None:
    write_text(path, "".join(map(csv_line, rows)))
