"""Write simulated recordings as files, or look at one file. `python prepare.py --help` lists every flag."""

from __future__ import annotations

import sys

import arguments
from src import config, door
from src.errors import OK, UserError, did_you_mean

ACTIONS = ("simulate", "inspect")


def main(argv: list[str] | None = None) -> int:
    """One action from a command line; returns the exit code."""
    return door.run(lambda: _prepare(sys.argv[1:] if argv is None else list(argv)))


def _prepare(argv: list[str]) -> int:
    args = config.parse(arguments.PREPARE, argv)
    if args.action not in ACTIONS:
        found = f"{args.action!r}: unknown action{did_you_mean(args.action, ACTIONS)}" if args.action else "no action"
        raise UserError(found, "python prepare.py simulate --dataset simulated_ecg --layout wfdb --output DIR, or "
                               "python prepare.py inspect FILE")
    if args.action == "simulate":
        return simulate(args)
    if args.file is None:
        raise UserError("inspect: no file", "python prepare.py inspect FILE")
    from src.pipelines.inspect_file import inspect_file

    folder = args.output if args.sources["output"] != "default" else None
    print("\n".join(inspect_file(args.file, folder, args.seconds)))
    return OK


def simulate(args) -> int:
    from src.assembly import key_values
    from src.data.open import open_dataset
    from src.data.simulated.export import export

    dataset = open_dataset(args.dataset or "simulated_ecg", None, key_values(args.dataset_args))
    written = export(dataset, args.output, args.layout, args.limit)
    print(f"{written} records in {args.output}: {dataset.source}")
    print(f"next: python train.py --data_path {args.output}")
    return OK


if __name__ == "__main__":
    sys.exit(main())
