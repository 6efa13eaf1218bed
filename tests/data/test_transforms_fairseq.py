"""fairseq-signals' perturbations and 3KG's views as augmentations (their formulas: tests/golden)."""

from __future__ import annotations

import numpy as np
import pytest

from src.data import transforms_fairseq as fairseq
from src.data.leads import STANDARD_12
from src.data.signal import Sample, SignalSpec
from src.data.transforms import augment_recorded, by_stage, parse_augmentation
from src.errors import UserError

SPEC = SignalSpec(STANDARD_12, 250.0, "mV", 500)
NAMES = list(fairseq.FAIRSEQ)


def ecg(seed: int = 0) -> np.ndarray:
    signal = np.random.default_rng(seed).standard_normal((12, 500)).astype(np.float32)
    return fairseq.with_limb_leads(signal)


def changed(text: str, seed: int = 1) -> np.ndarray:
    recorded, later = by_stage(parse_augmentation([text], spec=SPEC))
    assert not later, "they see the signal before the normaliser"
    return augment_recorded(Sample(ecg()), recorded, np.random.default_rng(seed)).signal


@pytest.mark.parametrize("name", NAMES)
def test_each_changes_the_signal_by_its_generator_alone(name):
    text = f"{name}=0.5" if name != "vcg_scaling" else "vcg_scaling=1.5"
    first = changed(text)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert not np.array_equal(first, ecg())
    np.testing.assert_array_equal(first, changed(text))
    assert not np.array_equal(first, changed(text, seed=2))


@pytest.mark.parametrize("name", ["fairseq_powerline", "fairseq_emg", "fairseq_wander", "vcg_rotation"])
def test_limb_leads_follow_from_the_first_two(name):
    found = changed(f"{name}=0.5")
    np.testing.assert_allclose(found, fairseq.with_limb_leads(found.copy()), atol=1e-5)


def test_a_shift_is_one_less_its_size_in_the_original():
    moved = changed("fairseq_shift=0.1") - ecg()
    size = np.abs(moved[np.abs(moved) > 0.5])
    assert 0.9 - 1e-4 <= size.min() <= size.max() <= 1.1 + 1e-4


def test_a_view_through_the_dipole_without_a_change_keeps_what_the_dipole_explains():
    once = fairseq.through_vcg(ecg().astype(float), np.eye(3))
    np.testing.assert_allclose(fairseq.through_vcg(once, np.eye(3))[fairseq.INDEPENDENT], once[fairseq.INDEPENDENT],
                               atol=1e-9)


def test_every_lead_loses_its_own_stretch_round_the_end():
    found = fairseq.mask_around(np.ones((2, 10)), np.array([8, 1]), 4)
    assert [np.flatnonzero(row == 0).tolist() for row in found] == [[0, 1, 8, 9], [1, 2, 3, 4]]


def test_about_half_of_the_leads_are_masked():
    zero = [(~changed("random_leads_masking=0.5", seed).any(axis=1)).mean() for seed in range(200)]
    assert 0.45 < np.mean(zero) < 0.55


@pytest.mark.parametrize("name", ["fairseq_emg", "vcg_rotation"])
def test_other_leads_and_numbers_out_of_range_are_refused(name):
    with pytest.raises(UserError, match="needs the leads I, II"):
        parse_augmentation([f"{name}=0.1"], spec=SignalSpec(("I", "II"), 250.0, "mV", 500))
    with pytest.raises(UserError, match="at least 0"):
        parse_augmentation([f"{name}=-1"], spec=SPEC)
