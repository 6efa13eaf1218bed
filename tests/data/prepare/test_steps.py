"""What happens to one recording."""

from __future__ import annotations

import numpy as np
import pytest

from src.data.prepare.options import PrepareConfig, describe
from src.data.prepare.steps import choose, clean, cut, fit, observe, prepare_signal
from src.data.signal import Annotations, Recording
from src.errors import BadRecord, UserError

RATE, SAMPLES = 250.0, 1000
TIME = np.arange(SAMPLES) / RATE


def recording(*rows, leads=("I", "II", "V1"), unit="mV", **more) -> Recording:
    signal = np.stack(rows or (np.sin(10 * TIME), np.cos(10 * TIME), np.sin(25 * TIME))).astype(np.float32)
    return Recording("r", signal, RATE, leads[:len(signal)], unit, **more)


def prepared(found: Recording, **options) -> Recording:
    return prepare_signal(found, PrepareConfig(**options))


def test_without_options_a_recording_stays_as_it_is():
    before = recording()
    after = prepared(before)
    assert np.array_equal(after.signal, before.signal)
    assert (after.sampling_rate_hz, after.channel_names, after.unit) == (RATE, ("I", "II", "V1"), "mV")


def test_the_recording_that_came_in_is_not_changed():
    before = recording(np.sin(10 * TIME), np.full(SAMPLES, 3.0))
    before.signal[0, 5] = np.nan
    copy = before.signal.copy()
    prepared(before, leads=("I", "II"), bandpass=(0.5, 40), gaps="interpolate", flat="zero", scale="zscore",
             resample_hz=100, samples=50)
    assert np.array_equal(before.signal, copy, equal_nan=True)


def test_leads_are_chosen_in_order_and_absent_ones_are_missing():
    after = prepared(recording(), leads=("V1", "I", "V6"))
    assert after.channel_names == ("V1", "I", "V6")
    assert np.array_equal(after.signal[:2], recording().signal[[2, 0]])
    assert np.isnan(after.signal[2]).all()


def test_a_recording_without_any_wanted_lead_is_refused():
    with pytest.raises(BadRecord, match="no number in any of the leads V5, V6"):
        prepared(recording(), leads=("V5", "V6"))


def test_unit_is_converted_channel_by_channel():
    mixed = recording(metadata={"units": ("mV", "uV", "mmHg")})
    after = prepared(mixed, unit="uV")
    assert np.allclose(after.signal[0], 1000 * mixed.signal[0])
    assert np.array_equal(after.signal[1], mixed.signal[1])
    assert np.isnan(after.signal[2]).all(), "a pressure is no voltage"
    with pytest.raises(BadRecord, match="cannot be turned into mV: it is in mmHg"):
        prepared(recording(unit="mmHg"), unit="mV")


@pytest.mark.parametrize("method", ["polyphase", "fourier", "linear"])
def test_another_rate_keeps_a_slow_wave(method):
    after = prepared(recording(), resample_hz=100, resampling=method)
    assert after.sampling_rate_hz == 100
    assert after.signal.shape == (3, 400)
    inside = slice(20, -20)
    wave = np.sin(10 * np.arange(400) / 100)
    assert np.abs(after.signal[0] - wave)[inside].max() < (0.1 if method == "linear" else 0.02)


def test_polyphase_and_fourier_are_anti_aliased_and_linear_is_not():
    fast = recording(np.sin(2 * np.pi * 60 * TIME))
    left = {method: np.abs(prepared(fast, resample_hz=100, resampling=method).signal[0, 20:-20]).max()
            for method in ("polyphase", "fourier", "linear")}
    assert left["polyphase"] < 0.05
    assert left["fourier"] < 0.05
    assert left["linear"] > 0.3


def test_a_constant_has_no_ripple_at_its_ends_after_resampling():
    after = prepared(recording(np.full(SAMPLES, 5.0)), resample_hz=360)
    assert np.abs(after.signal - 5).max() < 0.01, "padded with zeros it would be 2.5"


def test_band_pass_keeps_its_band_without_delay():
    wave = np.sin(2 * np.pi * 10 * TIME)
    noisy = recording(wave + 3 + np.sin(2 * np.pi * 0.05 * TIME) + 0.5 * np.sin(2 * np.pi * 100 * TIME))
    after = prepared(noisy, bandpass=(0.5, 40)).signal[0]
    assert np.abs(after - wave)[200:-200].max() < 0.1, "one sample of delay is 0.25"


def test_notch_takes_out_the_mains_alone():
    wave = np.sin(2 * np.pi * 10 * TIME)
    after = prepared(recording(wave + np.sin(2 * np.pi * 50 * TIME)), notch=(50,)).signal[0]
    assert np.abs(after - wave)[250:-250].max() < 0.05


def test_a_rate_too_low_for_a_filter_needs_none_or_is_refused():
    assert np.array_equal(prepared(recording(), notch=(200,)).signal, recording().signal)
    with pytest.raises(BadRecord, match="holds nothing above 130 Hz"):
        prepared(recording(), bandpass=(130, 140))


@pytest.mark.parametrize(("policy", "expected"), [("keep", np.nan), ("interpolate", 1.5), ("zero", 0.0)])
def test_gaps_follow_their_policy_and_absent_leads_stay_absent(policy, expected):
    found = recording(np.r_[np.full(500, 1.0), np.full(500, 2.0)], np.full(SAMPLES, np.nan))
    found.signal[0, 500] = np.nan
    after = prepared(found, gaps=policy)
    assert np.isclose(after.signal[0, 500], expected, equal_nan=True)
    assert np.isnan(after.signal[1]).all()


