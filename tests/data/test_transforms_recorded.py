from __future__ import annotations

import numpy as np
import pytest

from src.data.leads import STANDARD_12
from src.data.loaders import make_loader
from src.data.normalize import Normalizer
from src.data.signal import Sample, SignalSpec
from src.data.simulated.ecg import SimulatedECG
from src.data.transforms import augment_recorded, by_stage, parse_augmentation
from src.data.transforms_recorded import RECORDED, Powerline, Snr, power
from src.errors import UserError

SPEC = SignalSpec(STANDARD_12, 500.0, "mV", 5000)
WORDS = ["snr=10", "noise_mv=0.05", "baseline_wander=0.3", "powerline=50", "gain=0.2", "lead_dropout=0.3", "crop=0.5",
         "axis_rotation=20", "axis_scaling=0.2"]


def ecg(seed: int = 0) -> Sample:
    """Random leads that follow Einthoven and Goldberger."""
    one, two = np.random.default_rng(seed).standard_normal((2, 5000)).cumsum(axis=1).astype(np.float32) / 50
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    chest = np.random.default_rng(seed + 1).standard_normal((6, 5000)).astype(np.float32)
    return Sample(np.concatenate([limb, chest]))


def changed(word: str, sample: Sample, seed: int = 0, spec: SignalSpec = SPEC) -> Sample:
    return augment_recorded(sample, by_stage(parse_augmentation([word], spec=spec))[0], np.random.default_rng(seed))


def added(word: str, seed: int = 0, spec: SignalSpec = SPEC) -> np.ndarray:
    return changed(word, ecg(), seed, spec).signal - ecg().signal


def test_every_word_has_an_example_and_is_drawn_from_the_generator_alone():
    assert {word.partition("=")[0] for word in WORDS} == set(RECORDED)
    for word in WORDS:
        one, again, other = changed(word, ecg(), 1), changed(word, ecg(), 1), changed(word, ecg(), 2)
        assert one.signal.dtype == np.float32
        assert one.signal.shape == (12, 5000)
        assert np.array_equal(one.signal, again.signal)
        assert not np.array_equal(one.signal, other.signal), word


@pytest.mark.parametrize("word", [word for word in WORDS if not word.startswith("lead_dropout")])
def test_einthovens_law_still_holds(word):
    limb = changed(word, ecg()).signal[:6]
    np.testing.assert_allclose(limb[1] - limb[0], limb[2], atol=2e-5)
    np.testing.assert_allclose(-(limb[0] + limb[1]) / 2, limb[3], atol=2e-5)


def test_the_ratio_of_signal_to_noise_is_the_one_that_was_asked():
    for decibel in (20, 0):
        sample = ecg()
        Snr(10, SPEC).add(sample, decibel, np.random.default_rng(0))
        noise = sample.signal - ecg().signal
        assert 10 * np.log10(power(ecg()) / power(Sample(noise))) == pytest.approx(decibel, abs=0.2)
    ratios = [10 * np.log10(power(ecg()) / power(Sample(added("snr=5", seed)))) for seed in range(40)]
    assert min(ratios) > 4.8
    assert max(ratios) < 25.2
    assert max(ratios) - min(ratios) > 12


@pytest.mark.parametrize(("word", "most"), [("baseline_wander=0.3", 0.3), ("powerline=50", 0.1)])
def test_amplitudes_are_millivolts_in_every_unit(word, most):
    size = max(np.abs(added(word, seed)).max() for seed in range(20))
    assert 0.7 * most < size <= most * 1.01
    microvolts = SignalSpec(STANDARD_12, 500.0, "uV", 5000)
    np.testing.assert_allclose(added(word, 3, microvolts), 1000 * added(word, 3), atol=0.01)


def test_wander_is_slow_and_mains_are_at_their_frequency():
    hz = np.fft.rfftfreq(5000, 1 / 500)
    wander = np.abs(np.fft.rfft(added("baseline_wander=1"))) ** 2
    assert wander[:, hz < 1].sum() > 0.99 * wander.sum()
    mains = np.abs(np.fft.rfft(added("powerline=60"))) ** 2
    assert (hz[mains.argmax(1)][mains.max(1) > 0.01] == 60).all()


