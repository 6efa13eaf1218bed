"""What stands on a command line and in a `--config` file, as values of the flags' types. Imports no torch.

Mistakes are appended to `errors`, so that all of them are shown together; the nearest right name stands beside a
wrong one.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import arguments
from src.errors import UserError, did_you_mean, nearest

Table = dict[str, arguments.Flag]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise UserError(message, f"{self.prog} --help lists every flag")


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
    shown = "" if flag.default in (None, [], False) else f" ({show(flag.default)})"
    other = "".join(f"; also --{alias}" for alias, name in arguments.ALIASES.items() if name == flag.name)
    text = (flag.help + other + shown).replace("%", "%%")
    if flag.kind is bool:
        section.add_argument(f"--{flag.name}", action="store_const", const="true", default=argparse.SUPPRESS, help=text)
        section.add_argument(f"--no_{flag.name}", dest=flag.name, action="store_const", const="false",
                             default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return
    metavar = "|".join(flag.choices) if 0 < len(flag.choices) <= 6 else flag.name.split("_")[-1].upper()
    more: dict[str, Any] = {"nargs": flag.many} if flag.many is not None else {}
    if flag.many == "?":
        more["const"] = flag.const
    if flag.keyed:
        more["action"] = "extend"
    section.add_argument(f"--{flag.name}", default=argparse.SUPPRESS, help=text, metavar=metavar, **more)


def read_command_line(command: str, argv: list[str], table: Table, errors: list[str]
                      ) -> tuple[dict[str, Any], dict[str, Any]]:
    """The flags that were typed, by name, and what stands without a flag."""
    known = set(table) | {f"no_{name}" for name, flag in table.items() if flag.kind is bool} | {"help"}
    words, keep = [], True
    for word in argv:
        if word.startswith("--") and word != "--":
            name, equals, value = word[2:].partition("=")
            name = _meant(name)
            keep = name in known
            if not keep:
                errors.append(_unknown_flag(name, command, table))
            word = f"--{name}{equals}{value}"
        if keep:
            words.append(word)
    try:
        given = vars(build_parser(command).parse_intermixed_args(words))
    except UserError as error:
        errors.append(error.message)
        return {}, {}
    positionals = {name: given.pop(name) for name in arguments.POSITIONALS.get(command, {})}
    return _convert_all(given, table, errors, "--"), positionals


def _meant(name: str) -> str:
    """The flag's own name for one of its spellings."""
    name = name.replace("-", "_")
    return arguments.ALIASES.get(name, name)


def _unknown_flag(name: str, command: str, table) -> str:
    everywhere = arguments.flags()
    if name in everywhere:
        doors = ", ".join(f"{door}.py" for door in everywhere[name].commands)
        return f"--{name}: not a flag of {command}.py; it belongs to {doors}"
    hits = nearest(name, [*table, *arguments.HABITS])
    hits = [arguments.HABITS.get(hit, hit) for hit in hits]
    return f"--{name}: unknown flag" + (f"; did you mean --{hits[0]}?" if hits else "")


def read_config(path: str | None, table: Table, errors: list[str]) -> dict[str, Any]:
    """The flags that a JSON or TOML file sets."""
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
    values = {_meant(str(name)): value for name, value in values.items()}
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
            errors.append(f"{where}{name} {show(value)}: {error}")
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
    number = dict(flag.spellings).get(number, number)
    if flag.choices and number not in flag.choices:
        near = did_you_mean(str(number), (*flag.choices, *dict(flag.spellings)))
        raise ValueError(f"not one of {', '.join(flag.choices)}{near}")
    return _within_bounds(flag, number)


def _within_bounds(flag: arguments.Flag, number: Any) -> Any:
    if flag.above is not None and not number > flag.above:
        raise ValueError(f"must be more than {flag.above:g}")
    if flag.least is not None and number < flag.least:
        raise ValueError(f"must be at least {flag.least:g}")
    if flag.most is not None and number > flag.most:
        raise ValueError(f"must be at most {flag.most:g}")
    return number


def show(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
