"""Every file of every golden folder, by its kind."""

from __future__ import annotations

import pytest
import torch

from tests.golden.adapters import ADAPTERS
from tests.golden.folder import Case


def test_our_numbers_are_the_stored_ones(golden_case: Case) -> None:
    if golden_case.is_input:
        pytest.skip("tolerance null: an input, not a result")
    adapter = ADAPTERS.get(golden_case.kind)
    if adapter is None:
        pytest.skip(f"kind {golden_case.kind} is not built yet")
    torch.manual_seed(0)
    adapter(golden_case)
