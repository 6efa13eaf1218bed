from __future__ import annotations

import sys

import numpy as np
import pytest

from src.data.open import open_dataset
from src.errors import UserError
from tests.data.continuous_files import write_bids

pytest.importorskip("mne_bids")
pytest.importorskip("edfio")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Two subjects with contacts of their own; the first has a bad one, and two runs."""
    root = tmp_path_factory.mktemp("bids")
    signals = {"p01": write_bids(root, "p01", ("A1", "A2", "A3"), bads=("A2",)),
               "p02": write_bids(root, "p02", ("A1", "A2", "B1", "B2"), seed=1)}
    write_bids(root, "p01", ("A1", "A2", "A3"), run="02", seed=2)
    return root, signals


def test_trials_of_all_subjects_in_numbered_places(tree):
    root, signals = tree
    data = open_dataset(None, root)
    assert data.spec.channels == ("ch1", "ch2", "ch3", "ch4")
    assert data.subjects == ["p01", "p02"]
    assert data.target.names == ("go", "stop")
    assert len(data) == 60
    first, last = data.read(0)[0], data.read(40)[0]
    assert first.channel_mask.tolist() == [True, False, True, False]
    assert last.channel_mask is None or last.channel_mask.all()
    assert np.abs(first.signal[[0, 2]] - signals["p01"][[0, 2], 200:300]).max() < 0.1
    assert np.abs(last.signal - signals["p02"][:, 200:300]).max() < 0.1


def test_one_subject_has_all_its_channels_by_name(tree):
    data = open_dataset("bids", tree[0], {"subjs": "p02"})
    assert data.spec.channels == ("A1", "A2", "B1", "B2")
    assert open_dataset("bids", tree[0], {"subjs": "p02", "reference": "bipolar"}).spec.channels == ("A1-A2", "B1-B2")


def test_entities_choose_recordings(tree):
    data = open_dataset("bids", tree[0], {"runs": "02"})
    assert {name.rpartition("_")[0] for name in data.records.record.tolist()} == {"sub-p01_task-reading_run-02_ieeg"}
    with pytest.raises(UserError, match="no recording of these subjects, sessions, tasks and runs"):
        open_dataset("bids", tree[0], {"bids_tasks": "singing"})
    with pytest.raises(UserError, match="no recording"):
        open_dataset("bids", tree[0], {"datatype": "eeg"})


def test_pretraining_reads_the_same_tree(tree):
    data = open_dataset("bids", tree[0], {"task": "pretrain", "window_s": "2"})
    assert data.spec.samples == 200
    assert set(data.subsets) == {"train", "valid", "test"}
    assert data.read(0, np.random.default_rng(0))[0].signal.shape == (4, 200)


def test_a_folder_that_is_no_bids_tree_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no sub-\* folder"):
        open_dataset("bids", tmp_path)


def test_without_the_extra_the_command_that_installs_it_is_said(tree, monkeypatch):
    monkeypatch.setitem(sys.modules, "mne_bids", None)
    with pytest.raises(UserError, match="uv sync --extra mne"):
        open_dataset("bids", tree[0])


def test_the_three_stages_train_on_the_users_own_recordings(tree, tmp_path, monkeypatch):
    import train

    monkeypatch.chdir(tmp_path)

    def run(name, *more):
        words = ["--model", name, "--data_path", str(tree[0]), "--preset", "tiny", "--max_steps", "1", "--device"]
        words += ["cpu", "--no_use_tensorboard", "--experiment_name", name, "--num_workers", "0", *more]
        assert train.main(words) == 0

    run("duin_vqvae", "--dataset_args", "task=pretrain")
    run("duin_mae", "--dataset_args", "task=pretrain", "--vqkd_ckpt", "checkpoints/duin_vqvae")
    run("duin_cls", "--dataset_args", "tmax=2", "split=time", "--pt_ckpt", "checkpoints/duin_mae")


def test_one_command_tries_training_and_testing(tree, tmp_path, monkeypatch):
    import train

    monkeypatch.chdir(tmp_path)
    assert train.main(["--data_path", str(tree[0]), "--preset", "tiny", "--fast_dev_run", "--device", "cpu",
                       "--no_use_tensorboard", "--model", "cnn"]) == 0
