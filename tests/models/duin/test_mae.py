from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from src.errors import UserError
from src.models.duin.mae import DuinMae
from src.models.duin.poms import PomsMae
from tests.models.duin.small import ENCODER, inputs_of, make_model


@pytest.mark.parametrize(("tokens", "ratio", "masked"), [(6, 0.5, 3), (7, 0.5, 4), (40, 0.5, 20), (6, 0.0, 0)])
def test_all_but_the_smallest_numbers_are_hidden(tokens, ratio, masked):
    model = make_model(DuinMae, mask_ratio=ratio)
    noise = torch.rand(3, tokens)
    hidden = model.hidden(noise)
    assert (hidden.sum(1) == masked).all()
    for row, mask in zip(noise, hidden):
        assert not masked or masked == tokens or row[mask].min() > row[~mask].max()


@pytest.mark.parametrize("model_class", [DuinMae, PomsMae])
def test_no_token_is_predicted_from_itself(model_class):
    model = make_model(model_class).eval()
    signal, subject = inputs_of(model, size=1)
    noise = torch.rand(1, 6)
    before = model(signal, subject, noise)
    signal[..., 40:60] += 1.0  # the third segment
    after = model(signal, subject, noise)
    assert torch.equal(before[:, 2], after[:, 2])
    other_pass = model.hidden(noise)[0] != model.hidden(noise)[0, 2]
    assert not torch.isclose(before[0, other_pass], after[0, other_pass]).all(-1).any()


@pytest.mark.parametrize("options", [{}, {"mask_ratio": 0.3}, {"mask_ratio": 0.0}, {"mask_ratio": 0.9},
                                     {"encoder": replace(ENCODER, rot_theta=100.0)},
                                     {"encoder": replace(ENCODER, res_attn=True)},
                                     {"encoder": replace(ENCODER, norm_first=True)}])
def test_one_call_on_a_doubled_batch_is_two_passes(options):
    model = make_model(DuinMae, **options).eval()
    signal, subject = inputs_of(model)
    noise = torch.rand(4, 6)
    tokens, hidden = model.tokenize(signal, subject), model.hidden(noise)[..., None]
    passes = [model.cls_block(model.encode_tokens(torch.where(mask, model.mask_emb, tokens)))
              for mask in (hidden, ~hidden)]
    torch.testing.assert_close(model(signal, subject, noise), torch.where(hidden, *passes))


def test_masks_are_drawn_in_training_and_fixed_in_evaluation_unless_it_is_the_replica():
    for mode, replica, same in ((True, False, False), (False, False, True), (False, True, False)):
        model = make_model(DuinMae, replica=replica).train(mode)
        tokens = torch.zeros(4, 6, 16)
        first, second = model._draw(tokens), model._draw(tokens)
        assert torch.equal(first, second) == same
    assert "eval_noise" not in model.state_dict()


def test_training_learns_codes_that_repeat():
    model = make_model(DuinMae).train()
    signal, subject = inputs_of(model, size=8)
    codes = (torch.arange(6) + torch.arange(8)[:, None]) % 12
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(80):
        loss = F.cross_entropy(model(signal, subject).flatten(0, 1), codes.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5


def test_a_ratio_of_one_is_refused():
    with pytest.raises(UserError, match="mask_ratio is 1"):
        DuinMae.Config(mask_ratio=1.0)
