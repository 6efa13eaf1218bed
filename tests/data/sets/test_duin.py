"""Du-IN's release: its folders, runs, channels, parts and standardisation."""

from __future__ import annotations

import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from src.data.open import open_dataset
from src.data.recognise import recognise
from src.data.sets.duin import DuinDataset
from src.data.sets.duin_channels import CHANNELS
from src.data.sets.duin_layout import PRETRAIN, RECORDINGS, WORDS, find_layout
from src.data.splits import check_leaks
from src.errors import BadRecord, UserError

Config = DuinDataset.Config
UNALIGNED = "dataset.bipolar.default.unaligned"


def write_run(root: Path, subject: str, run: str, words: list[str], channels: tuple[str, ...] = CHANNELS["001"],
              samples: int = 3000, seed: int = 0, scale: float = 1e-5, **info) -> Path:
    """As the release: float64 volts, records with name and data_s alone."""
    folder = root / "data" / RECORDINGS / subject / WORDS / run / UNALIGNED
    folder.mkdir(parents=True)
    rng = np.random.default_rng([seed, *map(ord, subject + run)])
    trials = [SimpleNamespace(name=word, data_s=scale * rng.standard_normal((len(channels), samples)))
              for word in words]
    (folder / "data").write_bytes(pickle.dumps(trials, protocol=4))
    (folder / "info").write_bytes(pickle.dumps(SimpleNamespace(ch_names=list(channels), **info)))
    return folder


def write_recordings(root: Path, subject: str, count: int = 10, samples: int = 4500, channels: int = 10) -> Path:
    folder = root / "data" / RECORDINGS / subject / PRETRAIN
    (folder / "a").mkdir(parents=True)
    for number in range(count):
        signal = np.full((2, channels, samples), number, np.float32) + np.arange(samples, dtype=np.float32) / samples
        np.save(folder / ("a" if number % 2 else "") / f"part{number}.npy", signal)
    names = CHANNELS["001"][:channels]
    (folder / "info").write_bytes(pickle.dumps(SimpleNamespace(ch_names=list(names))))
    return folder


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    """Two subjects with 10 and 8 of several channels in another order per run; words miss from runs."""
    root = tmp_path_factory.mktemp("release")
    for subject, names, more in (("001", CHANNELS["001"], "Z"), ("002", CHANNELS["002"], "Y")):
        write_run(root, subject, "run2", ["ba", "du", "gi"] * 5, (*names, *(f"{more}{i}" for i in range(3))))
        write_run(root, subject, "run10", ["du", "gi"] * 5, (*names[::-1], f"{more}0"))
    return root


# ------------------------------------------------------------------------------------------------ reading
def test_the_release_is_read_in_microvolts_with_the_published_channels(release):
    dataset = DuinDataset(Config(subjs=("001",)), release)
    stored = pickle.loads((release / "data" / RECORDINGS / "001" / WORDS / "run10" / UNALIGNED / "data").read_bytes())
    assert (dataset.spec.channels, dataset.spec.unit, dataset.spec.rate_hz) == (CHANNELS["001"], "uV", 1000)
    assert dataset.target.names == ("ba", "du", "gi")
    assert dataset.records.record[[0, 15]].tolist() == ["sub-001_run2_trial-0000", "sub-001_run10_trial-0000"]
    found = dataset.read(16)[0]
    assert found.label == 2
    np.testing.assert_allclose(found.signal, 1e6 * stored[1].data_s[9::-1], rtol=1e-6)


def test_runs_are_mapped_and_open_anew_in_workers(release):
    dataset = DuinDataset(None, release)
    copy = pickle.loads(pickle.dumps(dataset))
    assert len(pickle.dumps(dataset)) < 100_000
    assert np.array_equal(copy.read(20)[0].signal, dataset.read(20)[0].signal)


