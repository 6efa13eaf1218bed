from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest

from src.errors import UserError
from src.options import build, flatten, from_dict, leaves, to_dict


@dataclass(frozen=True)
class Inner:
    blocks: int = 8
    rate: float | None = None


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=lambda: Inner(blocks=3))
    sizes: tuple[int, ...] = (1, 2)
    pair: tuple[int, str] = (1, "a")
    fast: bool = False
    kind: Literal["plain", "fancy"] = "plain"
    name: str = ""


def test_strings_become_the_types_of_the_fields():
    config = build(Outer, {"inner.blocks": "4", "inner.rate": "1e-3", "sizes": "(32, 32,4)", "pair": "7,b",
                           "fast": "Yes", "kind": "fancy", "name": "x"})
    assert config == Outer(Inner(4, 1e-3), (32, 32, 4), (7, "b"), True, "fancy", "x")


def test_the_outer_default_of_a_nested_option_is_kept():
    assert build(Outer, {"inner.rate": "2"}).inner == Inner(3, 2.0)
    assert build(Outer, {"inner.rate": "none"}).inner.rate is None


def test_values_that_are_typed_already_pass():
    assert build(Outer, {"sizes": [5], "fast": True, "inner.blocks": 2.0}) == Outer(Inner(2), (5,), fast=True)


def test_everything_wrong_is_said_at_once_with_the_nearest_name():
    with pytest.raises(UserError) as caught:
        build(Outer, {"inner.blcks": "1", "fast": "maybe", "inner.rate": "x", "kind": "fancier", "sizes": "1,a"})
    text = str(caught.value)
    assert "did you mean inner.blocks?" in text
    assert "expected true or false" in text
    assert "inner.rate=x: expected a number" in text
    assert "did you mean fancy?" in text
    assert "sizes=1,a: expected a whole number" in text


@pytest.mark.parametrize("value", ["1.5", "inf", "nan", "", "1,2"])
def test_whole_numbers_only_for_int(value):
    with pytest.raises(UserError, match="whole number"):
        build(Inner, {"blocks": value})


def test_dicts_round_trip_through_plain_values():
    config = Outer(Inner(5, 0.5), (9,), (2, "z"), True, "fancy", "n")
    assert from_dict(Outer, to_dict(config)) == config
    assert build(Outer, flatten(config)) == config
    assert list(leaves(Outer))[:2] == ["inner.blocks", "inner.rate"]
