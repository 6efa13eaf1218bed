"""--replica: the original's behaviour in the model and in the choice of the best epoch."""

from __future__ import annotations

import numpy as np
import pytest

import prepare
from src import assembly, config
from src.errors import UserError
from tests.doors import rows
from tests.trainer.test_duin_stages import STRETCHES, TRIALS, run, settings


def test_replica_sets_model_and_selection(tmp_path):
    trainer = run(tmp_path, "--model", "duin_cls", "--replica", *TRIALS)
    assert trainer.model.config.replica
    assert trainer.progress.monitor == "selection"
    epochs = [row["val"] for row in rows(trainer.folder, "epoch")]
    for val in epochs:
        assert val["selection"] == pytest.approx(round(val["accuracy"], 4) + 1e-5 * val["test_accuracy"], abs=1e-12)
    chosen = max(epochs, key=lambda val: (round(val["accuracy"], 4), val["test_accuracy"]))
    assert epochs[trainer.progress.best_epoch - 1] == chosen


def test_a_monitor_that_was_named_stays(tmp_path):
    trainer = run(tmp_path, "--model", "duin_cls", "--replica", "--monitor", "loss", *TRIALS, "--max_steps", "1")
    assert trainer.progress.monitor == "loss"


def test_the_replica_leaves_out_what_the_recipe_adds_for_simulated_data(tmp_path):
    args = settings(tmp_path, "--model", "duin_vqvae", "--replica", *STRETCHES)
    assert args.model_args == []
    data = assembly.data_of_run(args)
    assert assembly.build_model(args, data.spec, data.target).config.quantizer.warmup_steps == 0
    ours = settings(tmp_path, "--model", "duin_vqvae", *STRETCHES)
    assert assembly.build_model(ours, data.spec, data.target).config.quantizer.warmup_steps == 80


def test_models_without_an_original_refuse_it():
    with pytest.raises(UserError, match=r"--replica True: holds only with --model .*duin_cls.*; here it is cnn"):
        config.parse("train", ["--replica"])


def test_the_replica_standardises_over_all_parts_and_empties_unmoved_trials(tmp_path):
    ours, theirs = (assembly.build_data(settings(tmp_path, "--model", "duin_cls", *TRIALS, *more))
                    for more in ([], ["--replica"]))
    signals = np.stack([theirs.dataset.read(row)[0].signal for row in range(len(theirs.dataset))])
    np.testing.assert_allclose(theirs.normalizer.state_dict()["mean"], signals.mean((0, 2)), rtol=1e-3, atol=1e-4)
    assert not np.allclose(ours.normalizer.state_dict()["mean"], theirs.normalizer.state_dict()["mean"])
    assert theirs.transforms[0].replica
    assert not ours.transforms[0].replica


def test_the_replica_reaches_a_data_set_that_has_one(tmp_path):
    export = ["simulate", "--dataset", "simulated_seeg", "--layout", "duin", "--output", str(tmp_path / "data"),
              "--dataset_args", "words=2", "trials_per_word=5", "test_trials_per_word=5", "stretches=1"]
    assert prepare.main(export) == 0
    given = ["--model", "duin_cls", "--dataset", "duin", "--data_path", str(tmp_path / "data")]
    assert assembly.build_data(settings(tmp_path, *given, "--replica")).dataset.config.replica
    assert not assembly.build_data(settings(tmp_path, *given)).dataset.config.replica
