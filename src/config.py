"""From words on a command line to checked settings: merging, checks, and the nearest right name for a wrong one.

The flag tables are in `arguments.py`. Weakest first: the flag's default, the recipe of the model (and of the data
set), `--config FILE`, the command line. All mistakes are collected and shown together. Imports no torch.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import arguments
from src import registry
from src.errors import OK, UserError, did_you_mean, nearest

NOT_SAVED = ("resume", "config", "dry_run")  # not part of what a run is
STRENGTH = {"default": 0, "recipe": 1, "file": 3, "command line": 4}  # of a value's source; 2: another flag implied it


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise UserError(message, f"{self.prog} --help lists every flag")


def resolve(command: str, argv: list[str]) -> argparse.Namespace:
    """The checked settings of one command line; `sources` says for each flag where its value is from."""
    table = arguments.flags(command)
    errors: list[str] = []
    typed, positionals = _read_command_line(command, argv, table, errors)
    filed = _read_config(typed.get("config"), table, errors)
    values = {name: flag.default for name, flag in table.items()}
    sources = dict.fromkeys(values, "default")
    layers = [("file", filed), ("command line", typed)]
    if command == arguments.TRAIN:
        layers.insert(0, ("recipe", _recipe({**filed, **typed}, errors)))
    for source, layer in layers:
        values.update(layer)
        sources.update(dict.fromkeys(layer, source))
    _apply_implied(values, sources)
    if command == arguments.TRAIN:
        _choose_warmup(values, sources)
        _fit_recipe(values, sources)
    _check_holds(values, sources, table, errors)
    if command == arguments.TRAIN:
        errors += check_train(values)
    if errors:
        raise UserError("\n".join(dict.fromkeys(errors)), f"python {command}.py --help lists every flag")
    return argparse.Namespace(**values, **positionals, sources=sources)


def complete(args: argparse.Namespace) -> argparse.Namespace:
    """A Namespace from any script, with our defaults where it has no value; unknown attributes stay as they are."""
    defaults = {name: flag.default for name, flag in arguments.flags(arguments.TRAIN).items()}
    return argparse.Namespace(**{**defaults, **vars(args)})


def to_save(args: argparse.Namespace) -> dict[str, Any]:
    """What `config.json` holds: every training flag with its value, ready for `--config`."""
    values = vars(args)
    return {name: values[name] for name in arguments.flags(arguments.TRAIN) if name in values and name not in NOT_SAVED}


# ------------------------------------------------------------------------------------------------ reading
def build_parser(command: str) -> argparse.ArgumentParser:
    """argparse for one command; every value stays text here and is converted by `convert`."""
    parser = _Parser(prog=f"{command}.py", description=arguments.ABOUT[command], allow_abbrev=False,
                     formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=30, width=100))
    for name, (many, help) in arguments.POSITIONALS.get(command, {}).items():
        parser.add_argument(name, nargs=many, help=help)
    for title, group in arguments.GROUPS.items():
        section = parser.add_argument_group(title)
        for flag in group:
            if command in flag.commands:
                _add(section, flag)
    return parser


def _add(section, flag: arguments.Flag) -> None:
    shown = "" if flag.default in (None, [], False) else f" ({_show(flag.default)})"
    text = (flag.help + shown).replace("%", "%%")
    names = [f"--{flag.name}"]
    if flag.kind is bool:
        section.add_argument(*names, action="store_const", const="true", default=argparse.SUPPRESS, help=text)
        section.add_argument(f"--no_{flag.name}", dest=flag.name, action="store_const", const="false",
                             default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return
    metavar = "|".join(flag.choices) if 0 < len(flag.choices) <= 6 else flag.name.split("_")[-1].upper()
    more: dict[str, Any] = {"nargs": flag.many} if flag.many is not None else {}
    if flag.many == "?":
        more["const"] = flag.const
    section.add_argument(*names, default=argparse.SUPPRESS, help=text, metavar=metavar, **more)


def _read_command_line(command, argv, table, errors) -> tuple[dict[str, Any], dict[str, Any]]:
    known = set(table) | {f"no_{name}" for name, flag in table.items() if flag.kind is bool} | {"help"}
    words, keep = [], True
    for word in argv:
        if word.startswith("--") and word != "--":
            name, equals, value = word[2:].partition("=")
            name = name.replace("-", "_")
            keep = name in known
            if not keep:
                errors.append(_unknown_flag(name, command, table))
            word = f"--{name}{equals}{value}"
        if keep:
            words.append(word)
    try:
        given = vars(build_parser(command).parse_args(words))
    except UserError as error:
        errors.append(error.message)
        return {}, {}
    positionals = {name: given.pop(name) for name in arguments.POSITIONALS.get(command, {})}
    return _convert_all(given, table, errors, "--"), positionals


def _unknown_flag(name: str, command: str, table) -> str:
    everywhere = arguments.flags()
    if name in everywhere:
        doors = ", ".join(f"{door}.py" for door in everywhere[name].commands)
        return f"--{name}: not a flag of {command}.py; it belongs to {doors}"
    hits = nearest(name, [*table, *arguments.HABITS])
    hits = [arguments.HABITS.get(hit, hit) for hit in hits]
    return f"--{name}: unknown flag" + (f"; did you mean --{hits[0]}?" if hits else "")


def _read_config(path: str | None, table, errors) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        text = Path(path).read_text(encoding="utf8")
        if path.endswith(".toml"):
            import tomllib

            values = tomllib.loads(text)
        else:
            values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("it holds no table of flags")
    except (OSError, ValueError) as error:
        errors.append(f"--config {path}: cannot be read as JSON or TOML: {error}")
        return {}
    values = {str(name).replace("-", "_"): value for name, value in values.items()}
    for name in [name for name in values if name not in table]:
        errors.append(f"--config {path}: {name}: unknown{did_you_mean(name, table)}")
        del values[name]
    return _convert_all(values, table, errors, f"--config {path}: ")


def _convert_all(given: dict[str, Any], table, errors, where: str) -> dict[str, Any]:
    values = {}
    for name, value in given.items():
        try:
            values[name] = convert(table[name], value)
        except ValueError as error:
            errors.append(f"{where}{name} {_show(value)}: {error}")
    return values


def convert(flag: arguments.Flag, value: Any) -> Any:
    """Text, or a file's value -> the flag's type, within its bounds; ValueError says what is allowed."""
    if value is None:
        if flag.default is not None:
            raise ValueError("needs a value")
        return None
    if flag.many is not None and flag.many != "?":
        items = value if isinstance(value, (list, tuple)) else [value]
        if isinstance(flag.many, int) and len(items) != flag.many:
            raise ValueError(f"needs {flag.many} values, found {len(items)}")
        return [_convert_one(flag, item) for item in items]
    return _convert_one(flag, value)


def _convert_one(flag: arguments.Flag, value: Any) -> Any:
    if flag.kind is bool:
        if str(value).lower() not in ("true", "false"):
            raise ValueError("true or false is expected")
        return str(value).lower() == "true"
    if value is None or isinstance(value, (bool, dict, list)):
        raise ValueError(f"{'text' if flag.kind is str else 'a number'} is expected, found {type(value).__name__}")
    try:
        number = flag.kind(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("a whole number is expected" if flag.kind is int else "a number is expected") from None
    if flag.kind is float and not math.isfinite(number):
        raise ValueError("a finite number is expected")
    if flag.kind is int and isinstance(value, float) and value != number:
        raise ValueError("a whole number is expected")
    if flag.choices and number not in flag.choices:
        raise ValueError(f"not one of {', '.join(flag.choices)}{did_you_mean(str(number), flag.choices)}")
    return _within_bounds(flag, number)


def _within_bounds(flag: arguments.Flag, number: Any) -> Any:
    if flag.above is not None and not number > flag.above:
        raise ValueError(f"must be more than {flag.above:g}")
    if flag.least is not None and number < flag.least:
        raise ValueError(f"must be at least {flag.least:g}")
    if flag.most is not None and number > flag.most:
        raise ValueError(f"must be at most {flag.most:g}")
    return number


# ---------------------------------------------------------------------------------------------- merging
def _recipe(given: dict[str, Any], errors: list[str]) -> dict[str, Any]:
    """The recipe of the chosen model, for the chosen data; `dataset` becomes the name of what will be opened."""
    row = registry.MODELS[given.get("model", "cnn")]
    dataset = given.get("dataset")
    try:
        if dataset is None and given.get("data_path") is not None:
            from src.data.open import recognise

            dataset = recognise(given["data_path"])
    except UserError as error:
        errors.append(str(error))
    dataset = dataset or row.dataset
    if registry.DATASETS[dataset].needs_path and given.get("data_path") is None:
        errors.append(f"--dataset {dataset}: needs --data_path, the folder or file with the recordings")
    return {"dataset": dataset, **registry.DATASETS[dataset].recipe, **row.recipe, **row.recipes.get(dataset, {})}


def _strength(source: str) -> int:
    return STRENGTH.get(source, 2)


def _apply_implied(values: dict[str, Any], sources: dict[str, str]) -> None:
    """A flag that sets others gives way to those that were given as strongly as itself."""
    for name, implied in arguments.IMPLIED.items():
        if values.get(name):
            for other, value in implied.items():
                if _strength(sources[other]) < _strength(sources[name]):
                    values[other], sources[other] = value, f"--{name}"


def _choose_warmup(values: dict[str, Any], sources: dict[str, str]) -> None:
    """Of a warm-up in epochs and one in updates the stronger counts: a recipe's gives way to a person's."""
    epochs, steps = _strength(sources["warmup_epochs"]), _strength(sources["warmup_steps"])
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


def _check_holds(values, sources, table, errors) -> None:
    """A flag that somebody set but that has no effect beside the others is refused; where the others were given more
    strongly (a file says sgd and its momentum, the command line adamw) it falls back to its default."""
    for name, flag in table.items():
        if flag.needs is None or values[flag.needs[0]] in flag.needs[1] or sources[name] == "default":
            continue
        other, allowed = flag.needs
        if _strength(sources[name]) < _strength(sources[other]):
            values[name], sources[name] = flag.default, "default"
        elif sources[name] == "command line" or (sources[name] == "file" and values[name] != flag.default):
            wanted = f"--{other}" if allowed == (True,) else f"--{other} {' or '.join(map(str, allowed))}"
            found = "it is off" if allowed == (True,) else f"here it is {values[other]}"
            errors.append(f"--{name} {_show(values[name])}: holds only with {wanted}; {found}")


def check_train(values: dict[str, Any]) -> list[str]:
    """What single flags cannot tell: settings that contradict each other."""
    v = argparse.Namespace(**values)
    rules = [
        (v.warmup_epochs > v.epochs,
         f"--warmup_epochs {v.warmup_epochs:g}: longer than the training of {v.epochs} epochs"),
        (v.warmup_steps is not None and v.warmup_epochs, "--warmup_steps: give it or --warmup_epochs, not both"),
        (v.warmup_steps is not None and v.max_steps is not None and v.warmup_steps > v.max_steps,
         f"--warmup_steps {v.warmup_steps}: longer than the training of {v.max_steps} updates"),
        (v.min_lr > v.lr, f"--min_lr {v.min_lr:g}: above --lr {v.lr:g}"),
        (v.warmup_start_lr > v.lr, f"--warmup_start_lr {v.warmup_start_lr:g}: above --lr {v.lr:g}"),
        (abs(sum(v.split_ratio) - 1) > 1e-6, f"--split_ratio {_show(v.split_ratio)}: the shares add up to "
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
         f"--seeds {_show(v.seeds)}: a seed is there twice, and its runs would be the same"),
        (v.warmup_start_lr > 0 and not (v.warmup_epochs or v.warmup_steps) and v.scheduler != "onecycle",
         f"--warmup_start_lr {v.warmup_start_lr:g}: there is no warm-up; give --warmup_epochs or --warmup_steps"),
        (v.use_multigpu and v.device not in (None, "cuda"),
         f"--device {v.device}: one device; --use_multigpu takes all"),
    ]
    return [message for wrong, message in rules if wrong]


# --------------------------------------------------------------------------------------------- printing
def _show(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def print_flags(argv: list[str]) -> int:
    """`python arguments.py [flags of train.py]`: every flag by group, its value and where that is from."""
    try:
        args = resolve(arguments.TRAIN, argv)
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
            shown = _show(value) if value not in (None, []) else "-"
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
        print(f"  {name:<28} {_show(value):<18} {'[' + _source_of(name, args) + ']' if name in values else ''}")


def _source_of(name: str, args: argparse.Namespace) -> str:
    if any(word.startswith(f"{name}=") for word in args.model_args):
        return "command line"
    return "--preset" if args.preset else "data"