def test_a_gap_does_not_spread_through_filters_and_resampling():
    found = recording(np.sin(10 * TIME) + 2)
    found.signal[0, 300:310] = np.nan
    after = prepared(found, bandpass=(0, 40), resample_hz=125).signal[0]
    assert np.isnan(after[150:155]).all()
    assert np.isfinite(np.delete(after, slice(150, 155))).all()
    assert np.abs(after[:145] - np.sin(10 * np.arange(145) / 125) - 2).max() < 0.1


@pytest.mark.parametrize(("policy", "expected"), [("keep", 3.0), ("zero", 0.0), ("drop", np.nan)])
def test_flat_leads_follow_their_policy(policy, expected):
    after = prepared(recording(np.sin(TIME), np.full(SAMPLES, 3.0)), flat=policy)
    assert np.isclose(after.signal[1], expected, equal_nan=True).all()
    assert np.ptp(after.signal[0]) > 0.1


def test_a_flat_lead_is_seen_behind_a_filter():
    after = prepared(recording(np.sin(50 * TIME), np.full(SAMPLES, 3.0)), flat="drop", bandpass=(0.5, 40))
    assert np.isnan(after.signal[1]).all()


def test_all_leads_flat_and_dropped_is_refused():
    with pytest.raises(BadRecord, match="all leads are flat"):
        prepared(recording(np.zeros(SAMPLES)), flat="drop")


def test_scales():
    found = recording(np.linspace(0, 4, SAMPLES), np.full(SAMPLES, 3.0))
    found.signal[0, 0] = np.nan
    z = prepared(found, scale="zscore")
    assert (np.nanmean(z.signal[0]), np.nanstd(z.signal[0])) == pytest.approx((0, 1), abs=1e-4)
    assert (z.signal[1] == 3).all(), "without spread it is left alone"
    robust = prepared(found, scale="robust")
    assert np.nanquantile(robust.signal[0], [0.25, 0.5, 0.75]) == pytest.approx([-0.5, 0, 0.5], abs=1e-4)
    fixed = prepared(found, scale="fixed", fixed=0.5)
    assert np.allclose(fixed.signal[1], 6)
    assert (z.unit, robust.unit, fixed.unit) == ("standard deviations", "interquartile ranges", "0.5 mV")


@pytest.mark.parametrize(("gaps", "pad"), [("keep", np.nan), ("zero", 0.0)])
def test_length_is_cut_or_padded_at_the_end(gaps, pad):
    assert np.array_equal(prepared(recording(), samples=600).signal, recording().signal[:, :600])
    longer = prepared(recording(), samples=1200, gaps=gaps).signal
    assert np.array_equal(longer[:, :1000], recording().signal)
    assert np.isclose(longer[:, 1000:], pad, equal_nan=True).all()


def test_annotations_move_with_the_rate():
    marks = Annotations(np.array([100, 500]), np.array(["N", "V"]), np.array(["", ""]), np.array([0, 50]))
    after = prepared(recording(annotations=marks), resample_hz=125).annotations
    assert after.sample.tolist() == [50, 250]
    assert after.length.tolist() == [0, 25]


def test_a_piece_reaches_beyond_the_recording_as_missing():
    piece = cut(recording(), -10, 20)
    assert np.isnan(piece.signal[:, :10]).all()
    assert np.array_equal(piece.signal[:, 10:], recording().signal[:, :10])
    assert np.isnan(cut(recording(), 2000, 5).signal).all()


def test_what_is_odd_is_observed():
    found = recording(np.sin(TIME), np.full(SAMPLES, 3.0), np.full(SAMPLES, np.nan))
    found.signal[0, :7] = np.nan
    assert observe(found) == {"absent": 1, "flat": 1, "missing": 7}
    assert observe(recording()) == {}


def test_the_three_steps_are_the_whole():
    config = PrepareConfig(leads=("II", "I"), bandpass=(0.5, 40), resample_hz=100, scale="zscore", samples=300)
    assert np.array_equal(fit(clean(choose(recording(), config), config), config).signal,
                          prepare_signal(recording(), config).signal)


@pytest.mark.parametrize("options", [{"bandpass": (40, 0.5)}, {"bandpass": (1,)}, {"bandpass": (0, 0)},
                                     {"notch": (-50,)}, {"samples": -1}, {"resample_hz": -1}, {"fixed": 2},
                                     {"scale": "fixed", "fixed": 0}, {"leads": ("I", "I")}])
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(UserError):
        PrepareConfig(**options)


def test_every_step_is_said_in_order():
    config = PrepareConfig(("I", "II"), "mV", 100, bandpass=(0, 40), notch=(50, 100), gaps="zero", flat="drop",
                           scale="fixed", fixed=2, samples=1000)
    assert describe(config) == (
        "2 leads: I, II", "in mV", "missing samples 0", "low-pass 40 Hz", "notch at 50,100 Hz", "100 Hz (polyphase)",
        "flat leads absent", "over 2", "1000 samples: cut or padded at the end")
    assert describe(PrepareConfig()) == ()


def test_an_empty_recording_is_refused():
    with pytest.raises(BadRecord, match="holds no samples"):
        prepared(Recording("r", np.zeros((2, 0), np.float32), RATE, ("I", "II"), "mV"))
