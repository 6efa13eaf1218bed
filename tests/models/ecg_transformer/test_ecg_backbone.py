"""The backbone: sizes as published, padding, frozen convolutions, the kept positional weight, layerdrop."""

from __future__ import annotations

import pytest
import torch

from src.errors import UserError
from src.models.ecg_transformer.classifier import ArcFace, EcgTransformer
from src.models.ecg_transformer.contrastive import Cmsc, Wav2vec2Cmsc
from src.models.ecg_transformer.wav2vec2 import Wav2vec2
from tests.models.ecg_transformer.small import CHANNELS, FRAMES, SAMPLES, make, signals


@pytest.mark.parametrize(("model_class", "outputs", "parameters"), [
    (Cmsc, (), 90_373_248), (EcgTransformer, (26,), 90_393_242), (EcgTransformer, (77,), 90_432_461),
    (Wav2vec2, (), 90_883_072), (Wav2vec2Cmsc, (), 90_883_072), (ArcFace, (1000,), 91_141_248)])
def test_the_base_size_has_the_published_number_of_parameters(model_class, outputs, parameters):
    with torch.device("meta"):
        model = model_class(model_class.Config(), 12, *outputs)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def padded(length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Signals whose second record ends after `length` samples, and their mask."""
    mask = torch.ones(2, SAMPLES, dtype=torch.bool)
    mask[1, length:] = False
    return signals(2) * mask[:, None], mask


def test_what_lies_in_the_padding_does_not_matter_beyond_the_convolutions():
    model = make(EcgTransformer, 3).eval()
    signal, mask = padded(96)
    tokens, keep = model.encode(signal, mask)
    assert keep.sum(1).tolist() == [FRAMES, 12]
    noisy = tokens.clone()
    noisy[~keep] = 1e3
    assert torch.allclose(model.classify(tokens, keep), model.classify(noisy, keep))


def test_a_mask_without_padding_changes_nothing():
    model = make(EcgTransformer, 3).eval()
    assert torch.equal(model(signals()), model(signals(), torch.ones(4, SAMPLES, dtype=torch.bool)))


@pytest.mark.parametrize("head", ["linear", "attentive"])
def test_a_record_shorter_than_a_frame_still_gives_finite_numbers(head):
    model = make(EcgTransformer, 3, head__kind=head, head__n_heads=2).train()
    logits = model(*padded(3))
    logits.sum().backward()
    assert torch.isfinite(logits).all()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize(("signal", "mask", "says"), [
    (signals(2, 7), None, "needs 8 samples"), (signals(2), torch.ones(2, 9, dtype=torch.bool), r"\(2, 9\)")])
def test_signals_that_make_no_frame_and_masks_of_another_length_are_refused(signal, mask, says):
    with pytest.raises(UserError, match=says):
        make(EcgTransformer, 3)(signal, mask)


@pytest.mark.parametrize(("scale", "factor"), [(0.0, 0.0), (0.1, 0.1), (1.0, 1.0)])
def test_the_gradient_of_the_convolutions_is_scaled_and_no_other(scale, factor):
    whole, scaled = make(EcgTransformer, 3), make(EcgTransformer, 3, features__grad_scale=scale)
    for model in (whole.eval(), scaled.eval()):
        model(signals()).square().sum().backward()
    for (name, one), other in zip(whole.named_parameters(), scaled.parameters(), strict=True):
        if name.startswith("feature_extractor."):
            assert other.grad is None if factor == 0 else torch.allclose(
                other.grad, factor * one.grad, atol=1e-6)
        else:
            assert torch.allclose(other.grad, one.grad, atol=1e-6)


def test_the_weight_kept_in_evaluation_follows_every_change_of_the_parameters():
    model = make(EcgTransformer, 3).eval()
    with torch.no_grad():
        before = model(signals())
        assert torch.equal(before, model(signals()))
        model.conv_pos.weight_g.mul_(2)
        changed = model(signals())
        other = make(EcgTransformer, 3).eval()
        other.conv_pos.weight_g.mul_(2)
        assert torch.equal(changed, other(signals()))
        model.load_state_dict(make(EcgTransformer, 3).state_dict())
        assert torch.equal(before, model(signals()))
    assert not torch.equal(before, changed)


def test_layerdrop_skips_the_layers_whose_draw_is_low():
    model = make(EcgTransformer, 3, encoder__layerdrop=0.5, encoder__ff_dropout=0.0).train()
    tokens = torch.randn(2, FRAMES, 16)
    skipped = model.contextualize(tokens, None, layer_draws=torch.tensor([0.2, 0.9])).tokens
    del model.encoder.layers[0]
    model.encoder.layerdrop = 0.0
    assert torch.equal(skipped, model.contextualize(tokens, None).tokens)


def test_attention_maps_are_one_per_layer_and_sum_to_one():
    maps = make(EcgTransformer, 3).eval().attention_maps(signals(2))
    assert maps.shape == (2, 2, FRAMES, FRAMES)
    assert torch.allclose(maps.sum(-1), torch.ones(2, 2, FRAMES), atol=1e-5)


def test_layers_are_counted_from_the_convolutions_to_the_head():
    depths = make(EcgTransformer, 3).layer_depths()
    assert depths["feature_extractor.conv_layers.0.0.weight"] == depths["encoder.layer_norm.weight"] == 0
    assert [depths[f"encoder.layers.{layer}.fc1.weight"] for layer in (0, 1)] == [1, 2]
    assert depths["proj.weight"] == 3


def test_a_frozen_backbone_leaves_the_head_alone_with_a_gradient():
    for model in (make(EcgTransformer, 3), make(ArcFace, 3)):
        model(signals(), frozen=True).sum().backward()
        assert {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None} <= {"proj", "kernel"}


def test_embeddings_of_arcface_have_length_one_and_leave_padding_out_unless_it_is_the_replica():
    ours, replica = make(ArcFace, 3).eval(), make(ArcFace, 3, replica=True).eval()
    signal, mask = padded(96)
    embedding = ours.embed(signal, mask)
    assert torch.allclose(embedding.norm(dim=1), torch.ones(2))
    assert torch.allclose(embedding[0], replica.embed(signal, mask)[0])
    assert not torch.allclose(embedding[1], replica.embed(signal, mask)[1], atol=1e-3)


def test_wrong_channels_are_refused():
    with pytest.raises(UserError, match=rf"\(batch, {CHANNELS}, samples\)"):
        make(EcgTransformer, 3)(signals()[:, :2])
