"""`prepare.py ecgfm STAGE`: the ECG-FM lead-I pipeline, from MIMIC-IV-ECG's files to what train.py and test.py take.

`all` splits first, so that positive weights come from the training part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from src.data.labels.reports import BLANK, SEMICOLON
from src.errors import OK, USER, UserError, did_you_mean
from src.interop.layouts.ecgfm import Tree, base_folder
from src.options import build, key_values
from src.pipelines.ecgfm_build import build_stage
from src.pipelines.ecgfm_check import check_stage
from src.pipelines.ecgfm_preprocess import preprocess_stage
from src.pipelines.ecgfm_signals import SignalOptions, lead_numbers
from src.pipelines.ecgfm_tables import labels_stage, split_stage

STAGES = ("split", "labels", "preprocess", "build")  # in the order of `all`
ACTIONS = ("check", *STAGES, "all")
FLAGS = {  # the flags with an effect
    "check": ("base_dir", "raw_root", "leads", "labeler_config"),
    "split": ("base_dir", "raw_root", "split_ratio", "seed", "replica"),
    "labels": ("base_dir", "raw_root", "labeler_config", "labeler_args", "limit", "num_workers", "replica"),
    "preprocess": ("base_dir", "raw_root", "leads", "prepare_args", "limit", "num_workers", "replica"),
    "build": ("base_dir", "raw_root", "leads", "num_workers", "replica"),
}
FLAGS["all"] = tuple(dict.fromkeys(name for stage in STAGES for name in FLAGS[stage]))


@dataclass(frozen=True)
class LabelerOptions:
    """`--labeler_args key=value`."""

    mode: Literal["upstream", "attrib", "attrib_absent"] = "upstream"  # as published; descriptors count; and negations
    join: Literal["blank", "semicolon"] = "blank"  # between the statements of a report
    part: Literal["all", "train", "valid", "test"] = "all"  # label these records alone


def run(args: Any) -> int:
    """One stage, or all; prints what it read and wrote."""
    stage = _stage(args)
    tree = Tree(base_folder(args.base_dir), lead_numbers(args.leads))
    raw_root = Path(args.raw_root) if args.raw_root else None
    config = Path(args.labeler_config) if args.labeler_config else None
    if stage == "check":
        lines, complete = check_stage(tree, raw_root, config)
        print("\n".join(lines))
        return OK if complete else USER
    for name in STAGES if stage == "all" else (stage,):
        print(f"--- {name}")
        print("\n".join(WORK[name](args, tree, raw_root)))
    if stage in ("build", "all"):
        print(f"next: python train.py --model ecg_transformer --dataset manifest --data_path {tree.manifests} "
              f"--pos_weight {tree.manifests / 'pos_weight.txt'} --normalize none (and --init_from WEIGHTS)")
    return OK


def _stage(args: Any) -> str:
    stage = args.file[0] if len(args.file) == 1 else ""
    if stage not in ACTIONS:
        found = " ".join(args.file)
        raise UserError(f"ecgfm {found}: {'unknown stage' if found else 'no stage'}{did_you_mean(found, ACTIONS)}",
                        f"python prepare.py ecgfm {'|'.join(ACTIONS)} --base_dir DIR --raw_root DIR")
    idle = [name for name, source in args.sources.items() if source == "command line" and name not in FLAGS[stage]]
    if idle:
        raise UserError("\n".join(f"--{name}: has no effect on prepare.py ecgfm {stage}" for name in idle),
                        f"it takes {', '.join(f'--{name}' for name in FLAGS[stage])}")
    if stage in ("preprocess", "all") and args.raw_root is None:
        raise UserError("--raw_root is not given", "name the folder of MIMIC-IV-ECG; python prepare.py ecgfm check "
                        "tells where it comes from")
    return stage


def _split(args: Any, tree: Tree, raw_root: Path | None) -> list[str]:
    train, valid, test = args.split_ratio
    if abs(train + valid + test - 1) > 1e-6:
        raise UserError(f"--split_ratio {train:g} {valid:g} {test:g}: expected shares with a sum of 1")
    return split_stage(tree.base, raw_root=raw_root, valid_frac=valid, test_frac=test, seed=args.seed,
                       replica=args.replica)


def _labels(args: Any, tree: Tree, raw_root: Path | None) -> list[str]:
    options = build(LabelerOptions, key_values(args.labeler_args), "labeler option")
    return labels_stage(tree.base, raw_root=raw_root, mode=options.mode, part=options.part, max_rows=args.limit or 0,
                        joint={"blank": BLANK, "semicolon": SEMICOLON}[options.join], replica=args.replica,
                        labeler_config=Path(args.labeler_config) if args.labeler_config else None,
                        workers=args.num_workers)


def _preprocess(args: Any, tree: Tree, raw_root: Path | None) -> list[str]:
    assert raw_root is not None  # `_stage` saw it
    options = build(SignalOptions, key_values(args.prepare_args), "preparation option")
    if args.replica and args.prepare_args:
        raise UserError(f"--prepare_args {' '.join(args.prepare_args)}: has no effect with --replica")
    return preprocess_stage(tree, raw_root, options, replica=args.replica, limit=args.limit, workers=args.num_workers)


def _build(args: Any, tree: Tree, raw_root: Path | None) -> list[str]:
    return build_stage(tree, raw_root=raw_root, replica=args.replica, workers=args.num_workers)


WORK: dict[str, Callable[[Any, Tree, Path | None], list[str]]] = {
    "split": _split, "labels": _labels, "preprocess": _preprocess, "build": _build}
