"""Turn raw recordings into a data set, write simulated ones, or look at a file. `python prepare.py --help`."""

from __future__ import annotations

import sys
from pathlib import Path

import arguments
from src import config, door, registry
from src.errors import OK, UserError, did_you_mean

ACTIONS = ("simulate", "inspect", "merge", "identify", "ecgfm", *registry.RAW_SETS)
OF_SETS = ("raw_root", "output", "dataset_args", "prepare_args", "store", "limit", "num_workers", "on_bad_record",
           "shard", "engine", "split_ratio", "seed", "layout", "label_mapping")
HOLDS = {"simulate": ("dataset", "dataset_args", "limit", "output", "layout"),
         "inspect": ("output", "seconds", "dataset_args"),
         "merge": (),
         "identify": ("output", "split_ratio", "seed")}  # the flags with an effect; those of a set are OF_SETS


def main(argv: list[str] | None = None) -> int:
    """One action from a command line; returns the exit code."""
    return door.run(lambda: _prepare(sys.argv[1:] if argv is None else list(argv)))


def _prepare(argv: list[str]) -> int:
    args = config.parse(arguments.PREPARE, argv)
    if args.action not in ACTIONS:
        found = f"{args.action!r}: unknown action{did_you_mean(args.action, ACTIONS)}" if args.action else "no action"
        raise UserError(found, "python prepare.py simulate --dataset simulated_ecg --layout wfdb --output DIR, "
                               "python prepare.py inspect FILE, or python prepare.py SET --raw_root DIR --output DIR; "
                               f"sets: {', '.join(registry.RAW_SETS)}; the ECG-FM lead-I pipeline: python prepare.py "
                               "ecgfm check")
    if args.action == "ecgfm":
        from src.pipelines import ecgfm

        return ecgfm.run(args)
    _check_flags(args)
    if args.action == "simulate":
        return simulate(args)
    if args.action in registry.RAW_SETS:
        return prepare_set(args)
    if args.action in ("merge", "identify") and len(args.file) > 1:
        raise UserError(f"{args.action}: {len(args.file)} folders", f"{args.action} one folder at a time")
    if not args.file:
        what = "FILE" if args.action == "inspect" else "DIR"
        raise UserError(f"{args.action}: no {'file' if what == 'FILE' else 'folder'}",
                        f"python prepare.py {args.action} {what}")
    return {"inspect": inspect_files, "merge": merge, "identify": identify}[args.action](args)


def _check_flags(args) -> None:
    """What has no effect on an action is refused."""
    holds = HOLDS.get(args.action, OF_SETS)
    idle = [name for name, source in args.sources.items() if source == "command line" and name not in holds]
    if idle:
        raise UserError("\n".join(f"--{name}: has no effect on prepare.py {args.action}" for name in idle),
                        f"it takes {', '.join(f'--{name}' for name in holds) or 'no flags'}")


def prepare_set(args) -> int:
    """A set of raw recordings -> a data set that train.py takes."""
    from src.data.prepare.engine import Settings, prepare
    from src.data.prepare.options import PrepareConfig
    from src.data.prepare.stores import VECTORS
    from src.options import build, key_values
    from src.pipelines import tensor_pipeline

    row = registry.raw_row(args.action)
    if args.raw_root is None:
        raise UserError("--raw_root is not given", f"name the folder that holds the recordings of {args.action}; where "
                        "it does not hold them, you are told where to get them")
    kind = registry.load(row.options)
    typed = key_values(args.dataset_args) | _mapping(args, kind)
    options = build(kind, typed, "data set option")
    asked = build(PrepareConfig, {**row.prepare, **getattr(options, "prepare", {}), **key_values(args.prepare_args)},
                  "preparation option")
    root, (store, output) = Path(args.raw_root), _place(args)
    settings = Settings(asked, store, args.limit, args.num_workers, args.on_bad_record, _shard(args.shard),
                        args.engine, (*args.split_ratio, args.seed), {key: str(value) for key, value in typed.items()})
    raw = registry.load(row.find)(root, options)
    if store == VECTORS:
        tensor_pipeline.check_preparation(raw, asked)
    summary = prepare(raw, root, output, settings)
    if summary is None:
        print(f"part {args.shard} is finished; the last part to end makes {output} a data set")
    else:
        _show(summary)
    return OK


