"""Lead names, the order of the twelve leads, and limb leads derived from one another."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.data.leads import LIMB_LEADS, STANDARD_12, derive_limb_leads, in_order, normalise_leads
from src.data.readers import read_recording
from src.data.signal import Recording
from src.errors import UserError


def limb_leads(samples=50, seed=0):
    """Any potentials of the three electrodes (right arm, left arm, left leg) -> the six limb leads by definition."""
    right, left, leg = np.random.default_rng(seed).normal(0, 1, (3, samples))
    return np.stack([left - right, leg - right, leg - left, right - (left + leg) / 2, left - (right + leg) / 2,
                     leg - (right + left) / 2]).astype(np.float32)


def recording(names, signal, **metadata):
    return Recording("r", np.asarray(signal, np.float32), 500.0, tuple(names), "mV", metadata)


def test_usual_spellings_become_the_standard_names_and_others_stay():
    found = normalise_leads(["DI", "Lead II", "ECG III", "AVR", "avl", "MDC_ECG_LEAD_aVF", "v1", "ECG lead V2",
                             "Lead V3 (Einthoven)", "MLII", "C4", "D1", "-aVR", "vx", "EKG V5", "RESP"])
    assert found == ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "MLII", "C4", "D1", "-aVR", "vx", "V5",
                     "RESP")


def test_two_names_never_become_one():
    assert normalise_leads(["I", "Lead I", "DI"]) == ("I", "Lead I", "DI")
    assert normalise_leads(["Lead I", "DI"]) == ("I", "DI")
    assert normalise_leads(["Lead I", "I"]) == ("Lead I", "I")


@pytest.mark.parametrize("pair", list(combinations(range(6), 2)))
def test_any_two_limb_leads_give_the_other_four(pair):
    leads = limb_leads()
    found = derive_limb_leads(leads[list(pair)], [LIMB_LEADS[number] for number in pair])
    assert set(found) == set(LIMB_LEADS) - {LIMB_LEADS[number] for number in pair}
    for lead, row in found.items():
        assert row.dtype == np.float32
        assert np.allclose(row, leads[LIMB_LEADS.index(lead)], atol=3e-6)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(STANDARD_12)), st.integers(0, 1000))
def test_the_identities_hold_and_absent_leads_are_nan_whatever_is_there(there, seed):
    rng = np.random.default_rng(seed)
    whole = dict(zip(STANDARD_12, np.concatenate([limb_leads(20, seed), rng.normal(size=(6, 20))])))
    names = rng.permutation(sorted(there)).tolist()
    found = in_order(recording(names, np.reshape([whole[name] for name in names], (len(names), 20))))
    assert found.channel_names == STANDARD_12
    limbs = there & set(LIMB_LEADS)
    known = there | (set(LIMB_LEADS) if len(limbs) >= 2 else set())
    signal = dict(zip(STANDARD_12, found.signal))
    for name in STANDARD_12:
        assert np.isnan(signal[name]).all() != (name in known)
        assert name not in there or np.array_equal(signal[name], np.float32(whole[name]))
    assert set(found.metadata.get("derived_leads", ())) == known - there
    if len(limbs) >= 2:
        assert np.allclose(signal["III"], signal["II"] - signal["I"], atol=1e-5)
        assert np.allclose(signal["aVR"] + signal["aVL"] + signal["aVF"], 0, atol=1e-5)
        assert np.allclose(signal["aVF"], (signal["II"] + signal["III"]) / 2, atol=1e-5)


def test_a_lead_of_nothing_but_nan_is_derived_and_one_with_a_gap_is_kept():
    leads = limb_leads()
    leads[2], leads[1, :5] = np.nan, np.nan
    found = in_order(recording(LIMB_LEADS, leads), LIMB_LEADS)
    assert found.metadata["derived_leads"] == ("III",)
    assert np.isnan(found.signal[1, :5]).all()
    assert not np.isnan(found.signal[2, 5:]).any()
    assert np.isnan(in_order(recording(LIMB_LEADS, leads), LIMB_LEADS, derive=False).signal[2]).all()


def test_channels_in_another_unit_are_brought_to_that_of_the_recording():
    leads = limb_leads()[:2] * [[1], [1000]]
    found = in_order(recording(["I", "II"], leads, units=("mV", "uV"), gains=(1, 2)), LIMB_LEADS)
    assert np.allclose(found.signal, limb_leads(), atol=1e-5)
    assert found.metadata["units"] == ("mV",) * 6
    assert "gains" not in found.metadata
    with pytest.raises(UserError, match="channel Pleth is in NU"):
        in_order(recording(["I", "Pleth"], leads, units=("mV", "NU")), ["Pleth"])


def test_leads_are_found_by_any_spelling_and_in_any_order():
    found = in_order(recording(["V1", "Lead I", "AVR"], np.arange(6).reshape(3, 2)), ["aVR", "I"])
    assert found.signal.tolist() == [[4, 5], [2, 3]]


def test_leads_of_an_empty_recording_are_empty():
    assert in_order(recording([], np.zeros((0, 0)))).signal.shape == (12, 0)


def test_the_limb_leads_of_real_recordings_follow_from_two_of_them_within_rounding(recordings):
    worst = 0.0
    for path in sorted((recordings / "ptbxl").rglob("*.hea")):
        found = read_recording(path)
        limbs = in_order(found, LIMB_LEADS).signal
        derived = derive_limb_leads(limbs[:2], LIMB_LEADS[:2])
        worst = max(worst, *(float(np.abs(row - limbs[LIMB_LEADS.index(lead)]).max()) for lead, row in derived.items()))
    assert 0 < worst <= 0.0016  # mV: a lead is rounded to steps of 0.001 mV by itself
