"""The upper rungs of the simulated data's ladder: networks by the command line.

Chance is 0.083 (12 words) and 0.5 (AUROC); the strongest classical baselines reach about 0.42 and 0.85.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import train


def run(folder: Path, *words: str) -> dict[str, float]:
    """Train, then the test part's metrics with the best weights."""
    name = "run"
    assert train.main([*words, "--seeds", "1", "--save_dir", str(folder), "--experiment_name", name,
                       "--no_use_tensorboard"]) == 0
    lines = (folder / f"{name}-seed1" / "metrics.jsonl").read_text().splitlines()
    return next(row["metrics"] for row in map(json.loads, reversed(lines)) if row["event"] == "test")


@pytest.mark.slow
def test_resnet1d_is_above_every_classical_rung_on_simulated_ecg(tmp_path):
    assert run(tmp_path, "--model", "resnet1d", "--preset", "small")["auroc"] >= 0.93


@pytest.mark.slow
def test_permuted_labels_leave_an_ecg_network_at_chance(tmp_path):
    found = run(tmp_path, "--model", "cnn", "--control", "permute_labels", "--epochs", "4")
    assert 0.44 <= found["auroc"] <= 0.56


@pytest.mark.slow
def test_noise_in_place_of_signals_leaves_an_ecg_network_at_chance(tmp_path):
    found = run(tmp_path, "--model", "cnn", "--control", "noise", "--epochs", "2")
    assert 0.44 <= found["auroc"] <= 0.56


@pytest.mark.slow
def test_duin_is_above_the_classical_rungs_on_simulated_seeg(tmp_path):
    found = run(tmp_path, "--model", "duin_cls", "--dataset_args", "seed=1")
    assert found["accuracy"] >= 0.52


@pytest.mark.slow
def test_permuted_labels_leave_duin_at_chance(tmp_path):
    found = run(tmp_path, "--model", "duin_cls", "--preset", "small", "--control", "permute_labels", "--epochs", "8",
                "--dataset_args", "seed=1")
    assert 0.02 <= found["accuracy"] <= 0.15
