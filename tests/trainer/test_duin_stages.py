"""Du-IN's stages as a person trains them: each from the one before, on a few short simulated recordings."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import torch

import arguments
import train
from src import assembly, config, restoring
from src.errors import UserError
from src.interop.duin_checkpoints import model_params, write_stage
from src.trainer import checkpoint
from src.trainer.duin_sections import class_names
from tests.doors import rows
from tests.helpers import assert_same_run, train_until

STRETCHES = ["--dataset_args", "stretches=20", "samples=500", "channels=4"]
TRIALS = ["--dataset_args", "words=3", "trials_per_word=6", "test_trials_per_word=2", "samples=1000", "channels=4"]
SMALL = ["--preset", "tiny", "--epochs", "2", "--batch_size", "4", "--no_use_tensorboard", "--device", "cpu",
         "--num_workers", "0", "--print_freq", "2"]


def settings(folder, *argv):
    return config.parse(arguments.TRAIN, [*SMALL, "--save_dir", str(folder), *argv])


def run(folder, *argv) -> Any:
    return train.train_one(settings(folder, *argv))


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def vqvae(tmp_path_factory):
    """A trained first stage of 8 codes, of which each stands for 50 samples."""
    folder = tmp_path_factory.mktemp("vqvae")
    return run(folder, "--model", "duin_vqvae", "--experiment_name", "vq", *STRETCHES, "--model_args",
               "quantizer.codex_size=8", "quantizer.warmup_steps=3", "tokenizer.seg_len=50")


@pytest.fixture(scope="module")
def mae(vqvae, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mae")
    return run(folder, "--model", "duin_mae", "--experiment_name", "mae", "--vqkd_ckpt", str(vqvae.folder), *STRETCHES)


def restored(folder, *argv):
    return restoring.restore(config.parse(arguments.TEST, ["--weights", str(folder), "--device", "cpu", *argv]))


# -------------------------------------------------------------------------------------------- first stage
def test_the_codebook_is_logged_beside_both_losses(vqvae):
    _, last = rows(vqvae.folder, "epoch")
    assert {"loss", "loss_rgs", "loss_vq", "code_perplexity", "unused_codes"} <= last["train"].keys()
    assert {"loss", "mse", "explained_variance", "code_perplexity", "unused_codes"} <= last["val"].keys()
    assert 1 <= last["val"]["code_perplexity"] <= 8
    assert last["train"]["loss"] == pytest.approx(last["train"]["loss_rgs"] + last["train"]["loss_vq"])


def test_what_was_trained_on_stretches_is_tested_on_words(vqvae):
    words = restored(vqvae.folder, "--dataset", "simulated_seeg", *TRIALS, "samples=500", "task=words")
    assert len(class_names(words.trainer.data.dataset)) == 3  # so the report says how the codes differ between them
    assert words.trainer.report_sections(words.loader("test"))[0].title == "Codebook"


def test_counts_begin_anew_with_each_epoch(vqvae):
    """Four updates of 40 tokens, each weighted by 1 - 0.99, decaying by 0.99."""
    decayed = sum(0.01 * 40 * 0.99**age for age in range(4))
    assert float(vqvae.model.vq_block.counts.sum()) == pytest.approx(decayed, rel=1e-4)


def test_weights_without_codes_are_never_the_best(tmp_path):
    trainer = run(tmp_path, "--model", "duin_vqvae", "--experiment_name", "vq", *STRETCHES, "--epochs", "4",
                  "--model_args", "quantizer.codex_size=8", "quantizer.warmup_steps=8")
    epochs = rows(trainer.folder, "epoch")
    assert ["loss" in row["val"] for row in epochs] == [False, False, True, True]
    assert "mse" in epochs[0]["val"]
    assert trainer.progress.best_epoch > 2


def test_a_warm_up_longer_than_half_of_the_training_is_shortened(tmp_path, capsys):
    trainer = run(tmp_path, "--model", "duin_vqvae", *STRETCHES, "--max_steps", "4", "--model_args",
                  "quantizer.warmup_steps=100")
    assert "quantizer.warmup_steps=100 is more than half of 4 updates: 2 instead" in capsys.readouterr().err
    assert trainer.model.vq_block.has_started


def test_labelled_data_are_taken_without_their_labels_and_split_as_for_words(tmp_path):
    args = settings(tmp_path, "--model", "duin_vqvae", "--dataset", "simulated_seeg", *TRIALS, "task=words")
    words = assembly.data_of_run(settings(tmp_path, "--model", "duin_cls", *TRIALS))
    data = assembly.data_of_run(args)
    assert data.target.kind == "signal"
    assert data.target.names == data.spec.channels
    assert {part: found.tolist() for part, found in data.rows.items()} == \
        {part: found.tolist() for part, found in words.rows.items()}


# ------------------------------------------------------------------------------------------- second stage
def test_masked_prediction_follows_the_codes_of_its_vqvae(mae, vqvae):
    assert (mae.model.config.quantizer.codex_size, mae.model.seg_len) == (8, 50)
    assert mae.target.names == tuple(f"c{code}" for code in range(8))
    batch = next(iter(mae.val_loaders["val"]))
    codes = vqvae.model.eval().quantize(batch.signal, batch.subject).codes
    found = mae.predict(mae.val_loaders["val"])
    assert torch.equal(torch.from_numpy(found.labels[:len(codes)]), codes)


@pytest.mark.parametrize("words", [["quantizer.codex_size=16"], ["tokenizer.seg_len=100"]])
def test_other_sizes_than_the_vqvaes_are_refused_with_both_values(vqvae, tmp_path, words):
    with pytest.raises(UserError, match=rf"{words[0]}: the VQ-VAE has (8|50)"):
        run(tmp_path, "--model", "duin_mae", "--vqkd_ckpt", str(vqvae.folder), *STRETCHES, "--model_args", *words)


def test_other_signals_than_the_vqvaes_are_refused_with_both_values(vqvae, tmp_path):
    with pytest.raises(UserError, match="its samples: 500; those of these data: 1000"):
        run(tmp_path, "--model", "duin_mae", "--vqkd_ckpt", str(vqvae.folder), *STRETCHES, "samples=1000")


def test_vqkd_ckpt_names_a_run_a_file_or_is_refused(vqvae, mae, tmp_path):
    given = ["--model", "duin_mae", *STRETCHES]
    file = assembly.companions_of_run(settings(tmp_path, *given, "--vqkd_ckpt", str(vqvae.folder / "best_model.pth")))
    folder = assembly.companions_of_run(settings(tmp_path, *given, "--vqkd_ckpt", str(vqvae.folder)))
    assert torch.equal(file["vqvae"].vqvae.vq_block.codex.embeddings, folder["vqvae"].vqvae.vq_block.codex.embeddings)
    with pytest.raises(UserError, match="--model duin_mae: needs --vqkd_ckpt"):
        run(tmp_path, *given)
    with pytest.raises(UserError, match="a duin_mae, the codes of a duin_vqvae are expected"):
        run(tmp_path, *given, "--vqkd_ckpt", str(mae.folder))
    with pytest.raises(UserError, match="--vqkd_ckpt x: holds only with --model duin_mae or poms_mae; here it is cnn"):
        settings(tmp_path, "--model", "cnn", "--vqkd_ckpt", "x")


def test_the_originals_checkpoint_gives_the_same_codes(vqvae, tmp_path):
    model = vqvae.model.eval()
    path = write_stage(tmp_path / "vqvae", 399, model.state_dict(), model_params(model, "vqvae"))
    given = ["--model", "duin_mae", *STRETCHES, "--vqkd_ckpt", str(path)]
    codes = assembly.companions_of_run(settings(tmp_path, *given))["vqvae"]
    batch = next(iter(vqvae.val_loaders["val"]))
    assert torch.equal(codes(batch.signal, batch.subject), model.quantize(batch.signal, batch.subject).codes)
    (tmp_path / "vqvae/save/params").unlink()
    with pytest.raises(UserError, match="no parameter file of the original beside it"):
        assembly.companions_of_run(settings(tmp_path, *given))


def test_of_the_originals_vqvae_the_codes_are_enough(vqvae, tmp_path):
    """Its decoder and heads may have other sizes: making targets needs none of them."""
    model = vqvae.model.eval()
    state = {name: value for name, value in model.state_dict().items() if not name.startswith(("rgs", "desubj"))}
    path = write_stage(tmp_path / "vqvae", 0, {**state, "desubj_block.more": torch.ones(3)},
                       model_params(model, "vqvae"))
    given = settings(tmp_path, "--model", "duin_mae", *STRETCHES, "--vqkd_ckpt", str(path))
    codes = assembly.companions_of_run(given)["vqvae"]
    batch = next(iter(vqvae.val_loaders["val"]))
    assert torch.equal(codes(batch.signal, batch.subject), model.quantize(batch.signal, batch.subject).codes)
    assert "tensors loaded" in codes.notes[0]
    state.pop("vq_block.codex.embeddings")
    write_stage(tmp_path / "vqvae", 0, state, model_params(model, "vqvae"))
    with pytest.raises(UserError, match=r"checkpoint-0\.pth: 1 tensors of the codes are missing"):
        assembly.companions_of_run(given)


def test_a_vqvae_whose_codebook_was_never_started_is_refused(tmp_path):
    with pytest.MonkeyPatch.context() as patch:  # a warm-up is cut to half of the training
        patch.setattr("src.trainer.duin_vqvae.DuinVqvaeTrainer._keep_time_for_codes", lambda self: None)
        folder = run(tmp_path, "--model", "duin_vqvae", *STRETCHES, "--max_steps", "2", "--model_args",
                     "quantizer.warmup_steps=100").folder
    with pytest.raises(UserError, match="its codebook was never started"):
        run(tmp_path, "--model", "duin_mae", *STRETCHES, "--vqkd_ckpt", str(folder))


def test_the_entropy_of_the_codes_stands_beside_the_loss_for_people_too(vqvae, tmp_path, capsys):
    run(tmp_path, "--model", "duin_mae", "--vqkd_ckpt", str(vqvae.folder), *STRETCHES)
    shown = capsys.readouterr().err
    assert f"note      --vqkd_ckpt {vqvae.folder}: " in shown
    assert all(" code_entropy " in line for line in shown.splitlines() if " done: " in line)


def test_what_is_hidden_in_evaluation_is_fixed_by_the_record(mae):
    first, again = (mae.validate_epoch(mae.val_loaders["val"]) for _ in range(2))
    assert first == again
    one, other = (mae.predict(mae.data.loader("train", size)) for size in (3, 5))
    assert (one.scores[..., 1] == other.scores[..., 1]).all()


def test_the_entropy_of_the_codes_stands_beside_the_loss(mae):
    row = rows(mae.folder, "epoch")[-1]
    assert 0 <= row["val"]["code_entropy"] <= 2.08
    assert 0 <= row["train"]["code_entropy"] <= 2.08
    assert row["val"]["cross_entropy"] == pytest.approx(row["val"]["loss"], rel=1e-5)


@pytest.mark.parametrize("stage", ["vqvae", "mae"])
def test_testing_the_weights_gives_the_validation_scores_of_training(stage, request):
    trainer = request.getfixturevalue(stage)
    found = restored(trainer.folder, "--subset", "valid")
    scores = found.trainer.validate_epoch(found.loader("valid"))
    best = rows(trainer.folder, "epoch")[trainer.progress.best_epoch - 1]["val"]
    assert {name.removeprefix("val_"): value for name, value in scores.items()} == best


def test_masked_prediction_goes_on_without_the_folder_of_its_vqvae(vqvae, mae, tmp_path):
    shutil.copytree(vqvae.folder, tmp_path / "vq")
    stopped = assemble(tmp_path, "--model", "duin_mae", "--experiment_name", "stopped", "--vqkd_ckpt",
                       str(tmp_path / "vq"), *STRETCHES)
    train_until(stopped, 3)
    shutil.rmtree(tmp_path / "vq")
    resumed = run(tmp_path, "--resume", str(stopped.folder))
    assert_same_run(resumed.folder, mae.folder)


def test_the_first_stage_resumed_inside_an_epoch_is_the_uninterrupted_one(vqvae, tmp_path):
    stopped = assemble(tmp_path, "--model", "duin_vqvae", "--experiment_name", "stopped", *STRETCHES, "--model_args",
                       "quantizer.codex_size=8", "quantizer.warmup_steps=3", "tokenizer.seg_len=50")
    train_until(stopped, 6)
    assert_same_run(run(tmp_path, "--resume", str(stopped.folder)).folder, vqvae.folder)


def assemble(folder, *argv):
    """The trainer of a command line, not yet trained."""
    args = settings(folder, *argv)
    companions = assembly.companions_of_run(args)
    data = assembly.data_of_run(args, companions)
    model = assembly.build_model(args, data.spec, data.target, data.known_subjects, companions=companions)
    return assembly.build_trainer(args, model, data, companions)


# ---------------------------------------------------------------------------------------------- words
def test_pt_ckpt_is_another_name_of_init_from(mae, tmp_path):
    args = settings(tmp_path, "--model", "duin_cls", "--pt_ckpt", str(mae.folder))
    assert args.init_from == str(mae.folder)
    trainer = run(tmp_path, "--model", "duin_cls", "--pt_ckpt", str(mae.folder), *TRIALS, "--model_args",
                  "tokenizer.seg_len=50", "--max_steps", "1", "--lr", "1e-9", "--min_lr", "0", "--no_load_best")
    own = trainer.model.state_dict()
    for name, value in checkpoint.read(mae.folder / "best_model.pth")["model"].items():
        if name.startswith("encoder.") and value.dim() > 1:
            assert torch.allclose(own[name], value, atol=1e-6), name


# ---------------------------------------------------------------------------------------------- phonemes
PHONEMES = ["--model", "duin_llm", *TRIALS, "--max_steps", "2"]


def test_both_heads_are_in_the_loss_and_finals_alone_in_the_replica(tmp_path):
    trainer = run(tmp_path / "ours", *PHONEMES)
    both = rows(trainer.folder, "epoch")[-1]
    assert both["train"]["loss"] == pytest.approx(both["train"]["loss_initials"] + both["train"]["loss_finals"])
    assert 0 <= both["val"]["initials_accuracy"] <= 1
    replica = rows(run(tmp_path / "replica", *PHONEMES, "--replica").folder, "epoch")[-1]
    assert replica["train"]["loss"] == replica["train"]["loss_finals"]
    found = restored(trainer.folder)
    assert (found.trainer.predict(found.loader("test")).labels == -100).any()


def test_augmentation_that_moves_the_signal_away_from_its_phonemes_is_refused(tmp_path):
    with pytest.raises(UserError, match="--augmentation shift=10: moves the signal away"):
        run(tmp_path, *PHONEMES, "--augmentation", "shift=10")


def test_segments_that_are_no_patches_of_the_phonemes_are_refused(tmp_path):
    with pytest.raises(UserError, match="the data label 10 tokens of a trial, the model makes 20"):
        run(tmp_path, *PHONEMES, "--model_args", "tokenizer.seg_len=50")


# ---------------------------------------------------------------------------------------------- alignment
def test_retrieval_between_subjects_is_measured_before_the_first_step_and_after(tmp_path):
    trainer = run(tmp_path, "--model", "duin_align", *TRIALS, "subjects=2", "--max_steps", "3")
    before, after = rows(trainer.folder, "metrics")[0], rows(trainer.folder, "epoch")[-1]
    assert before["epoch"] == 0
    for row in (before, after):
        assert 0 <= row["val"]["retrieval"] <= 1
        assert row["val"]["retrieval_chance"] == pytest.approx(1 / 3)
    assert trainer.progress.monitor == "retrieval"


def test_one_subject_cannot_be_aligned(tmp_path):
    with pytest.raises(UserError, match="these data have 1 subject: aligning needs two or more"):
        run(tmp_path, "--model", "duin_align", *TRIALS, "subjects=1")


# ---------------------------------------------------------------------------------------------- several subjects
def test_the_multi_subject_stages_train_from_one_another(tmp_path):
    vq = run(tmp_path, "--model", "poms_vqvae", *STRETCHES, "subjects=2", "--max_steps", "4")
    mae = run(tmp_path, "--model", "poms_mae", "--vqkd_ckpt", str(vq.folder), *STRETCHES, "subjects=2", "--max_steps",
              "2")
    assert {"accuracy_001", "accuracy_002"} <= rows(mae.folder, "epoch")[-1]["val"].keys()
    cls = run(tmp_path, "--model", "poms_cls", "--pt_ckpt", str(mae.folder), *TRIALS, "subjects=2", "--max_steps", "2")
    assert "accuracy" in rows(cls.folder, "epoch")[-1]["val"]
    with pytest.raises(UserError, match="its subjects: 2; those of these data: 3"):
        run(tmp_path, "--model", "poms_mae", "--vqkd_ckpt", str(vq.folder), *STRETCHES, "subjects=3")
