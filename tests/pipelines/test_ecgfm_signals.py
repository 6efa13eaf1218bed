from __future__ import annotations

import numpy as np
import pytest

from src.data.signal import Recording
from src.errors import BadRecord, UserError
from src.pipelines.ecgfm_signals import (
    SignalOptions,
    as_record,
    at_rate,
    lead_numbers,
    originals,
    standardised,
    ten_seconds,
)


def recording(signal: np.ndarray, rate_hz: float = 500, leads: tuple[str, ...] = ("I", "II")) -> Recording:
    return Recording("40", signal.astype(np.float32), rate_hz, leads, "mV")


@pytest.fixture
def two_leads():
    return np.random.default_rng(0).normal(2.0, 3.0, size=(2, 5000))


def test_one_lead_is_copied_to_all_twelve_rows(two_leads):
    feats = ten_seconds(recording(two_leads), (2,), SignalOptions()).feats
    assert feats.shape == (12, 5000)
    assert feats.dtype == np.float32
    assert (feats == feats[0]).all()
    assert np.allclose(feats[0], (two_leads[1] - two_leads[1].mean()) / two_leads[1].std(), atol=1e-5)


def test_of_several_leads_each_lies_in_its_row_and_the_others_are_zero(two_leads):
    feats = ten_seconds(recording(two_leads, leads=("V2", "aVL")), lead_numbers(["aVL,V2"]), SignalOptions()).feats
    assert np.flatnonzero(feats.any(axis=1)).tolist() == [4, 7]
    assert np.allclose(feats[7], standardised(two_leads)[0], atol=1e-5)


def test_missing_samples_are_the_mean_or_bridged_or_stay_or_leave_the_record_out(two_leads):
    two_leads[0, 100:200] = np.nan
    found = ten_seconds(recording(two_leads), (1,), SignalOptions())
    assert found.missing == 100
    assert (found.feats[0, 100:200] == 0).all()
    assert np.isfinite(found.feats).all()
    bridged = ten_seconds(recording(two_leads), (1,), SignalOptions(gaps="interpolate")).feats
    assert np.allclose(np.diff(bridged[0, 99:201], n=2), 0, atol=1e-5)
    assert np.isnan(ten_seconds(recording(two_leads), (1,), SignalOptions(gaps="keep")).feats[0]).sum() == 100
    with pytest.raises(BadRecord, match="100 samples are missing"):
        ten_seconds(recording(two_leads), (1,), SignalOptions(gaps="drop"))


@pytest.mark.parametrize("lead", [np.full(5000, 0.7), np.full(5000, np.nan)])
def test_a_flat_or_absent_lead_leaves_the_record_out_and_is_zero_as_in_the_original(two_leads, lead):
    two_leads[0] = lead
    with pytest.raises(BadRecord, match="1 of 1 leads hold one number, or none"):
        ten_seconds(recording(two_leads), (1,), SignalOptions())
    found = ten_seconds(recording(two_leads), (1,), originals(SignalOptions(samples=9)))
    assert found.flat == 1
    assert not found.feats.any()


def test_a_lead_that_is_not_there_is_named(two_leads):
    with pytest.raises(BadRecord, match="has no lead V6"):
        ten_seconds(recording(two_leads), (1, 12), SignalOptions())
    with pytest.raises(UserError, match="MLII is none of the leads"):
        lead_numbers(["MLII"])


def test_the_proper_filter_takes_out_what_the_slower_rate_cannot_hold():
    time = np.arange(10000) / 1000
    fast = np.sin(2 * np.pi * 400 * time)[None]
    assert np.abs(at_rate(fast, 1000)).max() > 0.5  # as the original: 400 Hz come back as 100 Hz
    assert np.abs(at_rate(fast, 1000, SignalOptions(resampling="polyphase"))[:, 100:-100]).max() < 0.05


def test_the_proper_filter_keeps_gaps():
    signal = np.random.default_rng(0).normal(size=(1, 10000))
    signal[0, 4000:5000] = np.nan
    found = at_rate(signal, 1000, SignalOptions(resampling="polyphase"))
    assert np.isnan(found[0, 2010:2490]).all()
    assert np.isfinite(found[0, :1900]).all()


def test_shorter_records_are_left_out_and_longer_ones_cut_on_request(two_leads):
    assert ten_seconds(recording(two_leads), (1,), SignalOptions(samples=2500)).feats.shape == (12, 2500)
    with pytest.raises(BadRecord, match="has 5000 samples"):
        ten_seconds(recording(two_leads), (1,), SignalOptions(samples=6000))


def test_the_true_rate_is_written_but_the_originals_is_always_500(two_leads):
    source = recording(two_leads, rate_hz=250)
    found = ten_seconds(source, (1,), SignalOptions())
    ours, theirs = (as_record(found, 40, source, replica) for replica in (False, True))
    assert (ours["org_sample_rate"], ours["org_sample_size"]) == ([[250]], [[5000]])
    assert (theirs["org_sample_rate"], theirs["org_sample_size"]) == ([[500]], [[10000]])
    assert ours["curr_sample_size"] == [[10000]]
    assert ours["idx"] == [[40]]
