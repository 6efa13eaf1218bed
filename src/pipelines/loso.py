"""`--protocol loso`: each subject in turn is new to a network that was trained on the others.

Of the new subject only its own input layer is fitted, on k trials of each word and with few updates; everything else,
batch-norm statistics included, stays as the others left it. Beside it the same network is trained from scratch on the
same k trials. Shots are nested (those of k = 1 are among those of k = 5), drawn by the seed; all k are tested on the
same trials, the subject's rest. Without a shot the layer is the mean of the others', where channels have equal names.
The protocol is ours; Du-IN's code has none.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import arguments
from src import assembly, config, registry, resuming
from src.data.dataset import Records
from src.data.run_data import SPLITS, limited, prepare
from src.data.splits import save_splits
from src.errors import OK, UserError
from src.evaluation.console import line, results_console
from src.evaluation.style import BLUE, INK, ORANGE, house_style, new_figure, save_png
from src.files import whole
from src.interop.weights import read_state_dict
from src.models.duin.new_subject import for_new_subject
from src.pipelines import stages
from src.pipelines.stage_table import MEAN, Score, StageTable
from src.pipelines.stages import Stage
from src.trainer import checkpoint, distributed, run_folder
from src.trainer.display import say

OTHERS, FIT, SCRATCH = "others", "fit", "scratch"
# What works where there are few trials; without validation, so the last weights count.
DEFAULTS: dict[str, dict[str, Any]] = {
    OTHERS: {},
    FIT: {"max_steps": 60, "lr": 5e-3, "min_lr": 0.0, "warmup_epochs": 0, "weight_decay": 0.0},
    SCRATCH: {"max_steps": 200},
}


@dataclass
class Plan:
    """`subjects` are all that there are; each of `held_out` is the new one once."""

    args: argparse.Namespace
    given: dict[str, Any]
    root: Path
    subjects: list[str]
    held_out: list[str]
    overrides: dict[str, dict[str, Any]]

    @property
    def seeds(self) -> list[int]:
        return self.args.seeds or [self.args.seed]

    @property
    def shots(self) -> list[int]:
        return sorted(set(self.args.shots))


def run(args: argparse.Namespace, argv: list[str], train_one: Callable[[Any], Any]) -> int:
    """Train what is not trained yet, test, and print the tables on standard output; returns the exit code."""
    given = config.given(arguments.TRAIN, argv)
    if args.fast_dev_run:
        with tempfile.TemporaryDirectory() as folder:
            return _run(_plan(args, {**given, **stages.short(args)}, Path(folder)), train_one)
    plan = _plan(args, given, Path(args.save_dir) / (args.experiment_name or f"loso-{args.model}"))
    return _show(plan) if args.dry_run else _run(plan, train_one)


def _plan(args: argparse.Namespace, given: dict[str, Any], root: Path) -> Plan:
    dataset, subjects, picked = stages.subjects_of(args)
    if len(subjects) < 2:
        raise UserError(f"--protocol {args.protocol}: needs two subjects and more, found {len(subjects)}",
                        "name them with --subjs 001 002 003")
    if dataset.target.kind != "classes":
        raise UserError(f"--protocol {args.protocol}: trials of a word are expected, the labels of these data are "
                        f"{dataset.target.kind}", "a data set with one class per record")
    if not hasattr(registry.load(registry.model_row(args.model).model), "encode"):
        raise UserError(f"--model {args.model}: has no layer of its own for each subject", "duin_cls, or poms_cls")
    overrides = stages.stage_flags(args.stage_args, (OTHERS, FIT, SCRATCH))
    plan = Plan(args, given, root, subjects, [subjects[place] for place in picked], overrides)
    for subject in plan.held_out:
        draw_shots(dataset.records.take(np.flatnonzero(dataset.records.subject == subject)), plan.shots, plan.seeds[0])
    return plan


# ------------------------------------------------------------------------------------------------ stages
def stages_of(plan: Plan, subject: str, seed: int) -> Iterator[tuple[Stage, str, int]]:
    """The network of the others, then for each number of shots the fitted layer and the reference."""
    place = plan.root / subject
    others = [name for name in plan.subjects if name != subject]
    yield _stage(plan, OTHERS, f"{OTHERS}-seed{seed}", place, seed,
                 {"subjs": others, "subj_idxs": list(range(len(others))),  # a layer for each
                  "splits": str(place / f"{OTHERS}-{SPLITS}")}), OTHERS, 0
    for shots in plan.shots:
        own = {"subjs": [subject], "splits": str(_split_of(place, shots, seed))}
        start = {"init_from": str(_start_of(place, seed)), "freeze": "all_but_subject"}
        yield _stage(plan, FIT, f"{FIT}-{shots}-seed{seed}", place, seed, own | start), FIT, shots
        if shots:
            yield _stage(plan, SCRATCH, f"{SCRATCH}-{shots}-seed{seed}", place, seed, own), SCRATCH, shots


def _stage(plan: Plan, kind: str, name: str, place: Path, seed: int, flags: dict[str, Any]) -> Stage:
    given = stages.hand_on(plan.given, plan.args.model)
    defaults = dict(DEFAULTS[kind])
    if given.keys() & {"epochs", "max_steps"}:
        defaults.pop("max_steps", None)
    common = {**defaults, **given, "model": plan.args.model, "seed": seed}
    if plan.given.get("model_args"):
        common["model_args"] = plan.given["model_args"]
    return Stage(name, place, stages.merged({**common, **flags}, plan.overrides[kind]))


def _split_of(place: Path, shots: int, seed: int) -> Path:
    return place / f"shots-{shots}-seed{seed}.json"


def _start_of(place: Path, seed: int) -> Path:
    return place / f"start-seed{seed}.pth"


# ------------------------------------------------------------------------------------------------- shots
def draw_shots(records: Records, shots: Sequence[int], seed: int) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Shots -> sorted rows with so many records of each class, nested; and the rows that are tested for all of them.

    Raises UserError where a class has no record left to test.
    """
    rng, most = np.random.default_rng(seed), max(shots)
    order = rng.permutation(len(records))
    by_class = [order[records.label[order] == label] for label in np.unique(records.label)]
    fewest = min(map(len, by_class))
    if fewest <= most:
        raise UserError(f"--shots {most}: a word of subject {records.subject[0]} has {fewest} trials, none would be "
                        "left to test", f"--shots of at most {max(fewest - 1, 0)}")
    rows = {number: np.sort(np.concatenate([found[:number] for found in by_class])) for number in shots}
    return rows, np.sort(np.concatenate([found[most:] for found in by_class]))


