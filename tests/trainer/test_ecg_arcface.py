"""Identification of strangers: gallery and probes in validation, test and report."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import test
import train
from src.data.open import open_dataset
from src.errors import UserError
from src.evaluation.identification import identify
from tests.data.sets.fairseq_files import write_people

FEW = ["--model", "arcface", "--preset", "tiny", "--device", "cpu", "--no_use_tensorboard", "--batch_size", "4",
       "--max_steps", "2"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    place = tmp_path_factory.mktemp("people")
    folder = write_people(place / "M")
    words = [*FEW, "--data_path", str(folder), "--save_dir", str(place), "--experiment_name", "run"]
    assert train.main(words) == 0
    return place / "run"


def test_strangers_are_of_a_part_and_a_role_and_of_no_class(tmp_path):
    found = open_dataset("manifest", write_people(tmp_path / "M"), {})
    assert found.subsets == ("train", "valid", "test")
    assert found.target.names == ("0", "1", "2")
    of_valid = found.records.subset == "valid"
    assert found.info["role"][of_valid].tolist() == ["gallery"] * 6 + ["probe"] * 6
    assert found.records.subject[of_valid].tolist() == [str(n) for n in range(100, 106)] * 2


def test_validation_is_the_accuracy_of_the_probes(trained):
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [line["val"] for line in lines if line["event"] == "epoch"] == [{"accuracy": 1.0, "chance": 1 / 6}]
    assert torch.load(trained / "best_model.pth", weights_only=True)["best"] == 1.0


def test_testing_gives_the_accuracy_and_the_embeddings_behind_it(trained, capsys):
    assert test.main(["--weights", str(trained), "--device", "cpu"]) == 0
    told = capsys.readouterr().out
    assert "Identification: The nearest of 6 gallery records" in told
    with np.load(next(trained.rglob("embeddings.npz"))) as kept:
        np.testing.assert_allclose(np.linalg.norm(kept["embedding"], axis=1), 1, rtol=1e-5)
        roles = np.repeat(["gallery", "probe"], 6)
        assert identify(kept["embedding"], kept["subject"], roles).top1 == 1


def test_people_of_another_folder_are_identified(trained, tmp_path, capsys):
    folder = write_people(tmp_path / "M", people=4, parts=("test",))
    (folder / "train.tsv").unlink()
    assert test.main(["--weights", str(trained), "--device", "cpu", "--data_path", str(folder)]) == 0
    assert "for 100.0" in capsys.readouterr().out


def test_a_gallery_without_probes_is_refused(tmp_path):
    folder = write_people(tmp_path / "M")
    with pytest.raises(UserError, match="part 'valid' holds gallery"):
        open_dataset("manifest", folder / "valid_gallery.tsv", {})
    (folder / "valid_probe.tsv").unlink()
    with pytest.raises(UserError, match="part 'valid' holds gallery"):
        open_dataset("manifest", folder, {})
    write_people(tmp_path / "N")
    (tmp_path / "N" / "train.tsv").rename(tmp_path / "N" / "valid.tsv")
    with pytest.raises(UserError, match="records of no role"):
        open_dataset("manifest", tmp_path / "N", {})
