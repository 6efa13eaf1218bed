from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.data.units import unit_factor, unit_name
from src.data.windows import Window, fill_gaps
from src.errors import UserError


@settings(max_examples=40, deadline=None)
@given(rates=st.sampled_from([(500, 100), (360, 250), (300, 500), (257, 128), (1000, 500), (100, 100)]),
       seed=st.integers(0, 99))
def test_a_resampled_crop_equals_the_same_part_of_the_whole_recording_resampled(rates, seed):
    from scipy.signal import resample_poly

    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(2, 3000)).cumsum(axis=1).astype(np.float32)
    window = Window.between(*rates, samples=150)
    whole = resample_poly(signal.astype(np.float64), window.up, window.down, axis=1)
    start = window.start(3000, "random", rng)
    low, high, begin = window.span(3000, start)
    cut = window.cut(signal[:, low:high], begin)
    assert cut.shape == (2, 150)
    assert window.length(3000) == whole.shape[1]
    assert np.allclose(cut, whole[:, start:start + 150], atol=1e-3)


def test_the_window_is_drawn_in_training_and_central_in_evaluation():
    window = Window(10)
    starts = {window.start(30, "random", np.random.default_rng(seed)) for seed in range(200)}
    assert starts == set(range(21))
    assert window.start(30, "random", None) == 10
    assert window.start(30, "center", np.random.default_rng(0)) == 10
    assert window.start(30, "start", np.random.default_rng(0)) == 0
    assert window.start(5, "random", np.random.default_rng(0)) == 0


def test_rates_without_a_near_ratio_are_refused():
    with pytest.raises(UserError, match="cannot resample"):
        Window.between(1_000_000, 0.5, 10)


def test_gaps_are_bridged_in_single_channels_and_zero_where_nothing_was_recorded():
    nan = np.nan
    signal = np.array([[1, nan, 3, nan, 5], [2, 2, 2, nan, 2], [nan] * 5], np.float32)
    filled, present = fill_gaps(signal)
    assert filled.tolist() == [[1, 2, 3, 0, 5], [2, 2, 2, 0, 2], [0] * 5]
    assert present.any(axis=0).tolist() == [True, True, True, False, True]
    assert present.any(axis=1).tolist() == [True, True, False]
    assert fill_gaps(np.ones((1, 3)))[1] is None


def test_units_of_voltage_convert_and_others_do_not():
    assert unit_name("µV") == unit_name("uv") == unit_name("microvolts") == "uV"
    assert unit_factor("mV", "uV") == pytest.approx(1000)
    assert unit_factor("V", "mV") == pytest.approx(1000)
    assert unit_factor("mmHg", "mmHg") == 1
    assert unit_factor("mmHg", "mV") is None
