"""One stage of a pipeline: a command line of train.py with a folder of its own, started, gone on with or passed over.

A stage that was killed anywhere goes on from its last checkpoint, a finished one is not trained again; so the same
command, typed again, does what is left of a pipeline.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import arguments
from src import assembly, config, options, registry, restoring, resuming
from src.data.dataset import BaseDataset, Records
from src.data.run_data import choose_parts
from src.data.signal import TargetSpec
from src.data.splits import load_splits, save_splits
from src.data.subjects import chosen
from src.errors import SAME_COMMAND, StoppedBySignal, UserError, did_you_mean
from src.evaluation import metrics
from src.files import write_json
from src.flag_rules import has
from src.trainer import distributed, run_folder, tracking
from src.trainer.display import say

SCORES = "scores.json"  # of a stage that is tested: subject -> metrics
# decided by the pipeline for each stage, never handed on from its own command line
OF_PIPELINE = {"pipeline", "protocol", "shots", "stage_args", "subjs", "subj_idxs", "seed", "seeds", "model",
               "experiment_name", "save_dir", "resume", "config", "dry_run", "fast_dev_run", "model_args",
               "pretrain_on_all", "layout", "splits", "init_from", "vqkd_ckpt"}
# where a stage takes its parts from: the folder may have moved since
PLACES = {"vqkd_ckpt", "init_from", "splits", "experiment_name"}


@dataclass(frozen=True)
class Stage:
    """`flags` are those of one run of train.py, which gets the folder `place / name`."""

    name: str
    place: Path
    flags: dict[str, Any]

    @property
    def folder(self) -> Path:
        """Where it is, or will be."""
        return self.find()[0] or self.place / self.name

    @property
    def words(self) -> list[str]:
        return to_words({**self.flags, "save_dir": str(self.place), "experiment_name": self.name})

    @property
    def command(self) -> str:
        return shlex.join(["python", "train.py", *self.words])

    def settings(self) -> argparse.Namespace:
        return config.parse(arguments.TRAIN, self.words)

    def find(self) -> tuple[Path | None, bool]:
        """The stage's run, if it was begun, and whether it is finished."""
        wanted = argparse.Namespace(save_dir=str(self.place), experiment_name=self.name)
        return run_folder.find_for_resume(wanted)


def to_words(flags: dict[str, Any]) -> list[str]:
    """{"lr": 0.1, "subjs": ["001"], "ema": None} -> ["--lr=0.1", "--subjs", "001"]."""
    words: list[str] = []
    for name, value in flags.items():
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no_{name}")
        elif isinstance(value, (list, tuple)):
            words += [f"--{name}", *map(str, value)]
        elif value is not None:
            words.append(f"--{name}={value}")
    return words


def bring_to_end(stage: Stage, train_one: Callable[[Any], Any]) -> Any:
    """Start the stage or go on with it; returns its trainer, or None where it was finished before."""
    args = stage.settings()
    world = distributed.join(args.device)
    if world.is_main:
        say(f"\n=== {stage.place / stage.name}: {state(stage)}")
    folder, finished = world.from_main(stage.find() if world.is_main else None)
    if folder is None and world.is_main:
        run_folder.remove_unsaved(stage.place / stage.name)  # killed before its first checkpoint
    if folder is not None:
        _refuse_another(folder, args)
        if finished:
            return None
        args.resume = str(folder)
    try:
        trainer = train_one(args)
    except StoppedBySignal as stop:
        raise StoppedBySignal(stop.message, SAME_COMMAND) from None
    trainer.stop_if_asked()
    return trainer


def state(stage: Stage) -> str:
    folder, finished = stage.find()
    return "finished" if finished else "goes on" if folder else "to do"


def draw_split(stage: Stage, of_words: Path | None = None) -> Path:
    """The file that the stage's --splits names; drawn now where it is not there yet. The stages that share it take it
    from here on. Where the records are those of `of_words`, the split is that one: no stage sees the test part of
    another. The main rank calls it."""
    args = stage.settings()
    path = Path(args.splits)
    if not path.exists():
        dataset = assembly.open_data(args)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_splits(path, dataset.records, _shared(dataset.records, of_words) or choose_parts(dataset, args))
    return path


def _shared(records: Records, of_words: Path | None) -> dict[str, np.ndarray] | None:
    """The rows of each part of another split, where it is one of these records."""
    if of_words is None:
        return None
    known = set(records.record.tolist())
    names = [name for part in json.loads(of_words.read_text(encoding="utf8")).values() for name in part]
    return load_splits(of_words, records) if known.issuperset(names) else None


def _refuse_another(folder: Path, args: argparse.Namespace) -> None:
    """UserError where the stage of this name was begun with other settings."""
    ignored = run_folder.IGNORED_IN_COMPARISON | set(resuming.MAY_CHANGE) | PLACES
    before, now = run_folder.read_config(folder), json.loads(json.dumps(config.to_save(args)))
    different = [f"--{name} {now[name]} (there: {before[name]})" for name in now
                 if name in before and name not in ignored and before[name] != now[name]]
    if different:
        raise UserError(f"{folder} was begun with other settings: {', '.join(different)}",
                        "--experiment_name gives this pipeline a folder of its own")


