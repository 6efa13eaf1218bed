"""`--pipeline duin`: VQ-VAE, masked code prediction, and word classification from scratch and from either; per subject.

Pretraining is done once per model with the first seed, classification with every seed, as in the original's sweep. All
stages share one split, drawn with the first seed. Each stage is an ordinary run below
<save_dir>/<experiment_name>/<subject>/, whose command line `--dry_run` shows.
Source: Zheng et al., Du-IN, NeurIPS 2024, section 4 (its table: scratch, vqvae, mae).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import arguments
from src import assembly, config, options, registry
from src.data.run_data import SPLITS
from src.errors import OK, UserError
from src.evaluation.console import line, results_console
from src.pipelines import stages
from src.pipelines.stage_table import Score, StageTable
from src.pipelines.stages import Stage
from src.trainer import distributed, run_folder
from src.trainer.display import say

SCRATCH, VQVAE, MAE, CLS = "scratch", "vqvae", "mae", "cls"
WEIGHTS = (SCRATCH, VQVAE, MAE)  # what the classifier starts from
JOINT = "joint"  # the folder of one model for several subjects


@dataclass(frozen=True)
class Group:
    """Pretrained on `subjects`; a model for several is classified for those at `places`, which keep their numbers."""

    name: str
    subjects: tuple[str, ...]
    places: tuple[int, ...] | None = None


@dataclass
class Plan:
    """What the command line asks for. `given`: the flags that a person set."""

    args: argparse.Namespace
    given: dict[str, Any]
    root: Path
    models: dict[str, str]  # vqvae, mae, cls -> registered model
    groups: list[Group] = field(default_factory=list)
    overrides: dict[str, dict[str, Any]] = field(default_factory=dict)
    model_args: dict[str, list[str]] = field(default_factory=dict)

    @property
    def seeds(self) -> list[int]:
        return self.args.seeds or [self.args.seed]


def run(args: argparse.Namespace, argv: list[str], train_one: Callable[[Any], Any]) -> int:
    """Train what is not trained yet, test, and print the table on standard output; returns the exit code."""
    given = config.given(arguments.TRAIN, argv)
    if args.fast_dev_run:
        with tempfile.TemporaryDirectory() as folder:
            return _run(_plan(args, {**given, **stages.short(args)}, Path(folder)), train_one)
    plan = _plan(args, given, Path(args.save_dir) / (args.experiment_name or args.model.removesuffix("_cls")))
    if args.dry_run:
        return _show(plan)
    return _run(plan, train_one)


def _plan(args: argparse.Namespace, given: dict[str, Any], root: Path) -> Plan:
    """Checked as far as possible before anything is trained."""
    family = args.model.removesuffix("_cls")
    models = {stage: f"{family}_{stage}" for stage in (VQVAE, MAE, CLS)}
    if args.model != models[CLS] or not models.keys() <= {name.rpartition("_")[2] for name in registry.MODELS
                                                          if name.startswith(f"{family}_")}:
        raise UserError(f"--model {args.model}: no classifier of three stages", "--model duin_cls, or poms_cls")
    plan = Plan(args, given, root, models)
    plan.overrides = stages.stage_flags(args.stage_args, tuple(models))
    fitting = stages.fitting_model_args(list(models.values()), given.get("model_args", []))
    plan.model_args = {stage: fitting[model] for stage, model in models.items()}
    plan.groups = _groups(plan)
    return plan


def _groups(plan: Plan) -> list[Group]:
    args = plan.args
    _, subjects, picked = stages.subjects_of(args)
    if is_joint(args):
        return [Group(JOINT if len(subjects) > 1 else subjects[0], tuple(subjects), tuple(picked))]
    return [Group(subjects[place] or "data", tuple(filter(None, [subjects[place]]))) for place in picked]


def is_joint(args: argparse.Namespace) -> bool:
    """One model for all subjects: the multi-subject models, and those that are told n_subjects."""
    told = assembly.key_values(args.model_args).get("n_subjects", "1")
    return args.model.startswith("poms") or told != "1"


# ------------------------------------------------------------------------------------------------ stages
def stages_of(plan: Plan, group: Group) -> Iterator[tuple[Stage, str, int]]:
    """The stages in order, with the condition and the seed of what is tested ("" for pretraining). A stage takes the
    folders of those before it, so each is to be run before the next is asked for."""
    place, first = plan.root / group.name, plan.seeds[0]
    unlabelled = {"seed": first, **_chosen(group, range(len(group.subjects))), "layout": plan.args.layout,
                  "pretrain_on_all": plan.args.pretrain_on_all or None}
    vqvae = _stage(plan, VQVAE, VQVAE, place, unlabelled)
    yield vqvae, "", first
    mae = _stage(plan, MAE, MAE, place, {**unlabelled, "vqkd_ckpt": str(vqvae.folder)})
    yield mae, "", first
    starts = {SCRATCH: None, VQVAE: str(vqvae.folder), MAE: str(mae.folder)}
    for seed in plan.seeds:
        for weights in WEIGHTS:
            flags = {"seed": seed, **_chosen(group, group.places or ()), "init_from": starts[weights]}
            yield _stage(plan, CLS, f"{CLS}-{weights}-seed{seed}", place, flags), weights, seed


def _stage(plan: Plan, stage: str, name: str, place: Path, flags: dict[str, Any]) -> Stage:
    common = stages.hand_on(plan.given, plan.models[stage])
    common |= {"model": plan.models[stage], "model_args": plan.model_args[stage]}
    splits = place / (f"pretraining-{SPLITS}" if stage != CLS and "task" in _data_options(plan) else SPLITS)
    both = stages.merged({"dataset_args": _data_args(plan, stage)}, stages.merged(common, flags))
    both = stages.merged({**both, "splits": str(splits)}, plan.overrides[stage])
    return Stage(name, place, {key: value for key, value in both.items() if value not in (None, [], ())})


def _data_options(plan: Plan) -> dict[str, Any]:
    return options.leaves(registry.load(registry.dataset_row(plan.args.dataset).dataset).Config)


def _data_args(plan: Plan, stage: str) -> list[str]:
    """Unlabelled recordings for pretraining, where the data set has a task of that name; parts by the first seed."""
    known, found = _data_options(plan), []
    found += ["task=pretrain"] if stage != CLS and "task" in known else []
    return found + ([f"split_seed={plan.seeds[0]}"] if "split_seed" in known else [])


def _chosen(group: Group, places: Sequence[int]) -> dict[str, Any]:
    """The subjects of a stage; of a model for several those at `places`, with their numbers."""
    if group.places is None:
        return {"subjs": group.subjects}
    return {"subjs": [group.subjects[place] for place in places], "subj_idxs": list(places)}


# --------------------------------------------------------------------------------------------- running
def _run(plan: Plan, train_one: Callable[[Any], Any]) -> int:
    every = [stage for group in plan.groups for stage, *_ in stages_of(plan, group)]
    for stage in every:
        stage.settings()  # a wrong flag of the last stage shows before the first is trained
    world = distributed.join(plan.args.device)
    if world.is_main:
        run_folder.make_base(plan.root)
    say(f"pipeline  {len(every)} stages for {len(plan.groups)} model(s) in {plan.root}")
    scores: list[Score] = []
    for group in plan.groups:
        if world.is_main:
            _draw_splits(plan, group)
        world.barrier()
        for stage, weights, seed in stages_of(plan, group):
            trainer = stages.bring_to_end(stage, train_one)
            if weights:
                scores += _scores(stages.tested(stage, trainer), weights, seed)
                if world.is_main:
                    _table(scores).write(plan.root)
    if world.is_main:
        _present(_table(scores), plan)
    return OK


def _draw_splits(plan: Plan, group: Group) -> None:
    """Of the words and, where pretraining has records of its own, of those; once for all stages."""
    everybody = None if group.places is None else tuple(range(len(group.subjects)))
    all_words = replace(group, places=everybody)  # those too that are not classified: pretraining may see their words
    words = stages.draw_split(next(stage for stage, weights, _ in stages_of(plan, all_words) if weights))
    stages.draw_split(next(stages_of(plan, group))[0], words)


def _scores(found: dict[str, dict[str, float]], weights: str, seed: int) -> list[Score]:
    return [Score(subject or "data", weights, seed, each["accuracy"], int(each["records"]), each["chance"])
            for subject, each in found.items()]


def _table(scores: list[Score]) -> StageTable:
    return StageTable(scores, WEIGHTS, "Words by what the classifier started from")


def _present(table: StageTable, plan: Plan) -> None:
    console = results_console()
    table.show(console)
    if not plan.args.fast_dev_run:
        if plan.args.pretrain_on_all:
            line(console, "--pretrain_on_all: pretraining saw the test trials, without their words")
        line(console, f"table, single scores, picture: {', '.join(map(str, table.write(plan.root, draw=True)))}")


def _show(plan: Plan) -> int:
    """--dry_run: the command line of every stage."""
    for group in plan.groups:
        for stage, *_ in stages_of(plan, group):
            stage.settings()
            say(f"{stages.state(stage):<10} {stage.command}")
    say("dry run   nothing is trained or written")
    return OK
