"""What `test.py` adds on request: robustness, attribution, the failures; and new recordings without labels.

`run` is what `restoring.restore` gives.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch

from src.data.dataset import BaseDataset
from src.data.loaders import DatasetView
from src.data.signal import Batch, TargetSpec
from src.errors import UserError
from src.evaluation import robustness
from src.evaluation.attribution import Attribution, Outputs, integrated_gradients
from src.evaluation.attribution_page import attribution_figure, attribution_section
from src.evaluation.evaluate import Evaluation
from src.evaluation.failures import Case, cases, examples, worst
from src.evaluation.new_recordings import as_recorded, plain, recordings_section
from src.evaluation.predictions import Predictions, probabilities
from src.evaluation.recordings import recording_figure
from src.evaluation.report import say
from src.evaluation.robustness_page import robustness_section
from src.evaluation.section import Section

AVERAGED = 8  # right answers of each class whose lead shares are averaged, at least
MOST_PICTURES = 48
FAILURES = 6


def check(run: Any, args: Any) -> None:
    """UserError where something is asked for that these data or this model do not have; before anything is computed."""
    dataset, target = run.data.dataset, TargetSpec.from_dict(run.checkpoint["target_spec"])
    if args.robustness:
        if not dataset.labelled:
            raise UserError("--robustness: needs labels to score the predictions", "leave it out")
        robustness.check(dataset.spec)
    if args.explain and target.kind not in ("classes", "multilabel"):
        raise UserError(f"--explain {args.explain}: is for classes and labels; these weights tell {target.kind}",
                        "leave it out")


def sections(run: Any, args: Any, evaluation: Evaluation) -> list[Section]:
    """In the order of the report."""
    dataset, found = run.data.dataset, []
    if not dataset.labelled:
        found.append(recordings_section(evaluation, dataset, dataset.spec))
    if args.robustness:
        found.append(robustness_section(robustness.measure(_predictor(run, args), dataset, evaluation)))
    if args.explain:
        found.append(attributions(run, evaluation, args.explain))
        found += failures(dataset, evaluation)
    return found


def _predictor(run: Any, args: Any):
    def predict(dataset: BaseDataset) -> Predictions:
        changed = replace(run, data=replace(run.data, dataset=dataset))
        return run.trainer.predict(changed.loader(args.subset))
    return predict


def attributions(run: Any, evaluation: Evaluation, each: int) -> Section:
    """Pictures of `each` right and wrong answer of every class, and the leads that right answers rest on."""
    dataset, names = run.data.dataset, evaluation.target.names
    chosen = examples(evaluation, each) if dataset.labelled else _answers(evaluation, each)
    drawn, pictures, errors = chosen[:MOST_PICTURES], [], []
    explain = cache(lambda case: _explained(run, evaluation, case))  # the drawn ones are among the averaged ones
    for case in drawn:
        found, view = explain(case)
        signal = as_recorded(dataset, int(evaluation.predictions.rows[case.place]), view)
        title = _title(evaluation, case)
        pictures.append(Section(title, figure=attribution_figure(signal, found, dataset.spec, title), is_dense=True))
        errors.append(found.error)
    right = examples(evaluation, max(each, AVERAGED)) if dataset.labelled else []
    shares: dict[str, list[np.ndarray]] = {}
    for case in right:
        if case.is_right:
            shares.setdefault(names[case.about], []).append(explain(case)[0].by_lead)
    means = {name: np.mean(rows, axis=0) for name, rows in shares.items()}
    section = attribution_section(pictures, means, {name: len(rows) for name, rows in shares.items()}, errors,
                                  dataset.spec.channels)
    if len(chosen) > len(drawn):
        section.caption = f"The first {len(drawn)} of {len(chosen)} pictures. {section.caption}"
    return section


def _answers(evaluation: Evaluation, each: int) -> list[Case]:
    """The likeliest class of the first `each` recordings, where no label tells right from wrong."""
    chances = probabilities(evaluation.target.kind, evaluation.predictions.scores)
    return [Case(place, int(row.argmax()), float(row.max()), "predicted") for place, row in enumerate(chances[:each])]


def _explained(run: Any, evaluation: Evaluation, case: Case) -> tuple[Attribution, int]:
    """The attribution of the window that speaks most for the answer, and which window it is."""
    data, model, device = run.data, run.trainer.model.eval(), run.trainer.device
    view = DatasetView(data.dataset, train=False, normalizer=data.normalizer)
    batch = view.__getitems__([(0, int(evaluation.predictions.rows[case.place]), 0)]).to(device)
    with torch.no_grad():
        window = int(model(*_inputs(model, batch))[:, case.about].argmax())
    outputs = _outputs(model, batch, window)
    return integrated_gradients(outputs, batch.signal[window], case.about), window


def _inputs(model: Any, batch: Batch) -> list[torch.Tensor]:
    return [batch.field(name) for name in getattr(model, "inputs", ("signal",))]


def _outputs(model: Any, batch: Batch, window: int) -> Outputs:
    """The model as a function of the signal alone; its other inputs stay as they are."""
    others = [part[window:window + 1] for part in _inputs(model, batch)[1:]]
    return lambda signal: model(signal, *(part.expand(len(signal), *part.shape[1:]) for part in others))


def failures(dataset: BaseDataset, evaluation: Evaluation) -> list[Section]:
    """The most confident errors, each with its signal, the truth and the prediction."""
    if not dataset.labelled:
        return []
    chosen, wrong = worst(evaluation, FAILURES), sum(not case.is_right for case in cases(evaluation))
    if not chosen:
        return [Section("Most confident errors", "There is none: every answer is right.")]
    pictures = []
    for case in chosen:
        signal = as_recorded(dataset, int(evaluation.predictions.rows[case.place]))
        title = _title(evaluation, case)
        pictures.append(Section(title, figure=recording_figure(signal, dataset.spec, title), is_dense=True,
                                text=f"True: {_truth(evaluation, case)}. Predicted: "
                                     f"{say(evaluation, evaluation.decisions[case.place])}."))
    text = f"{wrong:,} wrong answers; the {len(chosen)} below were given with the most confidence."
    return [Section("Most confident errors", text, parts=pictures)]


def _truth(evaluation: Evaluation, case: Case) -> str:
    return say(evaluation, np.asarray(evaluation.predictions.labels)[case.place])


def _title(evaluation: Evaluation, case: Case) -> str:
    """Record, what it is about, and how it went."""
    record, name = plain(str(evaluation.records.record[case.place])), evaluation.target.names[case.about]
    told = "" if case.kind in ("right", "missed", "predicted") else f", true: {_truth(evaluation, case)}"
    return f"{record}: {name} {case.chance:.2f}, {case.kind}{told}"
