"""The simulated trials as words, as phonemes, and the unlabelled stretches."""

from __future__ import annotations

import numpy as np
import pytest

from src.data.simulated.export import export
from src.data.simulated.lexicon import SYLLABLES
from src.data.simulated.phonemes import FINALS, INITIALS
from src.data.simulated.seeg import SimulatedSEEG
from src.errors import UserError

Config = SimulatedSEEG.Config


@pytest.fixture(scope="module")
def stretches() -> SimulatedSEEG:
    return SimulatedSEEG(Config(task="pretrain", samples=4000, stretches=20, subjects=2))


def test_stretches_are_split_by_their_index(stretches):
    assert len(stretches) == 40
    assert [int((stretches.records.subset == part).sum()) for part in ("train", "valid", "test")] == [32, 4, 4]
    assert stretches.records.subset[17] == "valid"
    assert stretches.records.subset[39] == "test"
    assert stretches.target.kind == "signal"
    assert len(set(stretches.records.record.tolist())) == 40


def test_a_crop_is_drawn_by_the_generator_alone_and_fixed_without(stretches):
    whole = stretches.stretch(1, 3).signal
    assert np.array_equal(stretches.read(23)[0].signal, whole[:, 3000:7000])
    one, same = (stretches.read(23, np.random.default_rng(5))[0].signal for _ in range(2))
    assert np.array_equal(one, same)
    starts = {int(np.flatnonzero(whole[0] == stretches.read(23, np.random.default_rng(seed))[0].signal[0, 0])[0])
              for seed in range(8)}
    assert len(starts) > 4


def test_the_crop_may_be_the_whole_stretch_but_not_longer():
    data = SimulatedSEEG(Config(task="pretrain", samples=10_000, stretches=3))
    assert data.read(0, np.random.default_rng(0))[0].signal.shape == (10, 10_000)
    with pytest.raises(UserError, match=r"0\.4 to 10 s"):
        SimulatedSEEG(Config(task="pretrain", samples=10_001))


def test_phonemes_are_those_of_the_motifs_at_the_centre_of_each_patch():
    data = SimulatedSEEG(Config(task="phonemes"))
    words = SimulatedSEEG()
    for row in (0, 7, 500):
        sample, motifs = data.read(row)[0], words.metadata(row)["motifs"]
        assert np.array_equal(sample.signal, words.read(row)[0].signal)
        initials, finals, mask = (sample.extra[name] for name in ("initials", "finals", "token_mask"))
        assert initials.shape == finals.shape == mask.shape == (30,)
        for patch in range(30):
            spoken = [m for m in motifs if m.start_s <= (patch + 0.5) / 10 < m.stop_s and m.gain > 0]
            assert mask[patch] == bool(spoken)
            if spoken:
                assert INITIALS[initials[patch]] + FINALS[finals[patch]] == SYLLABLES[spoken[0].motif]
        assert 5 <= mask.sum() <= 16


def test_the_inventories_have_the_sizes_of_the_heads():
    assert (len(set(INITIALS)), len(set(FINALS))) == (22, 36)


@pytest.mark.parametrize(("options", "says"), [
    ({"task": "pretraining"}, "did you mean pretrain"), ({"task": "pretrain", "stretches": 2}, "stretches=2"),
    ({"task": "phonemes", "samples": 3050}, "no whole number of 0.1 s patches")])
def test_impossible_tasks_are_refused(options, says):
    with pytest.raises(UserError, match=says):
        SimulatedSEEG(Config(**options))


@pytest.mark.parametrize("task", ["pretrain", "phonemes"])
def test_files_hold_words_and_stretches_whatever_the_task(task, tmp_path):
    config = {"words": 2, "samples": 1000, "trials_per_word": 2, "test_trials_per_word": 0, "stretches": 3}
    export(SimulatedSEEG(Config(**config)), tmp_path / "words", "npz")
    export(SimulatedSEEG(Config(task=task, **config)), tmp_path / task, "npz")
    for name in ("sub-001.npz", "unlabelled/sub-001_unlabelled.npz"):
        one, other = (np.load(tmp_path / folder / name) for folder in ("words", task))
        assert all(np.array_equal(one[key], other[key]) for key in one.files)
