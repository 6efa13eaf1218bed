"""fairseq-signals' perturbations and 3KG's views as augmentations (their formulas: tests/golden)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from src.data import transforms_fairseq as fairseq
from src.data.leads import STANDARD_12
from src.data.signal import Sample, SignalSpec
from src.data.transforms import augment_recorded, by_stage, parse_augmentation
from src.errors import UserError

SPEC = SignalSpec(STANDARD_12, 250.0, "mV", 500)
EXAMPLE = dict.fromkeys(fairseq.FAIRSEQ, "0.5") | {"vcg_scaling": "1.5", "conditional_leads_masking": "4,5"}
GOLDEN = Path(__file__).parents[1] / "golden/data/fairseq"


def ecg(seed: int = 0) -> np.ndarray:
    signal = np.random.default_rng(seed).standard_normal((12, 500)).astype(np.float32)
    return fairseq.with_limb_leads(signal)


def changed(text: str, seed: int = 1) -> np.ndarray:
    recorded, later = by_stage(parse_augmentation([text], spec=SPEC))
    assert not later, "they see the signal before the normaliser"
    return augment_recorded(Sample(ecg()), recorded, np.random.default_rng(seed)).signal


class Stored:
    """In place of a generator: the draws that the original made, `{number}_{function}`, in their order."""

    def __init__(self, arrays):
        keys = sorted((key for key in arrays if "/draw" in key), key=lambda key: int(key[10:].split("_")[0]))
        self.left = [(key.split("_")[1], arrays[key]) for key in keys]

    def _next(self, function: str):
        expected, value = self.left.pop(0)
        assert function == expected
        return value.item() if value.size == 1 else value

    def uniform(self, *_, **__):
        return self._next("uniform")

    def normal(self, *_, **__):
        return self._next("normal")

    def choice(self, *_, **__):
        return self._next("choice")

    standard_normal = normal


def golden(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"perturb_{name}.npz", allow_pickle=False) as file:
        return dict(file)


def drawn_as_stored(arrays: dict[str, np.ndarray], text: str) -> tuple[np.ndarray, Stored]:
    """The stored record after `text`, and what is left of the draws."""
    spec = SignalSpec(STANDARD_12, 500.0, "mV", 300)
    draws = Stored(arrays)
    recorded, _ = by_stage(parse_augmentation([text], spec=spec))
    return augment_recorded(Sample(arrays["input/ecg"].copy()), recorded, draws).signal, draws  # type: ignore[arg-type]


PERTURBED = {"powerline": "fairseq_powerline=0.5", "emg": "fairseq_emg=0.5", "baseline_wander": "fairseq_wander=0.5",
             "random_leads_mask": "random_leads_masking=0.5"}


@pytest.mark.parametrize("name", PERTURBED)
def test_the_gate_and_all_other_draws_come_in_the_order_of_the_original(name):
    arrays = golden(name)
    found, draws = drawn_as_stored(arrays, f"{PERTURBED[name]}@1")
    assert draws.left == []
    np.testing.assert_allclose(found, arrays["output/ecg"], atol=1e-6, rtol=1e-6)


def test_a_shift_draws_in_the_order_of_the_original():
    arrays = golden("baseline_shift")
    sign, size, length, start = (arrays[f"input/draw{draw}"] for draw in ("1_choice", "2_uniform", "3_normal",
                                                                        "4_uniform"))
    found, draws = drawn_as_stored(arrays, "fairseq_shift=0.25@1")
    assert [function for function, _ in draws.left] == ["normal", "uniform"], "those of its second stretch"
    once = fairseq.baseline_shift(arrays["input/ecg"], sign, float(size.item()), [(float(start), float(length))])
    np.testing.assert_allclose(found, fairseq.with_limb_leads(once), atol=1e-6)


@pytest.mark.parametrize("text", [*PERTURBED.values(), "fairseq_shift=0.25"])
def test_a_gate_above_the_probability_leaves_the_record_and_draws_no_more(text):
    arrays = golden("emg")  # its gate is 0.78
    found, draws = drawn_as_stored(arrays, f"{text}@0.78")
    np.testing.assert_array_equal(found, arrays["input/ecg"])
    assert len(draws.left) == 2


@pytest.mark.parametrize("name", EXAMPLE)
def test_each_changes_the_signal_by_its_generator_alone(name):
    text = f"{name}={EXAMPLE[name]}"
    first = changed(text)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert not np.array_equal(first, ecg())
    np.testing.assert_array_equal(first, changed(text))
    assert not np.array_equal(first, changed(text, seed=2))


@pytest.mark.parametrize("name", ["fairseq_powerline", "fairseq_emg", "fairseq_shift", "fairseq_wander",
                                  "vcg_rotation"])
def test_limb_leads_follow_from_the_first_two(name):
    found = changed(f"{name}=0.5")
    np.testing.assert_allclose(found, fairseq.with_limb_leads(found.copy()), atol=1e-5)


def test_a_shift_is_one_less_its_size_in_the_original():
    moved = (changed("fairseq_shift=0.1") - ecg())[fairseq.INDEPENDENT]
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


def hidden(text: str, seed: int, channels: tuple[str, ...] = STANDARD_12) -> list[str]:
    """The leads that are zero."""
    recorded, _ = by_stage(parse_augmentation([text], spec=SignalSpec(channels, 250.0, "mV", 20)))
    found = augment_recorded(Sample(np.ones((len(channels), 20), np.float32)), recorded, np.random.default_rng(seed))
    return [lead for lead, row in zip(channels, found.signal) if not row.any()]


def test_as_many_limb_leads_and_chest_leads_are_masked_as_are_asked_for():
    found = [hidden("conditional_leads_masking=4,5", seed) for seed in range(100)]
    assert {(len(set(leads) & set(STANDARD_12[:6])), len(leads)) for leads in found} == {(4, 9)}
    share = {lead: sum(lead in leads for leads in found) for lead in STANDARD_12}
    assert all(50 <= share[lead] <= 82 for lead in STANDARD_12[:6]), share  # 67 expected
    assert all(70 <= share[lead] <= 96 for lead in STANDARD_12[6:]), share  # 83 expected


def test_limb_and_chest_leads_are_known_by_name():
    others = ("v1", "Lead I", "MLII", "V6", "aVF")
    assert hidden("conditional_leads_masking=0,2", 0, others) == ["v1", "V6"]
    assert hidden("conditional_leads_masking=2,0", 0, others) == ["Lead I", "aVF"]
    assert hidden("conditional_leads_masking=0,0", 0, ("A1", "A2")) == []


@pytest.mark.parametrize("numbers", ["7,0", "0,7", "-1,3", "1.5,3", "nan,3"])
def test_more_masked_leads_than_there_are_and_parts_of_leads_are_refused(numbers):
    with pytest.raises(UserError, match="how many of the 6 limb leads, and of the 6 chest leads"):
        parse_augmentation([f"conditional_leads_masking={numbers}"], spec=SPEC)


@pytest.mark.parametrize("text", ["conditional_leads_masking=4", "conditional_leads_masking=4,5,6",
                                  "conditional_leads_masking=4,five"])
def test_conditional_masking_takes_two_numbers(text):
    with pytest.raises(UserError, match="expected conditional_leads_masking=LIMB,CHEST"):
        parse_augmentation([text], spec=SPEC)


@pytest.mark.parametrize("name", ["fairseq_emg", "vcg_rotation"])
def test_other_leads_and_numbers_out_of_range_are_refused(name):
    with pytest.raises(UserError, match="needs the leads I, II"):
        parse_augmentation([f"{name}=0.1"], spec=SignalSpec(("I", "II"), 250.0, "mV", 500))
    with pytest.raises(UserError, match="at least 0"):
        parse_augmentation([f"{name}=-1"], spec=SPEC)
    with pytest.raises(UserError, match="at least 0"):
        parse_augmentation([f"{name}=inf"], spec=SPEC)
