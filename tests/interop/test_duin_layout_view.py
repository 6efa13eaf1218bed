from __future__ import annotations

from pathlib import Path

import pytest
import torch

import train
from src.errors import UserError
from src.interop.duin_checkpoints import read_params
from src.interop.layouts.duin import DuinView, is_kept
from src.trainer import checkpoint
from tests import doors
from tests.pipelines.words_files import TINY, write_words


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return write_words(tmp_path_factory.mktemp("view") / "words.npz")


def trained(words: Path, *more: str) -> int:
    return train.main(["--data_path", str(words), "--subjs", "a", *TINY, *more])


def test_layout_keeps_epochs_from_zero_the_last_and_the_parameters_beside(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    more = ["--model", "duin_vqvae", "--layout", "duin", "--epochs", "6", "--save_freq", "2"]
    assert trained(words, *more, "--experiment_name", "v") == 0
    stage = tmp_path / "pretrains/duin/a/vqvae"
    assert sorted(path.name for path in (stage / "model").iterdir()) == \
        [f"checkpoint-{epoch}.pth" for epoch in (0, 2, 4, 5)]
    view = torch.load(stage / "model/checkpoint-5.pth", weights_only=True)
    run = checkpoint.read(tmp_path / "checkpoints/v/last.pth")["model"]
    assert all(torch.equal(value, run[name]) for name, value in view.items())
    params = read_params(stage / "save/params")
    assert (params["model"]["n_channels"], params["train"]["n_epochs"], params["train"]["subjs"]) == (6, 6, ["a"])
    # the next stages take it as they take the original's
    assert trained(words, "--model", "duin_mae", "--vqkd_ckpt", str(stage / "model/checkpoint-5.pth"), "--layout",
                   "duin") == 0
    mae = tmp_path / "pretrains/duin/a/mae/model/checkpoint-0.pth"
    assert trained(words, "--model", "duin_cls", "--pt_ckpt", str(mae)) == 0


def test_weights_of_others_are_never_written_over(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    published = tmp_path / "pretrains/duin/a/vqvae/model/checkpoint-399.pth"
    published.parent.mkdir(parents=True)
    published.write_bytes(b"published")
    assert trained(words, "--model", "duin_vqvae", "--layout", "duin", "--experiment_name", "v") == 2
    assert "holds weights of somebody else" in capsys.readouterr().err
    assert published.read_bytes() == b"published"
    assert list(published.parent.iterdir()) == [published]
    assert not (tmp_path / "checkpoints/v").exists()


def test_a_view_belongs_to_one_run(tmp_path):
    view = DuinView("duin_mae", ["001"], tmp_path)
    view.claim(tmp_path / "zero")  # left nothing, not even its folder
    (tmp_path / "first").mkdir()
    view.claim(tmp_path / "first")
    view.claim(tmp_path / "first")  # resumed
    with pytest.raises(UserError, match=r"holds weights of .*first"):
        view.claim(tmp_path / "second")
    assert DuinView("poms_mae", ["001", "002"], tmp_path).folder == tmp_path / "pretrains/duin/joint/mae"


@pytest.mark.parametrize(("every", "kept"), [(0, [4]), (1, [0, 1, 2, 3, 4]), (3, [0, 3, 4])])
def test_which_epochs_a_view_has(every, kept):
    assert [epoch for epoch in range(5) if is_kept(epoch, every, epoch == 4)] == kept


def test_models_without_this_layout_refuse_it(tmp_path, capsys):
    assert doors.door(doors.write_recordings(tmp_path / "x.npz"), tmp_path, "--layout", "duin") == 2
    assert "--layout duin: holds only with --model" in capsys.readouterr().err
