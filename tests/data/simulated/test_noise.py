from __future__ import annotations

import numpy as np
import pytest

from src.data.cache import RecordCache
from src.data.simulated.noise import band_bins, decimate, put_band, stream, to_signal, unit_variance


def test_band_noise_has_variance_one_and_lies_in_its_band():
    n, rate = 3750, 1000
    spectrum = np.zeros((200, n // 2 + 1), np.complex64)
    put_band(stream(0, 2, 0, 0), spectrum, 70, 105, n, rate)
    signal = to_signal(spectrum, n, 3000)
    assert signal.dtype == np.float32
    assert signal.var() == pytest.approx(1, abs=0.03)
    hz = np.fft.rfftfreq(n, 1 / rate)
    assert hz[np.abs(spectrum).sum(0) > 0].min() >= 70
    assert hz[np.abs(spectrum).sum(0) > 0].max() <= 105


def test_a_band_between_two_bins_takes_the_nearest():
    bins = band_bins(9.1, 9.4, 100, 100)
    assert (bins.start, bins.stop) == (9, 10)


def test_any_spectrum_is_scaled_to_variance_one():
    n, rng = 1000, stream(1, 2, 0, 0)
    falling = 1 / np.maximum(np.arange(n // 2 + 1), 1)
    amplitude = unit_variance(falling * (np.arange(n // 2 + 1) > 0), n)
    draws = rng.standard_normal((500, n // 2 + 1)) + 1j * rng.standard_normal((500, n // 2 + 1))
    assert to_signal(amplitude * draws, n, n).var(0).mean() == pytest.approx(1, abs=0.1)


def test_streams_differ_in_every_part_of_their_key():
    keys = [(0, 2, 0, 0), (1, 2, 0, 0), (0, 3, 0, 0), (0, 2, 1, 0), (0, 2, 0, 1)]
    assert len({stream(*key).random() for key in keys}) == len(keys)


def test_decimation_keeps_slow_waves_and_removes_fast_ones():
    time = np.arange(5000) / 500
    slow = decimate(np.sin(2 * np.pi * 5 * time)[None], 5)[0]
    fast = decimate(np.sin(2 * np.pi * 90 * time)[None], 5)[0]
    inner = slice(50, -50)
    assert slow.shape == (1000,)
    assert np.abs(slow - np.sin(2 * np.pi * 5 * time[::5]))[inner].max() < 5e-3
    assert np.abs(fast[inner]).max() < 5e-3


@pytest.mark.parametrize(("factor", "samples"), [(2, 5000), (5, 5000), (4, 1001)])
def test_decimation_is_the_polyphase_filter_of_scipy(factor, samples):
    from scipy.signal import resample_poly

    signal = stream(0, 2, 0, 0).standard_normal((3, samples))
    np.testing.assert_allclose(decimate(signal, factor), resample_poly(signal, 1, factor, axis=-1), atol=1e-6)


def test_the_cache_stops_growing_when_it_is_full():
    cache, made = RecordCache(0.0008), []  # two records of 400 bytes

    def make(row: int) -> np.ndarray:
        made.append(row)
        return np.full(100, row, np.float32)

    for row in (0, 1, 2, 0, 1, 2):
        assert (cache.get(row, make) == row).all()
    assert made == [0, 1, 2, 2]


def test_changing_a_record_leaves_the_cache_as_it_was():
    cache = RecordCache(1)
    cache.get(0, lambda row: np.zeros(10, np.float32))[:] = 5
    cache.get(0, lambda row: np.zeros(10, np.float32))[:] = 5
    assert (cache.get(0, lambda row: np.ones(10, np.float32)) == 0).all()
