"""What the stages show in the report, from runs of a few updates on short simulated recordings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import arguments
import train
from src import config

SMALL = ["--preset", "tiny", "--max_steps", "2", "--batch_size", "8", "--no_use_tensorboard", "--device", "cpu",
         "--num_workers", "0"]
WORDS = ["words=3", "trials_per_word=6", "test_trials_per_word=4", "samples=1000", "channels=4"]


def trained(folder, *argv):
    return train.train_one(config.parse(arguments.TRAIN, [*SMALL, "--save_dir", str(folder), *argv]))


@pytest.fixture(scope="module")
def vqvae(tmp_path_factory):
    """Two subjects read words; their labels are known to the report alone."""
    return trained(tmp_path_factory.mktemp("vqvae"), "--model", "duin_vqvae", "--dataset_args", "task=words", *WORDS,
                   "subjects=2", "--lr", "3e-4", "--model_args", "quantizer.codex_size=8", "quantizer.warmup_steps=0")


def test_the_first_stage_shows_its_codes_and_what_it_reconstructs(vqvae):
    found = {section.title: section for section in vqvae.report_sections(vqvae.test_loader)}
    assert list(found) == ["Codebook", "Reconstruction", "Channels"]
    parts = [part.title for part in found["Codebook"].parts]
    assert parts == ["Codes by subject", "Codes by class", "What the codes look like"]
    assert found["Codebook"].values["tokens"] == 2 * 3 * 4 * 10
    explained = vqvae.validate_epoch(vqvae.test_loader)["val_explained_variance"]
    assert 1 - found["Reconstruction"].values["standardised_error"] == pytest.approx(explained, abs=0.05)
    assert found["Channels"].values.keys() == {"001", "002"}


def test_looking_at_the_codes_does_not_change_them(vqvae):
    before = {name: value.clone() for name, value in vqvae.model.state_dict().items()}
    vqvae.report_sections(vqvae.test_loader)
    assert all(torch.equal(value, before[name]) for name, value in vqvae.model.state_dict().items())


def test_weights_from_before_the_codebook_have_no_codes_to_show(vqvae):
    vqvae.model.vq_block.codex.initted.fill_(0)
    try:
        codebook = vqvae.report_sections(vqvae.test_loader)[0]
    finally:
        vqvae.model.vq_block.codex.initted.fill_(1)
    assert "Nothing was quantised yet" in codebook.text
    assert codebook.parts == []


def test_the_second_stage_shows_the_score_that_validation_gives(vqvae, tmp_path):
    mae = trained(tmp_path, "--model", "duin_mae", "--vqkd_ckpt", str(vqvae.folder), "--dataset_args", "task=words",
                  *WORDS, "subjects=2")
    masked = mae.report_sections(mae.test_loader)[0]
    found = mae.validate_epoch(mae.test_loader)
    assert masked.values["accuracy"] == pytest.approx(found["val_accuracy"])
    assert masked.values["loss_nat"] == pytest.approx(found["val_cross_entropy"], rel=1e-5)
    assert masked.values["subjects"].keys() == {"001", "002"}


def test_the_phoneme_model_shows_initials_by_name(tmp_path):
    llm = trained(tmp_path, "--model", "duin_llm", "--dataset_args", *WORDS)
    phonemes = llm.report_sections(llm.test_loader)[0]
    found = llm.validate_epoch(llm.test_loader)
    assert phonemes.values["initials"]["accuracy"] == pytest.approx(found["val_initials_accuracy"])
    assert phonemes.values["finals"]["accuracy"] == pytest.approx(found["val_accuracy"])
    shown = {text.get_text() for text in phonemes.parts[0].figure.axes[0].get_yticklabels()}
    assert shown & set("bdgklmnps")


def test_alignment_is_compared_with_weights_drawn_anew_and_kept(tmp_path):
    align = trained(tmp_path, "--model", "duin_align", "--dataset_args", *WORDS, "subjects=2")
    model, before = align.model, {name: value.clone() for name, value in align.model.state_dict().items()}
    retrieval = align.report_sections(align.test_loader)[0]
    assert align.model is model
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert retrieval.values["after"]["top1"] == pytest.approx(
        align.validate_epoch(align.test_loader)["val_retrieval"])
    assert np.isfinite(retrieval.values["before"]["top1"])
