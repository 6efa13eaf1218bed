"""The checks of a Config."""

from __future__ import annotations

import pytest

from src.errors import UserError
from src.models.checks import at_least, odd, probability


@pytest.mark.parametrize(("check", "good"), [(at_least, 1), (odd, 1), (odd, 7), (probability, 0.0), (probability, 0.9)])
def test_values_at_the_edge_pass(check, good):
    check("option", good)


@pytest.mark.parametrize(("check", "bad"), [
    (at_least, 0), (odd, 0), (odd, 8), (odd, -3), (probability, 1.0), (probability, -0.1), (probability, float("nan")),
])
def test_values_beyond_are_refused_with_the_name_and_the_value(check, bad):
    with pytest.raises(UserError, match=f"option is {bad}, expected") as caught:
        check("option", bad)
    assert "--model_args option=" in caught.value.hint
