"""The benchmark on real recordings, on invented ones."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest

import arguments
from benchmarks import real_recordings
from src import config
from src.data.dataset import Records
from src.data.signal import TargetSpec
from src.evaluation.metrics import compute

TRIALS = 24


@pytest.fixture
def recordings(tmp_path):
    """A folder with one invented set of finger movement trials: the label is the sign of a slow potential."""
    rng = np.random.default_rng(0)
    label = np.arange(TRIALS) % 2
    signal = rng.normal(0, 50, (TRIALS, 28, 50)) + 200 * (2 * label - 1)[:, None, None]
    folder = tmp_path / "recordings" / "bci2_iv"
    folder.mkdir(parents=True)
    np.savez(folder / "bci2_iv_train.npz", signal=signal.astype(np.int16), label=label,
             classes=np.array(["left", "right"]), trial=np.arange(TRIALS), fs=100.0, units="uV", scale=0.1,
             channels=np.array([f"E{number}" for number in range(28)]))
    return folder.parent


def test_every_fold_is_trained_tested_and_pooled(recordings, tmp_path, capsys):
    out = tmp_path / "out"
    code = real_recordings.main([str(recordings), "--only", "bci2_iv_cnn", "--out", str(out), "--epochs", "2",
                                 "--folds", "2", "--no_use_tensorboard"])
    row = [cell.strip() for cell in capsys.readouterr().out.splitlines()[-1].strip("|").split("|")]
    assert code == 0
    assert row[:4] == ["bci2_iv", "cnn", "accuracy", "2"]
    assert {folder.name for folder in out.glob("bci2_iv_cnn-fold*")} == {"bci2_iv_cnn-fold0", "bci2_iv_cnn-fold1"}
    runs = [real_recordings.tested(folder) for folder in sorted(out.glob("bci2_iv_cnn-fold*"))]
    assert sorted(np.concatenate([run.records.record for run in runs]).tolist()) == \
        [f"trial_{number:03d}" for number in range(TRIALS)]
    score, _ = real_recordings.pooled(runs, "accuracy")
    assert row[5].startswith(f"{score:.3f}")
    assert row[6] == "0.735"


def test_an_output_folder_with_other_runs_is_refused(recordings, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        real_recordings.main([str(recordings), "--out", str(tmp_path)])
    assert stopped.value.code == 2


def test_pooling_counts_every_record_once_and_not_every_fold():
    target = TargetSpec("classes", ("no", "yes"))
    records = Records(*[np.array([""])] * 5)
    runs = [real_recordings.Tested(target, records.take(np.zeros(n, int)), np.array(labels), np.array(scores, float))
            for n, labels, scores in ((1, [0], [[1, 0]]), (3, [1, 1, 0], [[1, 0], [0, 1], [1, 0]]))]
    score, _ = real_recordings.pooled(runs, "accuracy")
    assert score == pytest.approx(3 / 4)
    assert np.mean([compute(run.target, run.labels, run.scores)["accuracy"] for run in runs]) == pytest.approx(5 / 6)


@pytest.mark.parametrize("path", sorted(real_recordings.RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_is_a_valid_config_and_belongs_to_a_task(path, tmp_path):
    given = tomllib.loads(path.read_text())
    data = [] if given["dataset"].startswith("simulated") else ["--data_path", str(tmp_path)]
    args = config.parse(arguments.TRAIN, ["--config", str(path), *data])
    assert args.sources["epochs"] == "file"
    tasks = {task.name: task.model for task in real_recordings.TASKS}
    starts = {task.pretraining: task.model for task in real_recordings.TASKS}
    assert {**starts, **tasks}[path.stem] == args.model