def test_channels_are_the_ten_all_or_those_named(release):
    assert len(DuinDataset(Config(subjs=("001",), channels=("SM9", "CI9")), release).spec.channels) == 2
    with pytest.raises(UserError, match=r"run10/.*info: no channel Z1"):
        DuinDataset(Config(subjs=("001",), channels=("all",)), release)
    with pytest.raises(UserError, match="no channel Q7"):
        DuinDataset(Config(channels=("Q7",)), release)


def test_unpublished_channels_are_all_used_and_a_note_says_so(tmp_path):
    write_run(tmp_path, "001", "run1", ["ba", "du"] * 5, ("A1", "A2", "A3"))
    dataset = DuinDataset(None, tmp_path)
    assert dataset.spec.channels == ("A1", "A2", "A3")
    assert "without the ten published channels" in dataset.notes[0]


def test_fewer_channels_of_a_subject_are_masked_zeros(tmp_path):
    write_run(tmp_path, "001", "run1", ["ba", "du"] * 5)
    write_run(tmp_path, "002", "run1", ["ba", "du"] * 5, ("B1", "B2", "B3"))
    dataset = DuinDataset(None, tmp_path)
    assert dataset.spec.channels == tuple(f"ch{number}" for number in range(1, 11))
    assert dataset.read(0)[0].channel_mask is None
    sample = dataset.read(10)[0]
    assert sample.channel_mask.tolist() == [True] * 3 + [False] * 7
    assert not sample.signal[3:].any()


def test_another_rate_keeps_a_slow_wave_and_the_seconds(tmp_path):
    folder = write_run(tmp_path, "001", "run1", ["ba"] * 10, ("A1",), samples=3500)
    wave = np.sin(2 * np.pi * 4 * np.arange(3500) / 1000)[None]
    (folder / "data").write_bytes(pickle.dumps([SimpleNamespace(name="ba", data_s=wave)] * 10))
    dataset = DuinDataset(Config(resample_hz=250.0, unit="uV"), tmp_path)
    assert (dataset.spec.samples, dataset.spec.resampling) == (750, "fourier")
    np.testing.assert_allclose(dataset.read(0)[0].signal[0], wave[0, :3000:4], atol=1e-4)


def test_words_take_the_order_of_a_trained_model(release):
    dataset = open_dataset("duin", release, {"classes": "gi,du,ba", "subjs": "001"})
    assert dataset.target.names == ("gi", "du", "ba")
    assert dataset.records.label[:3].tolist() == [2, 1, 0]
    with pytest.raises(UserError, match="'du' is not among the 2 classes"):
        DuinDataset(Config(classes=("ba", "gi")), release)


# --------------------------------------------------------------------------------------- parts, standardisation
def test_each_subjects_words_are_spread_over_the_parts(release):
    records = DuinDataset(None, release).records
    for subject in ("001", "002"):
        for word in range(3):
            parts = records.subset[(records.subject == subject) & (records.label == word)]
            assert 0.7 <= (parts == "train").mean() <= 0.9
    assert {name: int((records.subset == name).sum()) for name in ("train", "valid", "test")}["test"] >= 4


def test_all_stages_have_the_same_parts_and_another_seed_has_others(release):
    words, again, unlabelled, other = (DuinDataset(Config(**options), release).records.subset for options in
                                       ({}, {}, {"task": "pretrain"}, {"split_seed": 1}))
    assert np.array_equal(words, again)
    assert np.array_equal(words, unlabelled)
    assert not np.array_equal(words, other)
    assert not DuinDataset(Config(split="none"), release).records.subset.any()