def _draw(plan: Plan, fit: Stage, subject: str, seed: int) -> None:
    """The split files of all numbers of shots, where they are not there yet."""
    place = plan.root / subject
    if all(_split_of(place, shots, seed).exists() for shots in plan.shots):
        return
    args = fit.settings()
    records = assembly.open_data(args).records
    rows, rest = draw_shots(records, plan.shots, seed)
    for shots, train in rows.items():
        parts = {"train": train, "valid": rest[:0], "test": limited(rest, args.limit, seed)}
        save_splits(_split_of(place, shots, seed), records, parts)


def _write_start(fit: Stage, others: Stage, path: Path) -> bool:
    """What the new subject's network starts from; returns whether its channels bear the names of the others'."""
    args = fit.settings()
    dataset, theirs = assembly.open_data(args), assembly.open_data(others.settings())
    own = dataset.channels_of(args.subjs[0])
    same = all(theirs.channels_of(name) == own for name in theirs.subjects)
    if theirs.target.names != dataset.target.names:
        raise UserError(f"subject {args.subjs[0]} and the others have not the same words", "choose the words in common")
    model = assembly.build_model(args, dataset.spec, dataset.target)
    model.init_weights()
    weights = for_new_subject(model.state_dict(), read_state_dict(checkpoint.find_weights(others.folder)), same)
    with whole(path) as stream:
        torch.save(weights, stream)
    return same


def _without_shots(fit: Stage, others: Stage, start: Path) -> dict[str, dict[str, float]]:
    """Scores of the others' network, their mean layer and their normaliser on the new subject; kept as a stage's."""
    folder = fit.place / fit.name
    known = stages.read_scores(folder)
    if known:
        return known
    args = fit.settings()
    state = checkpoint.read(checkpoint.find_weights(others.folder))
    data = prepare(assembly.open_data(args), args, splits=Path(args.splits), normalizer=state["normalizer"])
    model = assembly.build_model(args, data.spec, data.target)
    resuming.init_from(model, str(start))
    trainer = registry.load(registry.model_row(args.model).trainer)(model, args, data=data)
    found = stages.by_subject(trainer, data.loader("test", args.val_batch_size or args.batch_size))
    if trainer.world.is_main:
        stages.write_scores(folder, found)
    return found


