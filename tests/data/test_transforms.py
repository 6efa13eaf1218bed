from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data.signal import SignalSpec
from src.data.transforms import (
    ChannelDropout,
    Flip,
    Noise,
    Scale,
    Shift,
    TimeMask,
    by_stage,
    parse_augmentation,
    shifted,
)
from src.errors import UserError


def rng(seed=0):
    return np.random.default_rng(seed)


def ramp(channels=3, samples=100):
    return np.tile(np.arange(1, samples + 1, dtype=np.float32), (channels, 1))


@pytest.mark.parametrize(("reach", "most"), [(20, 20), (0.2, 20)])
def test_shift_moves_all_channels_by_one_whole_number_and_fills_with_zeros(reach, most):
    moves = set()
    for seed in range(200):
        moved = Shift(reach)(ramp(), rng(seed))
        assert (moved == moved[0]).all()
        by = int(np.argmax(moved[0] > 0)) if moved[0, -1] != 0 and moved[0, 0] == 0 else -int((moved[0] == 0).sum())
        expected = np.zeros(100)
        expected[max(by, 0):100 + min(by, 0)] = ramp()[0, max(-by, 0):100 - max(by, 0)]
        assert (moved[0] == expected).all()
        moves.add(by)
    assert max(moves) <= most
    assert min(moves) >= -most
    assert len(moves) > 1.5 * most


def test_a_shift_of_nothing_changes_nothing():
    assert (Shift(0)(ramp(), rng()) == ramp()).all()


def test_noise_has_the_stated_deviation_and_scale_one_factor():
    noisy = Noise(0.5)(np.zeros((4, 5000), np.float32), rng())
    assert noisy.dtype == np.float32
    assert abs(noisy.std() - 0.5) < 0.02
    factors = np.array([Scale(0.2)(ramp(), rng(seed))[:, -1] / 100 for seed in range(300)])
    assert (factors.std(axis=1) < 1e-6).all()
    assert abs(np.log(factors[:, 0]).std() - 0.2) < 0.03


def test_flip_turns_the_sign_of_all_channels_together_with_its_probability():
    flipped = [Flip(0.3)(ramp(), rng(seed)) for seed in range(500)]
    assert all((signal == ramp()).all() or (signal == -ramp()).all() for signal in flipped)
    assert abs(np.mean([signal[0, 0] < 0 for signal in flipped]) - 0.3) < 0.06


def test_channel_dropout_never_takes_every_channel():
    kept = np.array([(ChannelDropout(0.9)(ramp(), rng(seed)) != 0).all(axis=1) for seed in range(100)])
    assert kept.any(axis=1).all()
    assert 0.25 < kept.mean() < 0.6


def test_time_mask_blanks_one_stretch_within_its_share():
    blank = [(TimeMask(0.3)(ramp(), rng(seed)) == 0).all(axis=0) for seed in range(100)]
    assert max(part.sum() for part in blank) <= 30
    assert all(np.abs(np.diff(part.astype(int))).sum() <= 2 for part in blank)
    assert np.mean([part.any() for part in blank]) > 0.8


def test_the_same_generator_gives_the_same_signal():
    chain = parse_augmentation(["shift=9", "noise=0.1", "scale=0.1", "flip=0.5", "channel_dropout=0.2",
                                "time-mask=0.2"])
    first, again = ramp(), ramp()
    one, two = rng(3), rng(3)
    for transform in chain:
        first, again = transform(first, one), transform(again, two)
    assert (first == again).all()
    assert first.dtype == np.float32
    assert first.shape == (3, 100)


@pytest.mark.parametrize(("text", "said"), [
    ("shfit=3", "did you mean shift"), ("noise", "expected noise=NUMBER"), ("noise=-1", "at least 0"),
    ("time_mask=1.5", "below 1"), ("scale=nan", "at least 0"), ("shift=abc", "NUMBER"), ("noise=1,0.5", "NUMBER"),
    *[(f"noise=0.1@{p}", "a probability from 0 to 1 after @") for p in ("", "1.5", "-0.1", "nan", "often", "0,1")],
])
def test_senseless_augmentations_are_refused(text, said):
    with pytest.raises(UserError, match=said):
        parse_augmentation([text])


def test_a_change_is_made_with_the_probability_after_it():
    (change,) = parse_augmentation(["noise=0.1@0.3"])
    changed = [(change(ramp(), rng(seed)) != ramp()).any() for seed in range(500)]
    assert abs(np.mean(changed) - 0.3) < 0.06
    never, always = parse_augmentation(["noise=0.1@0", "noise=0.1@1"])
    for seed in range(50):
        np.testing.assert_array_equal(never(ramp(), rng(seed)), ramp())
        assert (always(ramp(), rng(seed)) != ramp()).any()


def test_what_is_made_sometimes_keeps_its_place_before_or_after_the_normaliser():
    chain = parse_augmentation(["noise=0.1@0.5", "random_leads_masking=0.5@0.5", "flip=0.1", "gain=0.1"],
                               spec=SignalSpec(("I", "II"), 250.0, "mV", 50))
    recorded, normalised = by_stage(chain)
    assert [recorded, normalised] == [[chain[1], chain[3]], [chain[0], chain[2]]]


def test_none_is_no_augmentation():
    assert parse_augmentation(["none"]) == []


@given(by=st.integers(-9, 9).filter(bool))
def test_a_shift_moves_all_channels_and_fills_with_zeros(by):
    signal = np.arange(1.0, 21.0).reshape(2, 10)
    moved = shifted(signal, by)
    kept = slice(0, 10 - by) if by > 0 else slice(-by, 10)
    np.testing.assert_array_equal(shifted(moved, -by)[:, kept], signal[:, kept])
    assert (moved == 0).sum() == 2 * abs(by)


def test_no_shift_keeps_the_signal_except_in_the_replica():
    signal = np.ones((2, 5), np.float32)
    texts = ["shift=0", "shift=0@1"]
    for unmoved, emptied in zip(parse_augmentation(texts), parse_augmentation(texts, replica=True)):
        np.testing.assert_array_equal(unmoved(signal, np.random.default_rng(0)), signal)
        assert not emptied(signal, np.random.default_rng(0)).any()