def test_mains_that_the_rate_cannot_hold_are_refused():
    with pytest.raises(UserError, match="100 Hz cannot hold"):
        Powerline(50, SignalSpec(STANDARD_12, 100.0, "mV", 1000))


def test_lead_dropout_takes_leads_out_of_the_mask_and_leaves_one_that_is_there():
    there = np.array([True, True] + [False] * 10)
    for seed in range(30):
        sample = changed("lead_dropout=0.9", Sample(ecg().signal, channel_mask=there), seed)
        assert sample.channel_mask is not None
        assert sample.channel_mask.any()
        assert not (sample.channel_mask & ~there).any()
        assert not sample.signal[~sample.channel_mask].any()
    assert there.sum() == 2  # the mask that was given is not written to


def test_crop_keeps_a_stretch_of_at_least_its_share():
    lengths = []
    for seed in range(40):
        sample = changed("crop=0.4", ecg(), seed)
        assert sample.time_mask is not None
        assert not sample.signal[:, ~sample.time_mask].any()
        assert np.abs(np.diff(sample.time_mask.astype(int))).sum() <= 2
        lengths.append(sample.time_mask.sum())
    assert min(lengths) >= 2000
    assert max(lengths) - min(lengths) > 1500


@pytest.mark.parametrize("word", WORDS)
def test_what_was_absent_stays_absent(word):
    leads, time = np.arange(12) != 7, np.arange(5000) < 3000
    signal = ecg().signal
    signal[7], signal[:, 3000:] = 0, 0
    sample = changed(word, Sample(signal, channel_mask=leads, time_mask=time))
    assert not sample.signal[7].any()
    assert not sample.signal[:, 3000:].any()
    assert sample.channel_mask is not None
    assert not sample.channel_mask[7]
    if word.startswith("axis"):  # a heart that is not seen from all sides is not turned
        assert np.array_equal(sample.signal, signal)


def test_a_signal_that_may_not_be_written_to_is_copied():
    signal = ecg().signal
    signal.setflags(write=False)
    assert not np.array_equal(changed("gain=0.2", Sample(signal)).signal, signal)


@pytest.mark.parametrize(("word", "spec", "said"), [
    ("axis_rotation=10", SignalSpec(("I", "II"), 500.0, "mV", 50), "needs the leads I, II and V1 to V6"),
    ("baseline_wander=1", SignalSpec(STANDARD_12, 500.0, "standard deviations", 50), "standard deviations"),
    ("powerline=55", SPEC, "50 or 60"), ("crop=0", SPEC, "share of the window"), ("gain=2", SPEC, "below 1"),
    ("snr=90", SPEC, "60 dB"), ("axis_rotaton=3", SPEC, "did you mean axis_rotation"), ("gain=0.1", None, "data set"),
])
def test_what_cannot_be_is_refused_with_the_reason(word, spec, said):
    with pytest.raises(UserError, match=said):
        parse_augmentation([word], spec=spec)


def test_other_recordings_are_disturbed_channel_by_channel():
    spec = SignalSpec(("A1", "A2"), 1000.0, "uV", 500)
    sample = changed("noise_mv=0.01", Sample(np.zeros((2, 500), np.float32)), 0, spec)
    assert abs(np.corrcoef(sample.signal)[0, 1]) < 0.2
    assert 0 < sample.signal.std() < 10


def test_the_loader_disturbs_in_training_alone_and_before_it_normalises():
    dataset = SimulatedECG(SimulatedECG.Config(patients=10))
    rows = np.arange(8)
    normalizer = Normalizer.fit("scale", dataset, rows)
    chain = parse_augmentation(["noise=0.0", "gain=0.5"], spec=dataset.spec)
    options = {"batch_size": 8, "seed": 3, "normalizer": normalizer}
    plain = next(iter(make_loader(dataset, rows, train=False, transforms=chain, **options)))
    trained = next(iter(make_loader(dataset, rows, train=True, transforms=chain, **options)))
    order = trained.index.tolist()
    factors = (trained.signal / plain.signal[order]).nanmedian(-1).values
    assert (factors.std(1) < 1e-4).all()
    assert factors.mean(1).std() > 0.1
    undisturbed = np.stack([normalizer.apply(view).signal for row in range(8) for view in dataset.read(row)])
    assert np.array_equal(plain.signal.numpy(), undisturbed)
