"""Test trained weights: python test.py --weights checkpoints/RUN (nothing: the newest run)

Rebuilds data and preprocessing from the checkpoint, or takes --data_path / --dataset for new data; recordings without
labels are predicted. Writes metrics.json, predictions.csv, figures/ and report.html.
"""

from __future__ import annotations

import sys
from typing import Any

import arguments
from src import config, door
from src.errors import OK


def main(argv: list[str] | None = None) -> int:
    """One test from a command line; returns the exit code."""
    argv = sys.argv[1:] if argv is None else list(argv)
    return door.run(lambda: _test(argv))


def _test(argv: list[str]) -> int:
    args = config.parse(arguments.TEST, argv)
    from src import restoring
    from src.pipelines import ecgfm_eval

    ecgfm_eval.choose_data(args)
    examine(restoring.restore(args), args, argv)
    return OK


def examine(run: Any, args: Any, argv: list[str]) -> None:
    """Predict, evaluate, write, show: the life of a test. `run` is what `restoring.restore` gives."""
    from src.data.signal import TargetSpec
    from src.evaluation import console, explaining, new_recordings, run_story
    from src.evaluation.evaluate import evaluate
    from src.evaluation.judging import judged
    from src.evaluation.write import write
    from src.pipelines import ecgfm_eval, fairseq_outputs, tensor_pipeline

    explaining.check(run, args)
    fairseq_outputs.check(run, args)
    dataset, loader = run.data.dataset, run.loader(args.subset)
    predictions = run.trainer.predict(loader)
    if not dataset.labelled:
        predictions = predictions.without_labels()
    target = run.trainer.target_of(loader, TargetSpec.from_dict(run.checkpoint["target_spec"]))
    if args.layout in ecgfm_eval.LAYOUTS:
        predictions = ecgfm_eval.per_record(predictions, dataset.records, target.names, args.layout)
    evaluation = evaluate(predictions, target, dataset.records, run.fitted())
    sections = [*judged(evaluation, dataset), *run.trainer.report_sections(loader),
                *explaining.sections(run, args, evaluation)]
    story = run_story.tell(run, args, sections, run_story.typed(argv))
    report = write(evaluation, run_story.output_folder(run, args), story)
    console.show_evaluation(evaluation, story, report)
    if args.layout in ecgfm_eval.LAYOUTS:
        print(*ecgfm_eval.tell_tested(evaluation, args), sep="\n")
    elif args.layout == fairseq_outputs.NAME:
        print(*fairseq_outputs.tell_tested(run, args, loader, evaluation, report.parent), sep="\n")
    elif args.layout:
        print(*tensor_pipeline.tell_tested(evaluation, args.subset, run.args.data_path), sep="\n")
    if not dataset.labelled:
        new_recordings.finish(evaluation, dataset, report.parent)


if __name__ == "__main__":
    sys.exit(main())