# ----------------------------------------------------------------------------------------------- running
def _run(plan: Plan, train_one: Callable[[Any], Any]) -> int:
    for subject in plan.held_out:
        for stage, *_ in stages_of(plan, subject, plan.seeds[0]):
            stage.settings()  # a wrong flag shows before the first stage is trained
    say(f"protocol  {len(plan.held_out)} subjects held out in turn, {len(plan.seeds)} seed(s), in {plan.root}")
    world = distributed.join(plan.args.device)
    if world.is_main:
        run_folder.make_base(plan.root)
    scores: list[Score] = []
    for seed in plan.seeds:
        for subject in plan.held_out:
            for found in _one(plan, subject, seed, train_one):
                scores.append(found)
                if world.is_main:
                    _whole(plan, scores).write(plan.root)
    if world.is_main:
        _present(plan, scores)
    return OK


def _one(plan: Plan, subject: str, seed: int, train_one: Callable[[Any], Any]) -> Iterator[Score]:
    """All stages of one held-out subject and seed; a score for each that is tested."""
    world, start = distributed.join(plan.args.device), _start_of(plan.root / subject, seed)
    others, same = None, True
    for stage, kind, shots in stages_of(plan, subject, seed):
        if kind == OTHERS:
            if world.is_main:
                stages.draw_split(stage)
            world.barrier()
            stages.bring_to_end(stage, train_one)
            others = stage
            continue
        assert others is not None
        if kind == FIT and shots == plan.shots[0]:
            if world.is_main:
                _draw(plan, stage, subject, seed)
                same = _write_start(stage, others, start)
            same = world.from_main(same)
        if shots:
            found = stages.tested(stage, stages.bring_to_end(stage, train_one))
        elif same:
            found = _without_shots(stage, others, start)
        else:
            say(f"no shots  subject {subject}: its channels have other names than the others', so their layers say "
                "nothing about it; 0 shots are left out")
            continue
        each = found[subject]
        yield Score(subject, f"{kind} {shots}", seed, each["accuracy"], int(each["records"]), each["chance"])


def _whole(plan: Plan, scores: list[Score]) -> StageTable:
    conditions = [f"{kind} {shots}" for kind in (FIT, SCRATCH) for shots in plan.shots if shots or kind == FIT]
    return StageTable(scores, conditions, "New subjects")


def _part(plan: Plan, scores: list[Score], kind: str, title: str) -> StageTable:
    """The columns of one kind, headed by the number of shots."""
    columns = [str(shots) for shots in plan.shots if shots or kind == FIT]
    own = [Score(s.subject, s.condition.split()[1], s.seed, s.value, s.records, s.chance) for s in scores
           if s.condition.startswith(kind)]
    return StageTable(own, columns, title)


def _present(plan: Plan, scores: list[Score]) -> None:
    console = results_console()
    fitted = _part(plan, scores, FIT, "New subject, its input layer fitted on so many trials per word")
    scratch = _part(plan, scores, SCRATCH, "Reference: trained from scratch on so many trials per word")
    fitted.show(console)
    line(console)
    scratch.show(console)
    if not plan.args.fast_dev_run:
        files = _whole(plan, scores).write(plan.root)
        picture = plan.root / "table.png"
        _draw_curves(fitted, scratch, picture)
        line(console, f"table, single scores, picture: {', '.join(map(str, [*files, picture]))}")


def _draw_curves(fitted: StageTable, scratch: StageTable, path: Path) -> None:
    """Mean accuracy and its standard error over the number of shots."""
    with house_style():
        figure = new_figure(5.2, 3.8)
        axes = figure.add_subplot(xlabel="trials per word", ylabel="accuracy (%)")
        for table, colour, label in ((fitted, BLUE, "input layer fitted"), (scratch, ORANGE, "from scratch")):
            cells = {int(each): table.cell(MEAN, each) for each in table.conditions}
            cells = {shots: cell for shots, cell in cells.items() if cell.count}
            errors = np.nan_to_num([100 * cell.error for cell in cells.values()])
            axes.errorbar(list(cells), [100 * cell.mean for cell in cells.values()], errors, fmt="o-", color=colour,
                          capsize=3, label=label)
        if fitted.chance is not None:
            axes.axhline(100 * fitted.chance, color=INK, linestyle=":", linewidth=1, label="chance")
        axes.set_xticks([int(each) for each in fitted.conditions])
        axes.set(ylim=(0, None), title="A new subject")
        axes.legend(loc="best")
    save_png(figure, path)


def _show(plan: Plan) -> int:
    """--dry_run: the command line of every stage."""
    for seed in plan.seeds:
        for subject in plan.held_out:
            for stage, kind, shots in stages_of(plan, subject, seed):
                stage.settings()
                nothing = kind == FIT and shots == 0
                say(f"{'test only' if nothing else stages.state(stage):<10} {stage.command}")
    say("dry run   nothing is trained or written")
    return OK
