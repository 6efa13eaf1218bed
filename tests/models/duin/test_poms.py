from __future__ import annotations

import pytest
import torch

from src.models.duin.classifier import DuinClassifier
from src.models.duin.poms import PomsClassifier, PomsMae, PomsVqvae
from tests.models.duin.small import inputs_of, make_model

EVERY = (PomsVqvae, PomsMae, PomsClassifier)


@pytest.mark.parametrize("model_class", EVERY)
def test_a_subject_is_served_by_its_own_modules(model_class):
    model = make_model(model_class, n_subjects=3).eval()
    inputs = inputs_of(model, size=6, subjects=3)
    before = model(*inputs)
    with torch.no_grad():
        for parameter in model.tokenizers[1].parameters():
            parameter.add_(0.1)
    after = model(*inputs)
    changed = (before != after).flatten(1).any(1)
    assert changed.tolist() == [False, True, False, False, True, False]


@pytest.mark.parametrize("model_class", EVERY)
def test_training_of_one_subject_leaves_the_others_alone(model_class):
    model = make_model(model_class, n_subjects=3).train()
    outputs = model(*inputs_of(model, size=6, subjects=2))
    outputs.square().sum().backward()
    for subject, tokenizer in enumerate(model.tokenizers):
        norm = tokenizer.conv_blocks[0][1][0]
        assert (norm.num_batches_tracked == 0) == (subject == 2)
        assert all((p.grad is None) == (subject == 2) for p in tokenizer.parameters())


def test_the_replica_mixes_the_statistics_of_the_subjects():
    model = make_model(PomsClassifier, n_subjects=3, replica=True).train()
    model(*inputs_of(model, size=6, subjects=2))
    counted = [tokenizer.conv_blocks[0][1][0].num_batches_tracked.item() for tokenizer in model.tokenizers]
    assert counted == [1, 1, 1]


def test_channel_weights_follow_the_first_convolution_and_its_norm():
    model = make_model(PomsMae, n_subjects=2)
    with torch.no_grad():
        convolution, norm = (model.tokenizers[1].conv_blocks[0][part][0] for part in (0, 1))
        convolution.weight.zero_()
        convolution.weight[0, 2] = -3.0
        norm.weight.fill_(0.5)
        norm.running_var.fill_(4.0)
    weights = model.channel_weights()
    torch.testing.assert_close(weights[1], torch.tensor([0, 0, 3 * 0.25 / 8, 0, 0]), rtol=1e-4, atol=0)
    assert (weights[0] > 0).all()


def test_a_single_subject_s_checkpoint_gives_the_encoder_only():
    target = make_model(PomsClassifier, seed=1, n_subjects=2)
    report = target.load_original(make_model(DuinClassifier, seed=2).state_dict())
    assert {key.split(".")[0] for key in report.loaded} == {"encoder"}
    assert {key.split(".")[0] for key in report.ignored} >= {"subj_block", "tokenizer"}
    assert any(key.startswith("tokenizers.1.") for key in report.missing)


def test_in_the_replica_every_head_of_the_reconstruction_gets_a_gradient():
    """Zeros, where the batch lacks the subject: the original's optimiser still decays such weights."""
    model = make_model(PomsVqvae, n_subjects=3, replica=True).train()
    losses = model.losses(*inputs_of(model, size=6, subjects=2))[1]
    (losses["rgs"] + losses["vq"]).backward()
    assert all(p.grad is not None and not p.grad.any() for p in model.rgs_blocks[2].parameters())
    assert any(p.grad.any() for p in model.rgs_blocks[1].parameters())