def _mapping(args, options: type) -> dict[str, str]:
    """--label_mapping as the set's option of that name."""
    if args.label_mapping is None:
        return {}
    if not hasattr(options, "label_mapping"):
        raise UserError(f"--label_mapping: has no effect on prepare.py {args.action}", "its labels are the set's own")
    return {"label_mapping": args.label_mapping}


def _place(args) -> tuple[str, Path]:
    """How signals are stored, and where, as --layout has it."""
    from src.data.prepare.stores import VECTORS
    from src.pipelines.tensor_pipeline import NAME, output_folder

    given = args.sources["layout"] != "default"
    if given and (args.layout != NAME or args.store != "npz"):
        raise UserError(f"--layout {args.layout}: of a set expected {NAME}, with a compressed file per record",
                        "leave --layout or --store out")
    if args.sources["output"] != "default":
        return VECTORS if given else args.store, Path(args.output)
    return (VECTORS, output_folder(args.limit)) if given else (args.store, Path("data", args.action))


def merge(args) -> int:
    from src.data.prepare.engine import merge as finish

    _show(finish(Path(args.file[0])))
    return OK


def identify(args) -> int:
    """Manifests of recordings -> those of people to train on, and a gallery and probes of strangers."""
    from src.data.sets.identify import write_identification

    output = Path(args.output if args.sources["output"] != "default" else "data/identify")
    found = write_identification(Path(args.file[0]), output, args.split_ratio, args.seed)
    print(f"people: {found['train']} to train on, {found['valid']} to validate, {found['test']} to test; "
          f"{found['skipped']} with one recording are left out\n"
          f"next: python train.py --model arcface --data_path {output}")
    return OK


def _show(summary) -> None:
    from src.pipelines import tensor_pipeline

    failed = len(summary.failed)
    print(f"{summary.records} records in {summary.output}"
          + (f"; {failed} could not be used, see {summary.output / 'failures.csv'}" if failed else ""))
    for note in summary.notes:
        print(f"note: {note}")
    lines = tensor_pipeline.tell_prepared(summary)
    print("\n".join([*lines, f"next: python train.py {'--model resnet1d ' if lines else ''}--data_path "
                             f"{summary.output}{' --layout tensor_pipeline' if lines else ''}"]))


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts) <= 100_000):
        raise UserError(f"--shard {text}: expected i/n with i from 1 to n", "for example --shard 1/4")
    return int(part), int(parts)


def inspect_files(args) -> int:
    from src.options import build, key_values
    from src.pipelines.findings import Stated
    from src.pipelines.inspect_file import inspect

    folder = args.output if args.sources["output"] != "default" else None
    inspect(args.file, folder, args.seconds, build(Stated, key_values(args.dataset_args), "option of files"))
    return OK


def simulate(args) -> int:
    from src.data.open import open_dataset
    from src.data.simulated.export import export
    from src.options import key_values

    name = args.dataset or ("simulated_seeg" if args.layout == "duin" else "simulated_ecg")
    dataset = open_dataset(name, None, key_values(args.dataset_args))
    written = export(dataset, args.output, args.layout, args.limit)
    print(f"{written} records in {args.output}: {dataset.source}")
    following = {
        "tensor_pipeline": f"prepare.py unified --raw_root {args.output} --layout tensor_pipeline --label_mapping "
                           f"{args.output}/logs/unified_label_mapping.csv",
        "mimic": f"prepare.py ecgfm all --raw_root {args.output} --base_dir DIR"}
    print(f"next: python {following.get(args.layout, f'train.py --data_path {args.output}')}")
    return OK


if __name__ == "__main__":
    sys.exit(main())
