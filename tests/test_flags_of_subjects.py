"""Flags that choose subjects and parts, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import train
from src.trainer import checkpoint
from tests.pipelines.words_files import TINY, write_words


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> Path:
    return write_words(tmp_path_factory.mktemp("subjects") / "words.npz")


def door(words: Path, folder: Path, *more: str) -> int:
    return train.main(["--model", "duin_cls", "--data_path", str(words), "--save_dir", str(folder), *TINY, *more])


def parts(run: Path) -> dict[str, list[str]]:
    return json.loads((run / "splits.json").read_text(encoding="utf8"))


def test_subjs_are_the_only_ones_to_train_on(words, tmp_path):
    assert door(words, tmp_path, "--experiment_name", "b", "--subjs", "b") == 0
    used = np.concatenate(list(parts(tmp_path / "b").values()))
    assert sorted(used) == [f"words_{row:06d}" for row in range(30, 60)]


def test_an_unknown_subject_is_refused_with_those_that_are_known(words, tmp_path, capsys):
    assert door(words, tmp_path, "--subjs", "d") == 2
    assert "they have: a, b, c" in capsys.readouterr().err


def test_subj_idxs_number_the_subject_as_the_loaded_training_did(words, tmp_path, capsys):
    everybody = ["--subjs", "a", "b", "c", "--subj_idxs", "0", "1", "2"]
    assert door(words, tmp_path, "--experiment_name", "all", *everybody) == 0
    assert door(words, tmp_path, "--experiment_name", "b", "--subjs", "b", "--subj_idxs", "1", "--pt_ckpt",
                str(tmp_path / "all"), "--lr", "1e-9", "--min_lr", "0", "--weight_decay", "0") == 0
    maps = [checkpoint.read(tmp_path / run / "best_model.pth")["model"]["subj_block.subj_layer.W.weight"]
            for run in ("all", "b")]
    assert maps[1].shape[1] == 3
    assert np.allclose(maps[0], maps[1], atol=1e-7)


def test_splits_are_those_of_another_run(words, tmp_path):
    assert door(words, tmp_path, "--experiment_name", "first", "--subjs", "b") == 0
    again = ["--experiment_name", "again", "--subjs", "b", "--seed", "3"]
    assert door(words, tmp_path, *again, "--splits", str(tmp_path / "first")) == 0
    assert parts(tmp_path / "again") == parts(tmp_path / "first")
    assert door(words, tmp_path, *again, "--experiment_name", "other") == 0
    assert parts(tmp_path / "other") != parts(tmp_path / "first")


@pytest.mark.parametrize(("more", "found"), [
    (["--splits", "nowhere"], "--splits nowhere: no split is there"),
    (["--freeze", "all_but_subject", "--model", "cnn"], "nothing that belongs to one subject"),
    (["--pretrain_on_all"], "--pretrain_on_all True: holds only with --model"),
    (["--subj_idxs", "0"], "--subj_idxs 0: holds only with --subjs"),
])
def test_what_cannot_be_done_is_refused_by_name(words, tmp_path, capsys, more, found):
    more = [*more, "--subjs", "b"] if "--subj_idxs" not in more else more
    assert door(words, tmp_path, *more) == 2
    assert found in capsys.readouterr().err
