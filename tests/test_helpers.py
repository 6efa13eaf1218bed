"""The comparison that the tests of resuming rest on must see every difference."""

from __future__ import annotations

import pytest
import torch

from tests.helpers import difference

ONE, OTHER = torch.tensor([1.0, 0.0]), torch.tensor([1.0, -0.0])  # equal in value, not in bits


@pytest.mark.parametrize(("first", "second"), [
    (ONE, OTHER), (ONE, ONE.double()), (ONE, ONE[None]), ({"a": ONE}, {"a": OTHER}), ({"a": 1}, {"b": 1}),
    ([ONE], [OTHER]), ([1], [1, 2]), (1, 2), ("a", None), ({"a": [{"b": 1.0}]}, {"a": [{"b": 1.5}]}),
], ids=str)
def test_a_difference_is_never_an_empty_answer(first, second):
    assert difference(first, second)


@pytest.mark.parametrize("value", [ONE, {"a": [ONE, 1, None]}, float("nan"), (), "a"], ids=str)
def test_a_value_does_not_differ_from_itself(value):
    assert difference(value, value) == ""


def test_the_place_of_a_difference_is_told():
    assert difference({"a": [1, {"b": ONE}]}, {"a": [1, {"b": OTHER}]}) == ".a[1].b"
