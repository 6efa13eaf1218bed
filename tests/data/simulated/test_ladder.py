"""The ladder of difficulty: what classical methods reach says that the data are those of the design."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.ladder import band_powers, ecg_ladder, main, rr_numbers, seeg_ladder
from src.data.simulated.ecg import SimulatedECG


def means(results: list[dict[str, float]]) -> dict[str, float]:
    return {rung: float(np.mean([result[rung] for result in results])) for rung in results[0]}


@pytest.mark.slow
def test_words_are_out_of_reach_for_linear_methods_and_in_part_for_band_powers():
    rungs = means([seeg_ladder(seed=seed) for seed in range(3)])
    assert 0.03 < rungs["band powers, permuted labels"] < 0.14
    assert 0.05 < rungs["linear, raw, 100 Hz"] < 0.15
    assert 0.05 < rungs["linear, raw, 1000 Hz"] < 0.15
    assert 0.26 < rungs["band powers, whole trial"] < 0.38
    assert rungs["band powers, six windows"] > rungs["band powers, whole trial"]


@pytest.mark.slow
def test_findings_are_out_of_reach_for_raw_samples_and_in_part_for_simple_features():
    rungs = means([ecg_ladder(seed=seed) for seed in range(2)])
    assert 0.45 < rungs["simple features, permuted labels"] < 0.55
    assert 0.47 < rungs["logistic, raw samples"] < 0.55
    assert 0.78 < rungs["simple features"] < 0.88
    assert rungs["rich features"] > rungs["simple features"]


def test_band_powers_find_the_band_of_a_wave():
    signal = np.sin(2 * np.pi * 20 * np.arange(3000) / 1000)[None, None]
    features = band_powers(signal.astype(np.float32) + 1e-3, 1).reshape(-1)
    assert features.shape == (7,)
    assert features.argmax() == 3


def test_intervals_between_beats_are_those_of_the_record():
    data = SimulatedECG(SimulatedECG.Config(patients=20, difficulty="easy"))
    normal = [row for row in range(len(data)) if data.label_names(row) == ("NORM",)]
    signals = np.stack([data.read(row)[0].signal for row in normal])
    rates = np.array([data.metadata(row)["rate_bpm"] for row in normal])
    assert np.mean(np.abs(60 / rr_numbers(signals, 100)[:, 0] - rates) < 3) > 0.8


def test_an_unknown_ladder_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["emg"])
    assert "invalid choice" in capsys.readouterr().err