def test_a_single_subject_is_left_to_the_normaliser_and_several_are_standardised_by_training_trials(release):
    assert DuinDataset(Config(subjs=("001",)), release).spec.unit == "uV"
    dataset = DuinDataset(None, release)
    assert dataset.spec.unit == "sd"
    for subject in ("001", "002"):
        rows = np.flatnonzero((dataset.records.subject == subject) & (dataset.records.subset == "train"))
        signals = np.stack([dataset.read(int(row))[0].signal for row in rows])
        np.testing.assert_allclose(signals.mean((0, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(signals.std((0, 2)), 1, rtol=1e-5)


def test_the_replica_parts_and_standardises_as_the_original(tmp_path):
    """The steps of the original, written out with NumPy's global generator."""
    written = [write_run(tmp_path, "001", run, ["ba", "du"] * 10) for run in ("run1", "run2")]
    np.random.seed(7)
    trials = []
    for folder in written:
        loaded = list(pickle.loads((folder / "data").read_bytes()))
        np.random.shuffle(loaded)  # type: ignore[arg-type]
        trials += loaded
    signals = np.array([trial.data_s for trial in trials], np.float32)
    signals = (signals - signals.mean((0, 2), keepdims=True)) / signals.std((0, 2), keepdims=True)
    places = [np.flatnonzero([trial.name == word for trial in trials]) for word in ("ba", "du")]
    pool = np.concatenate([rows[16:] for rows in places])
    for _ in range(10):
        np.random.randint(3000)
    valid = np.zeros(len(pool), bool)
    valid[np.random.choice(np.arange(len(pool)), size=len(pool) // 2, replace=False)] = True
    expected = {"train": np.concatenate([rows[:16] for rows in places]), "valid": pool[valid], "test": pool[~valid]}

    dataset = DuinDataset(Config(replica=True, split_seed=7), tmp_path)
    for part, rows in expected.items():
        found = [dataset.read(int(row))[0].signal[0, 0] for row in np.flatnonzero(dataset.records.subset == part)]
        np.testing.assert_allclose(np.sort(found), np.sort(signals[rows, 0, 0]), atol=1e-5)


def test_copies_of_a_run_are_a_leak(tmp_path):
    folder = write_run(tmp_path, "001", "run1", ["ba", "du"] * 10)
    shutil.copytree(folder.parent, folder.parents[1] / "run2")
    dataset = DuinDataset(None, tmp_path)
    parts = {name: np.flatnonzero(dataset.records.subset == name) for name in dataset.subsets}
    with pytest.raises(UserError, match="byte-identical"):
        check_leaks(dataset, parts)
    with pytest.raises(UserError, match="share recordings"):
        DuinDataset(Config(replica=True), tmp_path)


# ------------------------------------------------------------------------------------------- without labels
def test_unlabelled_recordings_are_cropped_at_random_in_training_alone(tmp_path):
    write_recordings(tmp_path, "001")
    dataset = DuinDataset(Config(task="pretrain"), tmp_path)
    assert (dataset.spec.samples, dataset.spec.unit, dataset.target.kind) == (4000, "sd", "signal")
    assert dataset.records.record[:2].tolist() == ["sub-001_a/part1", "sub-001_a/part3"]
    assert [int((dataset.records.subset == part).sum()) for part in ("train", "valid", "test")] == [8, 1, 1]
    middle = dataset.read(5)[0].signal
    assert np.array_equal(middle, dataset.read(5)[0].signal)
    np.testing.assert_allclose(middle[3], np.arange(250, 4250) / 4500, atol=1e-6)
    starts = {float(dataset.read(5, np.random.default_rng(seed))[0].signal[0, 0]) for seed in range(9)}
    assert len(starts) > 5


def test_a_recording_as_long_as_the_crop_is_taken_whole(tmp_path):
    write_recordings(tmp_path, "001", samples=4000)
    for replica in (False, True):
        dataset = DuinDataset(Config(task="pretrain", replica=replica), tmp_path)
        assert dataset.read(0, np.random.default_rng(0))[0].signal.shape == (10, 4000)


def test_without_recordings_the_trials_take_their_place_without_words(release):
    dataset = DuinDataset(Config(task="pretrain"), release)
    assert (dataset.spec.samples, dataset.target.kind) == (3000, "signal")
    assert not dataset.records.label.any()
    assert "no unlabelled recordings" in dataset.notes[0]


# ------------------------------------------------------------------------------------------------ what is found
def test_data_and_pretrains_are_found_in_the_root_or_linked(release, tmp_path, monkeypatch):
    from src.interop.duin_checkpoints import stage_folder

    for epoch in (9, 399):
        path = stage_folder(tmp_path / "weights", "001", "mae") / "model" / f"checkpoint-{epoch}.pth"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    root = tmp_path / "root"
    root.mkdir()
    os.symlink(release / "data", root / "data")
    os.symlink(tmp_path / "weights" / "pretrains", root / "pretrains")
    layout = find_layout(root)
    assert layout is not None
    assert layout.subjects == ("001", "002")
    assert layout.checkpoints()["001", "mae"].name == "checkpoint-399.pth"
    assert "linked to" in layout.describe()
    assert "001 mae" in DuinDataset(None, root).source
    for place in (release, release / "data", release / "data" / RECORDINGS):
        found = find_layout(place)
        assert found is not None
        assert found.recordings == release / "data" / RECORDINGS
        assert recognise(place) == "duin"
    assert find_layout(tmp_path / "weights") is None
    monkeypatch.chdir(root)
    found = find_layout("data")
    assert found is not None
    assert found.weights == root / "pretrains" / "duin"


# ------------------------------------------------------------------------------------------------ what is refused
BROKEN = {
    "not a pickle": (b"hello", "data: not a whole pickle"),
    "code": (b"cos\nsystem\n(S'touch executed'\ntR.", r"asks for os\.system"),
    "no list": (pickle.dumps({"name": "ba"}), "a list of trials is expected"),
    "empty": (pickle.dumps([]), "a list of trials is expected"),
    "no name": (pickle.dumps([SimpleNamespace(data_s=np.ones((10, 3000)))]), "trial 0: a record with a name"),
    "no signal": (pickle.dumps([SimpleNamespace(name="ba", data_s=[1.0])]), "trial 0: data_s must hold numbers"),
    "texts": (pickle.dumps([SimpleNamespace(name="ba", data_s=np.full((10, 3000), "x"))]), "trial 0: data_s"),
    "channels": (pickle.dumps([SimpleNamespace(name="ba", data_s=np.ones((9, 3000)))]), "9 channels, but 10 names"),
    "short": (pickle.dumps([SimpleNamespace(name="ba", data_s=np.ones((10, 2000)))] * 3), "lasts 2 s"),
}


@pytest.mark.parametrize(("content", "says"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_by_its_name(tmp_path, content, says):
    folder = write_run(tmp_path, "001", "run1", ["ba"])
    (folder / "data").write_bytes(content)
    with pytest.raises(UserError, match=says) as refused:
        DuinDataset(None, tmp_path)
    assert "run1" in refused.value.message


@pytest.mark.parametrize(("info", "says"), [({}, "no list of channel names"), ({"ch_names": []}, "no list of channel"),
                                            ({"ch_names": ["a", "a"]}, "is there twice"),
                                            ({"ch_names": ["a"], "unit": "furlong"}, "unit 'furlong'")], ids=str)
def test_a_broken_info_is_refused_by_its_name(tmp_path, info, says):
    folder = write_run(tmp_path, "001", "run1", ["ba"])
    (folder / "info").write_bytes(pickle.dumps(SimpleNamespace(**info)))
    with pytest.raises(UserError, match=says) as refused:
        DuinDataset(None, tmp_path)
    assert "info" in refused.value.message


def test_what_is_no_release_is_refused_with_what_one_looks_like(tmp_path, release):
    with pytest.raises(UserError, match="no recordings in Du-IN's layout") as refused:
        DuinDataset(None, tmp_path)
    assert "--layout duin" in refused.value.hint
    with pytest.raises(UserError, match="no subject 013"):
        DuinDataset(Config(subjs=("013",)), release)
    with pytest.raises(UserError, match="no run has data and info of aligned trials"):
        DuinDataset(Config(version="aligned"), release)
    with pytest.raises(UserError, match="resample_hz=2000"):
        DuinDataset(Config(resample_hz=2000.0), release)
    with pytest.raises(UserError, match="lasts 3 s"):
        DuinDataset(Config(samples=3001), release)


def test_a_recording_of_another_shape_is_refused_by_its_name(tmp_path):
    folder = write_recordings(tmp_path, "001")
    np.save(folder / "part0.npy", np.ones((10, 4500)))
    with pytest.raises(UserError, match=r"part0\.npy: an array \(2, 10 channels, samples\)"):
        DuinDataset(Config(task="pretrain"), tmp_path)


def test_a_trial_that_is_not_finite_is_bad_when_it_is_read(tmp_path):
    folder = write_run(tmp_path, "001", "run1", ["ba", "du"] * 5)
    trials = pickle.loads((folder / "data").read_bytes())
    trials[3].data_s[2, 100] = np.nan
    (folder / "data").write_bytes(pickle.dumps(trials))
    with pytest.raises(BadRecord, match="trial-0003"):
        DuinDataset(None, tmp_path).read(3)


def test_a_flat_channel_cannot_be_standardised(tmp_path):
    write_run(tmp_path, "001", "run1", ["ba", "du"] * 10, scale=0.0)
    with pytest.raises(UserError, match="never change"):
        DuinDataset(Config(standardize="all"), tmp_path)


# ------------------------------------------------------------------------------------------------ simulated
def test_simulated_data_in_this_layout_are_read_back_equal(tmp_path):
    from src.data.simulated.export import export
    from src.data.simulated.export_duin import standardised
    from src.data.simulated.seeg import SimulatedSEEG

    made = SimulatedSEEG(SimulatedSEEG.Config(subjects=2, trials_per_word=2, test_trials_per_word=1, stretches=2))
    assert export(made, tmp_path / "out", "duin") == 2 * 36
    words = DuinDataset(Config(standardize="none", split="none"), tmp_path / "out")
    assert [words.target.names[label] for label in words.records.label] == \
        [made.target.names[label] for label in made.records.label]
    assert words.spec.unit == made.spec.unit == "uV"
    for row in (0, 23, 24, 71):
        assert np.array_equal(words.read(row)[0].signal, made.read(row)[0].signal)
    stretches = DuinDataset(Config(task="pretrain", samples=10_000, split="none"), tmp_path / "out")
    assert len(stretches) == 4
    assert np.array_equal(stretches.read(3)[0].signal, standardised(made.stretch(1, 1).signal))
    assert DuinDataset(Config(subjs=("002",), split="none"), tmp_path / "out").spec.channels == CHANNELS["002"]


def test_simulated_data_of_another_rate_have_no_such_layout(tmp_path):
    from src.data.simulated.export import export
    from src.data.simulated.seeg import SimulatedSEEG

    config = replace(SimulatedSEEG.Config(), rate_hz=500, samples=1500)
    with pytest.raises(UserError, match="rate_hz=500"):
        export(SimulatedSEEG(config), tmp_path / "out", "duin", 2)


def test_python_and_the_originals_way_of_access_read_the_simulated_files(tmp_path):
    from src.data.simulated.export import export
    from src.data.simulated.seeg import SimulatedSEEG

    export(SimulatedSEEG(SimulatedSEEG.Config(stretches=1)), tmp_path, "duin", 3)
    place = tmp_path / "data" / RECORDINGS / "001"
    trials = pickle.loads((place / WORDS / "run1" / UNALIGNED / "data").read_bytes())
    info = pickle.loads((place / WORDS / "run1" / UNALIGNED / "info").read_bytes())
    assert isinstance(trials, list)
    assert (trials[2].data_s.T.shape, trials[2].data_s.dtype, trials[2].data_n is trials[2].data_s) == \
        ((3000, 10), np.float32, True)
    assert info.ch_names.index("CI9") == 9
    signal, companion = np.load(place / PRETRAIN / "stretch-00000.npy")
    assert signal.shape == companion.shape == (10, 10_000)
    np.testing.assert_allclose(signal.std(1), 1, rtol=1e-4)
