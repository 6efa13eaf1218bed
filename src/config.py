"""The settings of a command: the flag's default, the recipe of the model (and of the data set), `--config FILE`, the
command line; weakest first. `key=value` flags are merged by key. Imports no torch.

The flag tables are in `arguments.py`, what they read in `src/command_line.py`, what contradicts in `src/flag_rules.py`.
All mistakes are collected and shown together.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import arguments
from src import registry
from src.command_line import read_command_line, read_config
from src.errors import UserError
from src.flag_rules import check_holds, check_model, check_train, strength

NOT_SAVED = ("resume", "config", "dry_run")  # not part of what a run is


def parse(command: str, argv: list[str] | None = None) -> argparse.Namespace:
    """The checked settings of one command line; UserError says everything that is wrong with it.

    `sources` tells for each flag where its value is from: default, recipe, file, command line, or the flag that
    implied it.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    table = arguments.flags(command)
    errors: list[str] = []
    typed, positionals = read_command_line(command, argv, table, errors)
    filed = read_config(typed.get("config"), table, errors)
    for name in arguments.MODEL_OF.keys() & {**filed, **typed}.keys():
        filed.setdefault("model", arguments.MODEL_OF[name])
    layers = [("file", filed), ("command line", typed)]
    if command == arguments.TRAIN:
        layers = [("recipe", recipe) for recipe in _recipes({**filed, **typed}, errors)] + layers
    values, sources = _merge(table, layers, {name: flag.default for name, flag in table.items()})
    _apply_implied(values, sources)
    if command == arguments.TRAIN:
        _choose_warmup(values, sources)
        _fit_recipe(values, sources)
    check_holds(values, sources, table, errors)
    if command == arguments.TRAIN:
        check_model(values, sources, table, errors)
        errors += check_train(values, sources)
    if errors:
        raise UserError("\n".join(dict.fromkeys(errors)), f"python {command}.py --help lists every flag")
    return argparse.Namespace(**values, **positionals, sources=sources)


def given(command: str, argv: list[str]) -> dict[str, Any]:
    """What a person set, on a command line that `parse` took and in its --config file."""
    table = arguments.flags(command)
    typed, _ = read_command_line(command, argv, table, [])
    return _merge(table, [("file", read_config(typed.get("config"), table, [])), ("command line", typed)], {})[0]


def complete(args: argparse.Namespace) -> argparse.Namespace:
    """A Namespace from any script, with our defaults where it has no value; unknown attributes stay as they are."""
    defaults = {name: flag.default for name, flag in arguments.flags(arguments.TRAIN).items()}
    return argparse.Namespace(**{**defaults, **vars(args)})


def to_save(args: argparse.Namespace) -> dict[str, Any]:
    """What `config.json` holds: every training flag with its value, ready for `--config`."""
    values = vars(args)
    return {name: values[name] for name in arguments.flags(arguments.TRAIN) if name in values and name not in NOT_SAVED}


def _merge(table: dict[str, arguments.Flag], layers: list[tuple[str, dict[str, Any]]], values: dict[str, Any]
           ) -> tuple[dict[str, Any], dict[str, str]]:
    """Value and source of each flag, later layers over earlier ones and all of them over `values`."""
    values, sources = dict(values), dict.fromkeys(values, "default")
    for source, layer in layers:
        for name, value in layer.items():
            values[name] = merge_keyed(values.get(name, ()), value) if table[name].keyed else value
            sources[name] = source
    return values, sources


def merge_keyed(weaker: Iterable[str], stronger: Iterable[str]) -> list[str]:
    """key=value words, one per key: `stronger` over `weaker`, in order of first appearance."""
    return list({word.partition("=")[0]: word for word in (*weaker, *stronger)}.values())


def _recipes(given: dict[str, Any], errors: list[str]) -> list[dict[str, Any]]:
    """What works for the chosen data, the chosen model, and the model on these data; the first says what is opened."""
    row = registry.MODELS[given.get("model", "cnn")]
    dataset = given.get("dataset") or _recognised(given.get("data_path"), errors) or row.dataset
    chosen: dict[str, Any] = {"dataset": dataset}
    of_data = registry.DATASETS[dataset]
    if of_data.needs_path and given.get("data_path") is None:
        if of_data.lies_in and Path(of_data.lies_in).is_dir():
            chosen["data_path"] = "."
        else:
            errors.append(f"--dataset {dataset}: needs --data_path, the folder or file with the recordings")
    recipes = [{**chosen, **row.recipe}, registry.DATASETS[dataset].recipe, row.recipes.get(dataset, {})]
    if given.get("replica"):  # the original has hyperparameters of its own
        recipes = [{name: value for name, value in recipe.items() if name != "model_args"} for recipe in recipes]
    return recipes


def _recognised(data_path: str | None, errors: list[str]) -> str | None:
    """The data set that --data_path holds."""
    if data_path is None:
        return None
    from src.data.recognise import recognise

    try:
        return recognise(data_path)
    except UserError as error:
        errors.append(str(error))
        return None


def _apply_implied(values: dict[str, Any], sources: dict[str, str]) -> None:
    """A flag that sets others gives way to those that were given as strongly as itself."""
    for key, implied in arguments.IMPLIED.items():
        name, _, wanted = key.partition("=")
        if values.get(name) and (not wanted or values[name] == wanted):
            for other, value in implied.items():
                if other in values and strength(sources[other]) < strength(sources[name]):
                    values[other], sources[other] = value, f"--{name}"


def _choose_warmup(values: dict[str, Any], sources: dict[str, str]) -> None:
    """Of a warm-up in epochs and one in updates the stronger counts: a recipe's gives way to a person's."""
    epochs, steps = strength(sources["warmup_epochs"]), strength(sources["warmup_steps"])
    if not values["warmup_epochs"] or values["warmup_steps"] is None or epochs == steps:
        return
    if epochs < steps:
        values["warmup_epochs"] = 0.0
    else:
        values["warmup_steps"] = None


def _fit_recipe(values: dict[str, Any], sources: dict[str, str]) -> None:
    """A recipe's warm-up keeps its share of the training when somebody changes the number of epochs; where --debug
    shortens the training, any warm-up is shortened with it."""
    row = registry.MODELS[values["model"]]
    epochs = {**row.recipe, **row.recipes.get(values["dataset"], {})}.get("epochs")
    if sources["warmup_epochs"] == "recipe" and epochs and values["epochs"] != epochs:
        values["warmup_epochs"] = values["warmup_epochs"] * values["epochs"] / epochs
    if sources["epochs"].startswith("--"):
        values["warmup_epochs"], values["warmup_steps"] = min(values["warmup_epochs"], values["epochs"] / 2), None
    if sources["min_lr"] == "recipe":
        values["min_lr"] = min(values["min_lr"], values["lr"])
