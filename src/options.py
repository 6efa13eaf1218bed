"""Frozen dataclasses of options from dotted `key=value` strings, and back to plain dicts.

A model's or data set's `Config` is the only list of its options: unknown keys are refused with the nearest name,
and every value is checked against the field's type. Nested dataclasses are reached with dots (`encoder.n_blocks=4`).
"""

from __future__ import annotations

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from src.errors import UserError, did_you_mean

T = TypeVar("T")
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def build(config_class: type[T], values: dict[str, Any], what: str = "option") -> T:
    """An instance of `config_class` from {"dotted.key": string or value}; everything wrong is said in one UserError."""
    known = leaves(config_class)
    problems, parsed = [], {}
    for key, value in values.items():
        if key not in known:
            problems.append(f"unknown {what} {key!r}{did_you_mean(key, known)}")
            continue
        try:
            parsed[key] = parse(value, known[key])
        except ValueError as error:
            problems.append(f"{key}={_shown(value)}: {error}")
    if problems:
        names = ", ".join(known) if known else "none"
        raise UserError("\n".join(problems), f"{what}s of {config_class.__qualname__}: {names}")
    return _assemble(config_class, parsed)


def key_values(words: list[str]) -> dict[str, str]:
    """["a=1", "b.c=2"] -> {"a": "1", "b.c": "2"}."""
    wrong = [word for word in words if "=" not in word]
    if wrong:
        raise UserError(f"{wrong[0]!r}: key=value is expected", "for instance --model_args width=64 dropout=0.1")
    return dict(word.split("=", 1) for word in words)


def leaves(config_class: type) -> dict[str, Any]:
    """Every option by its dotted name -> its type, in order of declaration."""
    found: dict[str, Any] = {}
    for name, kind in _hints(config_class).items():
        if is_dataclass(kind):
            found.update({f"{name}.{inner}": inner_kind for inner, inner_kind in leaves(kind).items()})
        else:
            found[name] = kind
    return found


def flatten(config: Any) -> dict[str, Any]:
    """Every option of an instance by its dotted name -> its value."""
    found: dict[str, Any] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if is_dataclass(value):
            found.update({f"{field.name}.{inner}": leaf for inner, leaf in flatten(value).items()})
        else:
            found[field.name] = value
    return found


def to_dict(config: Any) -> dict[str, Any]:
    """Nested plain dicts, lists, numbers and strings: fit for JSON and for a checkpoint."""
    return {field.name: _plain(getattr(config, field.name)) for field in fields(config)}


def from_dict(config_class: type[T], values: dict[str, Any], what: str = "option") -> T:
    """The instance that `to_dict` described; options missing from `values` keep their defaults."""
    return build(config_class, _dotted(config_class, values), what)


def parse(value: Any, kind: Any) -> Any:
    """`value`, a person's string or a file's plain value, as `kind`; raises ValueError with what is allowed."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        return _parse_union(value, inner)
    if origin is Literal:
        if value not in inner:
            raise ValueError(f"expected one of {', '.join(map(str, inner))}{did_you_mean(str(value), map(str, inner))}")
        return value
    if origin in (tuple, list) or kind in (tuple, list):
        return _parse_sequence(value, origin or kind, inner)
    return _parse_scalar(value, kind)


def _parse_scalar(value: Any, kind: type) -> Any:
    text = value.strip() if isinstance(value, str) else value
    if kind is bool:
        if isinstance(text, bool):
            return text
        if str(text).lower() in TRUE + FALSE:
            return str(text).lower() in TRUE
        raise ValueError("expected true or false")
    if kind is str:
        return str(value)
    if kind not in (int, float):
        raise ValueError(f"options of type {kind!r} cannot be set from text")
    try:
        number = float(text)
        if kind is int:
            return int(text) if isinstance(text, str) and text.lstrip("+-").isdigit() else _whole(number)
        return number
    except (TypeError, ValueError):
        raise ValueError("expected a whole number" if kind is int else "expected a number") from None


def _whole(number: float) -> int:
    if not number.is_integer():
        raise ValueError
    return int(number)


def _parse_union(value: Any, kinds: tuple) -> Any:
    if type(None) in kinds and (value is None or str(value).strip().lower() in ("none", "null")):
        return None
    reasons = []
    for kind in (kind for kind in kinds if kind is not type(None)):
        try:
            return parse(value, kind)
        except ValueError as error:
            reasons.append(str(error))
    raise ValueError(" or ".join(dict.fromkeys(reasons)))


def _parse_sequence(value: Any, kind: type, inner: tuple) -> Any:
    if isinstance(value, str):
        text = value.strip().strip("()[]").strip()
        value = [part.strip() for part in text.strip(",").split(",")] if text else []
    elif not isinstance(value, (list, tuple)):
        value = [value]
    if not inner:
        return kind(value)
    if kind is tuple and inner[-1] is not Ellipsis:
        if len(value) != len(inner):
            raise ValueError(f"expected {len(inner)} values separated by commas, found {len(value)}")
        return tuple(parse(part, each) for part, each in zip(value, inner))
    return kind(parse(part, inner[0]) for part in value)


def _hints(config_class: type) -> dict[str, Any]:
    hints = get_type_hints(config_class)
    return {field.name: hints[field.name] for field in fields(config_class)}  # type: ignore[arg-type]


def _assemble(config_class: type[T], values: dict[str, Any]) -> T:
    """`values` by dotted name, already of the right types; nested defaults of the outer class are kept."""
    arguments: dict[str, Any] = {}
    for field in fields(config_class):  # type: ignore[arg-type]
        if field.name in values:
            arguments[field.name] = values[field.name]
            continue
        inner = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(field.name + ".")}
        if inner:
            arguments[field.name] = _replace(_default(field), _hints(config_class)[field.name], inner)
    try:
        return config_class(**arguments)
    except ValueError as error:
        raise UserError(f"{config_class.__qualname__}: {error}") from error


def _replace(default: Any, config_class: type, values: dict[str, Any]) -> Any:
    return _assemble(config_class, {**(flatten(default) if default is not None else {}), **values})


def _default(field: Any) -> Any:
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else None


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return to_dict(value)
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def _dotted(config_class: type, values: dict[str, Any]) -> dict[str, Any]:
    hints, found = _hints(config_class), {}
    for name, value in values.items():
        if isinstance(value, dict) and is_dataclass(hints.get(name)):
            found.update({f"{name}.{inner}": leaf for inner, leaf in _dotted(hints[name], value).items()})
        else:
            found[name] = value
    return found


def _shown(value: Any) -> str:
    return str(value) if len(str(value)) <= 60 else str(value)[:57] + "..."
