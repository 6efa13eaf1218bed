from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import train
from src.data.dataset import Records
from src.errors import UserError
from src.pipelines.loso import draw_shots
from src.trainer import checkpoint, run_folder
from tests.pipelines.words_files import PEOPLE, several

FEW = ["--protocol", "loso", "--shots", "0", "1", "3", "--subjs", "all", "--subj_idxs", "1", "--seeds", "4"]


@pytest.fixture(scope="module")
def finished(words, tmp_path_factory):
    """The protocol for subject b, who is new to what a and c trained."""
    folder = tmp_path_factory.mktemp("loso")
    assert several(words, folder, *FEW) == 0
    return folder / "p"


def parts(path: Path) -> dict[str, set[str]]:
    return {name: set(records) for name, records in json.loads(path.read_text(encoding="utf8")).items()}


def test_the_new_subject_is_not_among_those_that_train_the_network(finished):
    settings = run_folder.read_config(finished / "b/others-seed4")
    assert settings["subjs"] == ["a", "c"]
    used = set().union(*parts(finished / "b/others-seed4/splits.json").values())
    own = set().union(*parts(finished / "b/shots-3-seed4.json").values())
    assert len(own) == 30
    assert not used & own


def test_shots_are_disjoint_from_the_test_part_which_is_the_same_for_all(finished):
    splits = {shots: parts(finished / f"b/shots-{shots}-seed4.json") for shots in (0, 1, 3)}
    assert [len(split["train"]) for split in splits.values()] == [0, 3, 9]
    assert splits[1]["train"] < splits[3]["train"]
    for split in splits.values():
        assert split["test"] == splits[0]["test"]
        assert not split["test"] & split["train"]
    for run in ("fit-1-seed4", "scratch-1-seed4"):
        assert parts(finished / "b" / run / "splits.json") == splits[1]


def test_only_the_new_subjects_layer_is_fitted(finished):
    """Batch-norm statistics included, everything else is as the others left it."""
    others = checkpoint.read(finished / "b/others-seed4/best_model.pth")["model"]
    fitted = checkpoint.read(finished / "b/fit-3-seed4/last.pth")["model"]
    changed = {name for name, value in fitted.items()
               if value.shape != others[name].shape or not torch.equal(value, others[name])}
    assert changed == {"subj_block.subj_layer.W.weight", "subj_block.subj_layer.B.weight"}
    start = torch.load(finished / "b/start-seed4.pth", weights_only=True)
    mean = others["subj_block.subj_layer.W.weight"].mean(1, keepdim=True)
    assert torch.equal(start["subj_block.subj_layer.W.weight"], mean)
    assert not torch.equal(fitted["subj_block.subj_layer.W.weight"], mean)


def test_the_table_has_each_number_of_shots_fitted_and_from_scratch(finished, words, capsys):
    def none_is_left(args):
        raise AssertionError(args.experiment_name)

    assert several(words, finished.parent, *FEW, train_one=none_is_left) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split() for line in shown if line.startswith("subject")] == [["subject", "0", "1", "3"],
                                                                             ["subject", "1", "3"]]
    with open(finished / "table.csv", encoding="utf8") as file:
        row = next(csv.DictReader(file))
    assert row["subject"] == "b"
    assert {row[f"{name}_n"] for name in ("fit 0", "fit 1", "fit 3", "scratch 1", "scratch 3")} == {"1"}
    assert (finished / "table.png").exists()
    assert "Chance 33.3" in "\n".join(shown)


def test_a_protocol_that_was_torn_down_goes_on_where_it_was(words, tmp_path):
    begun: list[str] = []

    def until_fit(args):
        begun.append(args.experiment_name)
        if len(begun) == 2:
            raise RuntimeError("pulled the plug")
        return train.train_one(args)

    few = ["--protocol", "loso", "--shots", "1", "--subjs", *PEOPLE[:2], "--subj_idxs", "0"]
    with pytest.raises(RuntimeError, match="plug"):
        several(words, tmp_path, *few, train_one=until_fit)
    several(words, tmp_path, *few, train_one=until_fit)
    assert begun == ["others-seed42", "fit-1-seed42", "fit-1-seed42", "scratch-1-seed42"]


def test_dry_run_shows_every_stage(words, tmp_path, capsys):
    assert several(words, tmp_path, *FEW, "--dry_run", "--stage_args", "fit.lr=0.5") == 0
    shown = capsys.readouterr().err
    assert shown.count("python train.py") == 6
    assert shown.count("--lr=0.5") == 3
    assert shown.count("--freeze=all_but_subject") == 3
    assert list(tmp_path.iterdir()) == []


def test_shots_of_one_word_need_a_trial_left_to_test():
    label = np.array([0, 0, 0, 1, 1, 1, 1])
    text = np.array([f"r{i}" for i in range(7)])
    records = Records(text, np.full(7, "s"), label, np.full(7, ""), np.full(7, 10))
    rows, rest = draw_shots(records, [0, 2], seed=1)
    assert sorted(label[rows[2]]) == [0, 0, 1, 1]
    assert sorted([*rows[2], *rest]) == list(range(7))
    with pytest.raises(UserError, match="a word of subject s has 3 trials"):
        draw_shots(records, [3], seed=1)


@pytest.mark.parametrize(("more", "found"), [
    (["--subjs", "a", "--subj_idxs", "0"], "needs two subjects and more, found 1"),
    (["--model", "cnn"], "has no layer of its own for each subject"),
    (["--stage_args", "fitt.lr=1"], "did you mean fit?"),
    (["--shots", "10"], "a word of subject b has 10 trials, none would be left to test"),
])
def test_what_cannot_be_done_is_refused_by_name(words, tmp_path, more, found):
    with pytest.raises(UserError) as caught:
        several(words, tmp_path, *FEW, *more)
    assert found in str(caught.value)
    assert list(tmp_path.iterdir()) == []
