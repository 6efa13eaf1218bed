"""The trace of --profile, however short the run is."""

from __future__ import annotations

import json

import pytest

from tests.helpers import make_trainer


@pytest.mark.parametrize("updates", [1, 2, 9, 12])
def test_a_run_of_any_length_writes_a_trace(tmp_path, updates):
    make_trainer(tmp_path, max_steps=updates, profile=True).train()
    trace = json.loads((tmp_path / "run/trace.json").read_text())
    assert any("conv" in str(event.get("name")) for event in trace["traceEvents"])


def test_a_run_that_ends_before_the_recorded_updates_says_so(tmp_path, capfd):
    more = {"early_stopping": True, "patience": 1, "min_delta": 10.0, "grad_accum_steps": 6, "epochs": 40}
    make_trainer(tmp_path, profile=True, **more).train()  # stops after two updates
    assert "--profile: the run ended before" in capfd.readouterr().err
    assert not (tmp_path / "run/trace.json").exists()
