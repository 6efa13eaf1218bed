"""Every file of every golden folder, by its kind."""

from __future__ import annotations

import pytest
import torch

from tests.golden.adapters import adapters_of
from tests.golden.folder import Case


def test_our_numbers_are_the_stored_ones(golden_case: Case) -> None:
    if golden_case.is_input:
        pytest.skip("tolerance null: an input, not a result")
    adapters = adapters_of(golden_case)
    if not adapters:
        pytest.skip(f"kind {golden_case.kind} is not built yet")
    for adapter in adapters:
        torch.manual_seed(0)
        adapter(golden_case)
