"""Test trained weights: python test.py --weights checkpoints/RUN (nothing: the newest run)

Rebuilds data and preprocessing from the checkpoint, or takes --data_path / --dataset for new data. Writes
metrics.json, predictions.csv, figures/ and report.html.
"""

from __future__ import annotations

import sys

import arguments
from src.errors import OK, UserError


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    try:
        args = arguments.parse("test", argv)
        from src import assembly

        test_run(assembly.restore(args), args, argv)
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return OK


def test_run(run, args, argv: list[str]) -> None:
    """Predict, evaluate, write, show: the life of a test. `run` is what `assembly.restore` gives."""
    from src.data.signal import TargetSpec
    from src.evaluation import console, run_story
    from src.evaluation.evaluate import evaluate
    from src.evaluation.write import write

    run_story.part_to_test(run.data.rows, args.subset)
    loader = run.data.loader(args.subset)
    predictions = run.trainer.predict(loader)
    target = TargetSpec.from_dict(run.checkpoint["target_spec"])
    evaluation = evaluate(predictions, target, run.data.dataset.records, run.checkpoint.get("thresholds"))
    story = run_story.tell(run, args, run.trainer.report_sections(loader), run_story.typed(argv))
    report = write(evaluation, run_story.output_folder(run, args), story)
    console.show_evaluation(evaluation, story, report)


if __name__ == "__main__":
    sys.exit(main())
