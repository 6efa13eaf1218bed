"""`python arguments.py [flags of train.py]`: every flag by group, its value and where that is from."""

from __future__ import annotations

import argparse
import sys

import arguments
from src import config, registry
from src.command_line import show
from src.errors import OK, UserError


def print_flags(argv: list[str]) -> int:
    """The flags as training would take them; with --model also that model's hyperparameters. The exit code."""
    try:
        args = config.parse(arguments.TRAIN, argv)
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for title, group in arguments.GROUPS.items():
        print(f"\n{title}")
        for flag in group:
            value = getattr(args, flag.name, flag.default)
            source = args.sources.get(flag.name, "default")
            origin = f"[{source}] " if source != "default" else ""
            doors = "" if arguments.TRAIN in flag.commands else f"[{', '.join(flag.commands)}] "
            shown = show(value) if value not in (None, []) else "-"
            print(f"  --{flag.name:<20} {shown:<14} {origin}{doors}{flag.help}")
    if any(word.startswith("--model") for word in argv):
        _print_hyperparameters(args)
    return OK


def _print_hyperparameters(args: argparse.Namespace) -> None:
    from src.assembly import hyperparameters
    from src.options import build, flatten

    row = registry.model_row(args.model)
    model_class = registry.load(row.model)
    values = hyperparameters(args, row, model_class)
    print(f"\nhyperparameters of {args.model} (--model_args key=value)")
    for name, value in flatten(build(model_class.Config, values, "hyperparameter")).items():
        print(f"  {name:<28} {show(value):<18} {'[' + _source_of(name, args) + ']' if name in values else ''}")


def _source_of(name: str, args: argparse.Namespace) -> str:
    word = next((word for word in args.model_args if word.startswith(f"{name}=")), None)
    if word is not None:
        recipe = registry.recipe_words(args.model, args.dataset, "model_args")
        return "command line" if word not in recipe else "--preset" if _is_preset(name, args) else "recipe"
    return "--preset" if _is_preset(name, args) else "data"


def _is_preset(name: str, args: argparse.Namespace) -> bool:
    return bool(args.preset) and name in registry.model_row(args.model).presets[args.preset]
