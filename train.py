"""Train a model: data, model, trainer, fit. `python train.py --help` lists every flag."""

from __future__ import annotations

import sys
from typing import Any

import arguments
from src import config, door
from src.errors import OK


def main(argv: list[str] | None = None) -> int:
    """One run from a command line; returns the exit code."""
    return door.run(lambda: _train(sys.argv[1:] if argv is None else list(argv)))


def _train(argv: list[str]) -> int:
    args = config.parse(arguments.TRAIN, argv)
    from src.pipelines import dev_run, duin, launch, loso, repeats

    if launch.is_needed(args):
        return launch.on_every_gpu(__file__, argv)
    if args.pipeline or args.protocol:
        return (duin if args.pipeline else loso).run(args, argv, train_one)
    if args.seeds or (args.folds and args.fold is None):
        return repeats.run(args, train_one)
    if args.fast_dev_run:
        return dev_run.run(args, train_one)
    train_one(args)
    return OK


def train_one(args: Any):
    """One run: data, model, trainer, fit. Returns the trainer, or None after a dry run."""
    from src import assembly, plan, resuming
    from src.trainer import distributed

    if distributed.restarted() and args.resume is None:
        args.resume = "auto"  # torchrun started the processes again: go on where the run was
    args, notes = resuming.resumed_args(args) if args.resume else (args, [])
    companions = assembly.companions_of_run(args)
    data = assembly.data_of_run(args, companions)
    model = assembly.build_model(args, data.spec, data.target, assembly.subjects_of_model(args, data),
                                 companions=companions)
    notes += resuming.init_from(model, args.init_from) if args.init_from else []
    notes += [note for part in companions.values() for note in getattr(part, "notes", ())]
    trainer = assembly.build_trainer(args, model, data, companions)
    plan.show(trainer, notes)
    if args.dry_run:
        return None
    trainer.train()
    return trainer


if __name__ == "__main__":
    sys.exit(main())
