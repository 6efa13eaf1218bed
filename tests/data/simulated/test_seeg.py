from __future__ import annotations

import numpy as np
import pytest

from src.data.simulated.seeg import SimulatedSEEG
from src.errors import UserError

Config = SimulatedSEEG.Config


@pytest.fixture(scope="module")
def data() -> SimulatedSEEG:
    return SimulatedSEEG()


@pytest.fixture(scope="module")
def trials(data) -> np.ndarray:
    return np.stack([data.read(row)[0].signal for row in range(120)])


def test_the_default_parts_are_36_4_and_20_repetitions_of_12_words(data):
    subset, label = data.records.subset, data.records.label
    assert data.subsets == ("train", "valid", "test")
    assert [int((subset == part).sum()) for part in data.subsets] == [432, 48, 240]
    assert (np.bincount(label[subset == "test"]) == 20).all()
    assert len(set(data.records.record.tolist())) == len(data) == 720
    assert data.subjects == ["001"]


def test_a_trial_is_float32_of_the_stated_shape(data):
    sample = data.read(13)[0]
    assert sample.signal.shape == (10, 3000)
    assert sample.signal.dtype == np.float32
    assert sample.label == 1
    assert data.metadata(13)["word"] == data.target.names[1]


def test_order_of_access_and_cache_do_not_matter():
    forward, backward = SimulatedSEEG(Config(subjects=2)), SimulatedSEEG(Config(subjects=2, cache_mb=0))
    rows = [3, 700, 721, 5]
    seen = {row: forward.read(row)[0].signal for row in rows}
    for row in reversed(rows):
        assert np.array_equal(backward.read(row)[0].signal, seen[row])
        assert np.array_equal(forward.read(row)[0].signal, seen[row])


def test_channels_deviate_as_recordings_do(trials):
    assert trials.std((0, 2)).min() > 20
    assert trials.std((0, 2)).max() < 70


def test_the_spectrum_falls_as_that_of_recordings(trials):
    power = np.square(np.abs(np.fft.rfft(trials * np.hanning(3000)))).mean((0, 1))
    hz = np.fft.rfftfreq(3000, 1e-3)
    inside = (hz >= 1) & (hz <= 40)
    assert -1.6 < np.polyfit(np.log(hz[inside]), np.log(power[inside]), 1)[0] < -1.0
    assert power[150] > 5 * np.r_[power[135:147], power[154:166]].mean()


def test_subjects_differ_in_mixing_but_not_in_words():
    data = SimulatedSEEG(Config(subjects=2))
    assert data.records.label[0] == data.records.label[720] == 0
    deviation = [np.stack([data.read(start + row)[0].signal for row in range(10)]).std((0, 2)) for start in (0, 720)]
    assert np.abs(deviation[0] - deviation[1]).max() > 3


def test_seeds_and_difficulties_give_other_trials(data):
    first = data.read(0)[0].signal
    assert not np.array_equal(SimulatedSEEG(Config(seed=1)).read(0)[0].signal, first)
    assert not np.array_equal(SimulatedSEEG(Config(difficulty="hard")).read(0)[0].signal, first)


def test_a_lower_rate_is_the_same_trial_decimated(data):
    slow = SimulatedSEEG(Config(rate_hz=250, samples=750))
    full, low = data.recording(5), slow.recording(5)
    assert low.signal.shape == (10, 750)
    assert low.metadata == full.metadata
    fourth = full.signal.reshape(10, 750, 4).mean(-1)
    assert np.corrcoef(fourth[0, 50:-50], low.signal[0, 50:-50])[0, 1] > 0.97


def test_motifs_follow_one_another_after_the_cue(data):
    for row in range(20):
        motifs = data.metadata(row)["motifs"]
        assert tuple(spoken.motif for spoken in motifs) == data.lexicon.words[row % 12]
        assert 0.55 <= motifs[0].start_s <= 1.6
        assert motifs[1].start_s == motifs[0].stop_s
        assert motifs[2].start_s == motifs[1].stop_s


def test_a_stretch_names_its_words_and_motifs(data):
    stretch = data.stretch(0, 3)
    assert stretch.signal.shape == (10, 10_000)
    assert np.array_equal(stretch.signal, data.stretch(0, 3).signal)
    named = [word for word in stretch.metadata["words"] if word[0]]
    assert named
    assert all(name in data.target.names for name, _, _ in named)
    starts = [spoken.start_s for spoken in stretch.metadata["motifs"]]
    assert starts == sorted(starts)


@pytest.mark.parametrize(("options", "says"), [
    ({"words": 62}, "words=62 is outside 2..61"), ({"channels": 3}, "channels=3"), ({"rate_hz": 300}, "rate_hz=300"),
    ({"samples": 100}, "it must last 0.4 to 60 s"), ({"difficulty": "defualt"}, "did you mean default")])
def test_impossible_options_are_refused(options, says):
    with pytest.raises(UserError, match=says.replace(".", r"\.")):
        SimulatedSEEG(Config(**options))


def test_a_data_path_is_refused(tmp_path):
    with pytest.raises(UserError, match="made on the fly"):
        SimulatedSEEG(Config(), data_path=str(tmp_path))


def test_a_stretch_that_does_not_exist_is_refused(data):
    with pytest.raises(UserError, match=r"stretch=240 is outside 0\.\.239"):
        data.stretch(0, 240)


def test_the_shortest_trials_and_a_large_lexicon_work():
    data = SimulatedSEEG(Config(words=61, channels=4, samples=400, trials_per_word=2, test_trials_per_word=0))
    assert np.isfinite(data.read(60)[0].signal).all()
    assert data.subsets == ("train", "valid")
