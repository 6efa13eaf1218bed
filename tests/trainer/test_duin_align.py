"""Alignment of subjects to one another and to word embeddings, on a few short simulated trials."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from src import assembly
from src.data.simulated.seeg import SimulatedSEEG
from src.errors import UserError
from src.trainer import checkpoint, duin_words
from tests.doors import rows
from tests.trainer.test_duin_stages import TRIALS, restored, run, settings

ALIGN = ["--model", "duin_align", *TRIALS, "subjects=2"]


@pytest.fixture(scope="module")
def names():
    return SimulatedSEEG(SimulatedSEEG.Config(words=3)).target.names


@pytest.fixture
def vectors(tmp_path, names):
    """One more word than the data have, in another order."""
    words = [*reversed(names), "further"]
    np.savez(tmp_path / "vectors.npz", words=words, vectors=np.eye(4, 5))
    return tmp_path / "vectors.npz"


def test_word_vectors_travel_in_the_checkpoint(tmp_path, vectors, names):
    trainer = run(tmp_path, *ALIGN, "--experiment_name", "words", "--word_vectors", str(vectors))
    assert trainer.model.config.d_vector == 5
    assert trainer.words.words == names
    np.testing.assert_array_equal(trainer.words.vectors.numpy(), np.eye(4, 5)[[2, 1, 0]])
    before, after = rows(trainer.folder, "metrics")[0], rows(trainer.folder, "epoch")[-1]
    for row in (before, after):
        assert 0 <= row["val"]["word_retrieval"] <= 1
        assert row["val"]["word_retrieval_chance"] == pytest.approx(1 / 3)
    vectors.unlink()
    tested = restored(trainer.folder)
    assert tested.trainer.words.words == names
    assert torch.equal(tested.trainer.words.vectors, trainer.words.vectors)
    assert {"val_retrieval", "val_word_retrieval"} <= tested.trainer.validate_epoch(tested.loader("valid")).keys()
    args = settings(tmp_path, *ALIGN, "--word_vectors", str(vectors))
    args.resume = str(trainer.folder)
    assert assembly.companions_of_run(args)["words"].words == names


def test_places_of_the_words_are_learnt_where_none_are_given(tmp_path, names):
    trainer = run(tmp_path, *ALIGN, "--max_steps", "1")
    assert trainer.words.words == names
    assert torch.equal(trainer.words.vectors, torch.eye(3))
    assert restored(trainer.folder).trainer.words.words == names


def test_words_without_a_vector_are_refused_with_the_nearest(tmp_path, names):
    np.savez(tmp_path / "few.npz", words=[names[0], names[1], names[2] + "x"], vectors=np.eye(3))
    with pytest.raises(UserError, match=f"no vector for 1 of the data's 3 words: {names[2]}; did you mean "
                                        f"{names[2]}x"):
        run(tmp_path, *ALIGN, "--word_vectors", str(tmp_path / "few.npz"))


def test_another_width_than_the_files_is_refused_with_both_values(tmp_path, vectors):
    with pytest.raises(UserError, match="d_vector=7: the word embeddings have 5"):
        run(tmp_path, *ALIGN, "--word_vectors", str(vectors), "--model_args", "d_vector=7")


def test_word_vectors_of_another_model_are_refused(tmp_path):
    with pytest.raises(UserError, match="--word_vectors x: holds only with --model duin_align; here it is duin_cls"):
        settings(tmp_path, "--model", "duin_cls", "--word_vectors", "x")


def test_one_subject_is_aligned_to_words(tmp_path, vectors):
    trainer = run(tmp_path, "--model", "duin_align", *TRIALS, "subjects=1", "--max_steps", "1", "--word_vectors",
                  str(vectors))
    assert "word_retrieval" in rows(trainer.folder, "epoch")[-1]["val"]


def test_an_alignment_of_trials_has_no_words_in_its_checkpoint(tmp_path):
    trainer = run(tmp_path, *ALIGN, "--max_steps", "1", "--word_vectors", "none")
    assert trainer.model.config.d_vector == 0
    assert duin_words.from_checkpoint(checkpoint.read(trainer.folder / "last.pth")) is None