# ----------------------------------------------------------------------------------------------- testing
def tested(stage: Stage, trainer: Any) -> dict[str, dict[str, float]]:
    """Subject -> metrics of its test part, with the stage's best weights; computed once and kept in the folder.

    `trainer` is what `run` gave. Every rank must call it.
    """
    folder, _ = stage.find()
    if folder is None:
        raise UserError(f"{stage.place / stage.name}: the stage has no run", "type the same command again")
    world = distributed.join(stage.settings().device)
    known = world.from_main(read_scores(folder) if world.is_main else None)
    if known:
        return known
    if trainer is None:
        restored = restoring.restore(config.parse(arguments.TEST, ["--weights", str(folder)]))
        trainer, loader = restored.trainer, restored.loader("test")
    else:
        loader = trainer.test_loader or trainer.data.loader("test", 1)  # which says what parts there are
    found = by_subject(trainer, loader)
    if world.is_main:
        tracking.append_row(folder, {"event": "test", "subset": "test", "metrics": mean_over_subjects(found)})
        write_scores(folder, found)
    return found


def write_scores(folder: Path, scores: dict[str, dict[str, float]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / SCORES, scores)


def read_scores(folder: Path) -> dict[str, dict[str, float]]:
    path = folder / SCORES
    return json.loads(path.read_text(encoding="utf8")) if path.exists() else {}


def by_subject(trainer: Any, loader: Any) -> dict[str, dict[str, float]]:
    """Subject -> metrics of the target's kind and the number of records, of one part of the trainer's data."""
    found = trainer.predict(loader)
    if hasattr(loader, "close"):
        loader.close()
    whose = trainer.data.dataset.records.subject[found.rows]
    return {name: _scores_of(trainer.target, found.labels[whose == name], found.scores[whose == name])
            for name in sorted(set(whose.tolist()))}


def _scores_of(target: TargetSpec, labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    chance = float(np.bincount(labels, minlength=target.outputs).max() / len(labels))  # always the most frequent class
    return {**metrics.compute(target, labels, scores), "chance": chance, "records": len(labels)}


def mean_over_subjects(scores: dict[str, dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for each in scores.values() for name in each if name not in ("chance", "records"))
    return {name: sum(each[name] for each in scores.values()) / len(scores) for name in names}


# ------------------------------------------------------------------------------- flags of every stage
def hand_on(given: dict[str, Any], model: str) -> dict[str, Any]:
    """Of what a person typed, the flags that have an effect on a stage with this model."""
    row, table = registry.model_row(model), arguments.flags(arguments.TRAIN)
    found = {}
    for name, value in given.items():
        lacks = name in row.lacks or f"{name}={value}" in row.lacks or (
            table[name].of_models and not has(row, name, value))
        if name not in OF_PIPELINE and not lacks:
            found[name] = value
    return found


def short(args: argparse.Namespace) -> dict[str, Any]:
    """What --fast_dev_run makes of every stage."""
    return {name: getattr(args, name) for name in arguments.IMPLIED["fast_dev_run"] if getattr(args, name) is not None}


def subjects_of(args: argparse.Namespace) -> tuple[BaseDataset, list[str], Sequence[int]]:
    """The data, the subjects that --subjs names (sorted, as training numbers them), and the places that --subj_idxs
    picks among them (all where it is left out)."""
    dataset = assembly.open_data(argparse.Namespace(**{**vars(args), "subj_idxs": None}))
    subjects = sorted(chosen(args.subjs) or dataset.subjects)
    picked = range(len(subjects)) if args.subj_idxs is None else args.subj_idxs
    if max(picked) >= len(subjects):
        raise UserError(f"--subj_idxs {max(picked)}: there are {len(subjects)} subjects, numbered from 0",
                        f"in order: {' '.join(subjects)}")
    return dataset, subjects, picked


def fitting_model_args(models: Sequence[str], words: Sequence[str]) -> dict[str, list[str]]:
    """Model -> the hyperparameters of `words` that it has; UserError for one that none of them has."""
    known = {model: options.leaves(registry.load(registry.model_row(model).model).Config) for model in models}
    everything = list(dict.fromkeys(name for names in known.values() for name in names))
    for key in assembly.key_values(list(words)):
        if key not in everything:
            raise UserError(f"--model_args {key}: no stage has it{did_you_mean(key, everything)}",
                            f"the stages' hyperparameters: {', '.join(everything)}")
    return {model: [word for word in words if word.partition("=")[0] in names] for model, names in known.items()}


def stage_flags(words: Sequence[str], stages: Sequence[str]) -> dict[str, dict[str, Any]]:
    """--stage_args vqvae.epochs=5 cls.model_args=head.dropout=0.1 -> {"vqvae": {"epochs": "5"}, ...}.

    A flag that takes several values has them separated by commas. Raises UserError for an unknown stage or flag.
    """
    table = arguments.flags(arguments.TRAIN)
    found: dict[str, dict[str, Any]] = {stage: {} for stage in stages}
    for key, value in assembly.key_values(list(words)).items():
        stage, _, name = key.partition(".")
        name = arguments.ALIASES.get(name, name)
        if stage not in found:
            raise UserError(f"--stage_args {key}: no such stage{did_you_mean(stage, stages)}",
                            f"stage.flag=value, where the stages are {', '.join(stages)}")
        if name not in table or name in OF_PIPELINE - {"model_args"}:
            raise UserError(f"--stage_args {key}: no flag of a single stage{did_you_mean(name, table)}",
                            "for instance --stage_args vqvae.epochs=5 mae.lr=1e-4")
        flag = table[name]
        found[stage][name] = value.split(",") if flag.many not in (None, "?") else \
            value.lower() == "true" if flag.kind is bool else value
    return found


def merged(weaker: dict[str, Any], stronger: dict[str, Any]) -> dict[str, Any]:
    """Flags over flags; key=value flags by key."""
    table = arguments.flags(arguments.TRAIN)
    both = {**weaker, **stronger}
    for name in weaker.keys() & stronger.keys():
        if table[name].keyed:
            both[name] = config.merge_keyed(weaker[name], stronger[name])
    return both
