"""wav2vec 2.0's objective: what is drawn, what is compared, what gets a gradient."""

from __future__ import annotations

import pytest
import torch

from src.errors import UserError
from src.models.ecg_transformer.wav2vec2 import Draws, Wav2vec2
from src.models.layers.negatives import draw_negatives
from tests.models.ecg_transformer.small import CODES, FRAMES, SAMPLES, make, signals


def small(**more):
    return make(Wav2vec2, **({key.replace(".", "__"): value for key, value in CODES.items()} | more))


def objective(found):
    return found.info_nce() + (0 if found.diversity is None else 0.1 * found.diversity) + 10 * found.penalty


@pytest.mark.parametrize("more", [
    {}, {"quantizer__enabled": False}, {"contrast__target_glu": True}, {"contrast__n_cross_negatives": 3},
    {"contrast__n_code_negatives": 2}, {"contrast__from_everywhere": True}, {"feature_mask__ratio": 0.3},
    {"mask__no_overlap": True}, {"features_dropout": 0.2}], ids=str)
def test_every_way_of_pretraining_reaches_all_parameters(more):
    model = small(**more).train()
    found = model.pretrain(signals(), seed=3)
    objective(found).backward()
    without = {name for name, p in model.named_parameters() if p.grad is None}
    # a code is chosen for whole batches only by chance: its vectors have a gradient in any case
    assert without == set()
    negatives = 6 + more.get("contrast__n_cross_negatives", 0) + more.get("contrast__n_code_negatives", 0)
    assert found.logits.shape == (4, found.hidden // 4, 1 + negatives)


def test_a_seed_decides_every_draw():
    model = small().eval()
    one, same, other = (model.pretrain(signals(), seed=seed).logits for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert one.shape != other.shape or not torch.equal(one, other)


def test_draws_can_be_given():
    model = small().train()
    mask = torch.zeros(4, FRAMES, dtype=torch.bool)
    mask[:, 2:8] = True
    draws = Draws(mask=mask, noise=torch.zeros(4 * 6 * 2, 5), negatives=torch.arange(6).repeat(4, 6, 1)
                  + 6 * torch.arange(4)[:, None, None], feature_mask=torch.zeros(4, 16, dtype=torch.bool))
    model.encoder.eval()
    one, other = (model.pretrain(signals(), seed=seed, draws=draws) for seed in (1, 2))
    assert torch.equal(one.logits, other.logits)
    assert one.hidden == 24


def test_a_negative_that_is_the_target_itself_does_not_count():
    model = small(contrast__n_negatives=40).eval()
    found = model.pretrain(signals(), seed=0)
    equal = torch.isneginf(found.logits[..., 1:])
    assert equal.any()  # five codes in two groups: many frames share theirs
    assert not torch.isneginf(found.logits[..., 0]).any()
    assert torch.isfinite(found.info_nce())


def test_hidden_frames_are_hidden_from_the_encoder():
    model = small(mask__length=2).eval()
    mask = torch.zeros(1, FRAMES, dtype=torch.bool)
    mask[:, 10:14] = True
    signal, changed = signals(1), signals(1)
    changed[..., 80:112] += 5  # the samples of these frames
    with torch.no_grad():
        model.feature_extractor.conv_layers[0][1] = torch.nn.Identity()  # its norm is over the whole record
        frames = [model.pretrain(x, draws=Draws(mask=mask)).frames.tokens for x in (signal, changed)]
    assert torch.allclose(*frames, atol=1e-6)


def test_padded_frames_are_neither_hidden_nor_seen():
    model = small().eval()
    mask = torch.ones(2, SAMPLES, dtype=torch.bool)
    mask[1, 88:] = False
    found = model.pretrain(signals(2) * mask[:, None], mask, seed=5)
    assert found.frames.keep.sum(1).tolist() == [FRAMES, 11]
    assert found.hidden % 2 == 0
    assert found.hidden // 2 <= 11


def test_records_too_short_to_hide_anything_are_refused():
    with pytest.raises(UserError, match="too short to hide"):
        small().pretrain(signals(2), draws=Draws(mask=torch.zeros(2, FRAMES, dtype=torch.bool)))


def test_the_temperature_falls_to_its_floor():
    model = small(quantizer__temperature=(2.0, 0.5, 0.9))
    assert [model.temperature(updates) for updates in (0, 1, 1000)] == [2.0, 1.8, 0.5]


def test_negatives_are_other_frames_of_the_same_record_or_of_any():
    generator = torch.Generator().manual_seed(0)
    drawn = draw_negatives(3, 5, 50, 50, generator)
    own = torch.arange(15).view(3, 5, 1)
    assert (drawn != own).all()
    assert (drawn[..., :50] // 5 == torch.arange(3)[:, None, None]).all()
    assert set(drawn[..., 50:].flatten().tolist()) == set(range(15))


def test_the_replica_deals_negatives_across_records_to_other_frames():
    generator = torch.Generator().manual_seed(0)
    drawn = draw_negatives(3, 5, 4, 4, generator, replica=True)
    assert (drawn.flatten(1)[:, :20] // 5 == torch.arange(3)[:, None]).all()  # the first 20 are of the record itself


def test_embeddings_are_the_mean_of_frames_without_hiding():
    model = small().eval()
    assert torch.allclose(model(signals()), model.encode(signals()).tokens.mean(1), atol=1e-6)


@pytest.mark.slow
def test_compiling_reaches_what_pretraining_computes():
    model, passed = small().eval(), []

    def backend(graph, _):
        passed.append(graph)
        return graph.forward

    plain = model.pretrain(signals(), seed=1).logits
    model.compile(backend=backend)
    torch.testing.assert_close(model.pretrain(signals(), seed=1).logits, plain)
    assert len(passed) >= 3  # convolutions, positions, encoder
