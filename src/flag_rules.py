"""Which flags have an effect beside the others; what has none is refused with the reason. Imports no torch."""

from __future__ import annotations

import argparse
from typing import Any

import arguments
from src import registry
from src.command_line import Table, show

NAMED = {"init_from": "init_from or --pt_ckpt"}  # flags of two names
STRENGTH = {"default": 0, "recipe": 1, "file": 3, "command line": 4}  # of a value's source; 2: another flag implied it


def strength(source: str) -> int:
    return STRENGTH.get(source, 2)


def check_holds(values: dict[str, Any], sources: dict[str, str], table: Table, errors: list[str]) -> None:
    """A flag without effect beside the others is refused, or falls back to its default."""
    for flag in table.values():
        if flag.needs is None:
            continue
        other, allowed = flag.needs
        found = values[other]
        if found in allowed or (not allowed and found):
            continue
        is_switch = allowed in ((), (True,))
        wanted = f"--{other}" if is_switch else f"--{other} {' or '.join(map(str, allowed))}"
        reason = f"holds only with {wanted}; {'it is off' if is_switch else f'here it is {found}'}"
        _without_effect(flag, other, reason, values, sources, errors)


def check_model(values: dict[str, Any], sources: dict[str, str], table: Table, errors: list[str]) -> None:
    """The same for flags that the chosen model does not have, or that have no effect on it."""
    model, row = values["model"], registry.MODELS[values["model"]]
    if values["pipeline"]:
        return  # its stages are of several models: each takes what it has
    for name, flag in table.items():
        if flag.of_models and not has(row, name, values[name]):
            models = [other for other, its in registry.MODELS.items() if has(its, name, values[name])]
            reason = f"holds only with --model {' or '.join(models)}; here it is {model}"
            _without_effect(flag, "model", reason, values, sources, errors)
    for key, why in row.lacks.items():
        name, _, value = key.partition("=")
        if not value or values[name] == value:
            _without_effect(table[name], "model", f"has no effect on --model {model}: {why}", values, sources, errors)


def has(row: registry.ModelRow, name: str, value: Any) -> bool:
    """Whether a flag with this value is one that the model has."""
    return name in row.has or f"{name}={value}" in row.has


def _without_effect(flag: arguments.Flag, other: str, reason: str, values: dict[str, Any], sources: dict[str, str],
                    errors: list[str]) -> None:
    """Refused where somebody set it; where `other` was given more strongly (a file says sgd and its momentum, the
    command line adamw) it falls back to its default."""
    name = flag.name
    if sources[name] == "default":
        return
    if strength(sources[name]) < strength(sources[other]):
        values[name], sources[name] = flag.default, "default"
    elif sources[name] == "command line" or (sources[name] == "file" and values[name] != flag.default):
        errors.append(f"--{name} {show(values[name])}: {reason}")


def check_train(values: dict[str, Any], sources: dict[str, str]) -> list[str]:
    """What single flags cannot tell: settings that contradict each other."""
    v = argparse.Namespace(**values)
    rules = [
        (v.warmup_epochs > v.epochs,
         f"--warmup_epochs {v.warmup_epochs:g}: longer than the training of {v.epochs} epochs"),
        (v.warmup_steps is not None and v.warmup_epochs, "--warmup_steps: give it or --warmup_epochs, not both"),
        (v.warmup_steps is not None and v.max_steps is not None and v.warmup_steps > v.max_steps,
         f"--warmup_steps {v.warmup_steps}: longer than the training of {v.max_steps} updates"),
        (v.scheduler == "tri_stage" and bool(v.warmup_epochs or v.warmup_steps),
         "--warmup_steps: the warm-up of --scheduler tri_stage is the first phase of its --scheduler_args"),
        (v.scheduler == "fixed" and v.warmup_start_lr > 0,
         f"--warmup_start_lr {v.warmup_start_lr:g}: --scheduler fixed warms up from 0"),
        (v.min_lr > v.lr, f"--min_lr {v.min_lr:g}: above --lr {v.lr:g}"),
        (v.warmup_start_lr > v.lr, f"--warmup_start_lr {v.warmup_start_lr:g}: above --lr {v.lr:g}"),
        (abs(sum(v.split_ratio) - 1) > 1e-6, f"--split_ratio {show(v.split_ratio)}: the shares add up to "
                                             f"{sum(v.split_ratio):g}, not 1"),
        (v.fold is not None and v.folds is None, f"--fold {v.fold}: needs --folds, the number of folds"),
        (v.fold is not None and v.folds is not None and v.fold >= v.folds,
         f"--fold {v.fold}: with --folds {v.folds} the folds are 0 to {(v.folds or 1) - 1}"),
        (v.mixed_precision and v.precision == "tf32", "--mixed_precision: choose it or --precision tf32, not both"),
        (v.class_weights and v.balanced_sampling, "--class_weights: would balance twice beside --balanced_sampling"),
        (v.resume is not None and v.init_from is not None, "--init_from: a resumed run has its weights; leave out one"),
        (v.resume not in (None, "auto") and (v.seeds is not None or (v.folds is not None and v.fold is None)),
         f"--resume {v.resume}: goes on with one run; for --seeds and --folds use --resume auto"),
        (v.fast_dev_run and v.resume is not None,
         "--fast_dev_run: starts and resumes a short run of its own; leave out --resume"),
        (v.seeds is not None and len(set(v.seeds)) < len(v.seeds or ()),
         f"--seeds {show(v.seeds)}: a seed is there twice, and its runs would be the same"),
        (v.seeds is not None and sources["seed"] == "command line",
         f"--seed {v.seed}: has no effect beside --seeds {show(v.seeds)}; name all seeds there"),
        (v.subjs is not None and len(set(v.subjs)) < len(v.subjs or ()),
         f"--subjs {show(v.subjs)}: a subject is there twice"),
        (v.warmup_start_lr > 0 and not (v.warmup_epochs or v.warmup_steps) and v.scheduler != "onecycle",
         f"--warmup_start_lr {v.warmup_start_lr:g}: there is no warm-up; give --warmup_epochs or --warmup_steps"),
        (v.pipeline and v.protocol, f"--protocol {v.protocol}: not together with --pipeline {v.pipeline}"),
        (v.stage_args and not (v.pipeline or v.protocol),
         "--stage_args: for the stages of --pipeline or --protocol; a single run takes the flags themselves"),
        *(((v.pipeline or v.protocol) and getattr(v, name) not in (None, "auto"),
          f"--{NAMED.get(name, name)} {show(getattr(v, name))}: not with --pipeline or --protocol, which give each "
          "stage its own")
          for name in ("resume", "init_from", "vqkd_ckpt", "splits", "fold", "folds")),
        (v.use_multigpu and v.device not in (None, "cuda"),
         f"--device {v.device}: one device; --use_multigpu takes all"),
    ]
    return [message for wrong, message in rules if wrong]
