from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from src.models.layers.gumbel_quantizer import GumbelQuantizer


@pytest.mark.parametrize("shared", [False, True])
def test_looking_codes_up_is_the_product_with_straight_through_one_hot_vectors(shared):
    torch.manual_seed(0)
    quantizer = GumbelQuantizer(6, 8, n_codes=5, n_groups=2, shared=shared).double().train()
    tokens, probe = torch.randn(3, 4, 6).double().requires_grad_(), torch.randn(3, 4, 8).double()
    noise = torch.randn(24, 5)
    (quantizer(tokens, 0.7, noise).tokens * probe).sum().backward()
    found = [tokens.grad, quantizer.vars.grad, quantizer.weight_proj.weight.grad]

    tokens.grad, quantizer.vars.grad, quantizer.weight_proj.weight.grad = None, None, None
    logits = quantizer.weight_proj(tokens).float().view(-1, 2, 5)
    soft = ((logits + noise.view_as(logits)) / 0.7).softmax(-1)
    one_hot = F.one_hot(soft.argmax(-1), 5) - soft.detach() + soft
    chosen = torch.einsum("rgv,gvd->rgd", one_hot.double(), quantizer.table())
    (chosen.reshape(3, 4, 8) * probe).sum().backward()
    for one, other in zip(found, [tokens.grad, quantizer.vars.grad, quantizer.weight_proj.weight.grad], strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_evaluation_chooses_without_noise_and_alike_in_every_call():
    quantizer, tokens = GumbelQuantizer(6, 8, 5, 2).eval(), torch.randn(2, 7, 6)
    one, same = quantizer(tokens), quantizer(tokens, 0.1, torch.randn(28, 5))
    assert torch.equal(one.tokens, same.tokens)
    assert torch.equal(one.tokens, quantizer.look_up(one.codes))


def test_combinations_of_codes_are_counted_through():
    quantizer = GumbelQuantizer(6, 8, 5, 2)
    assert quantizer.codes_of(torch.tensor([0, 1, 5, 24])).tolist() == [[0, 0], [0, 1], [1, 0], [4, 4]]


def test_perplexity_counts_the_codes_in_use():
    quantizer = GumbelQuantizer(2, 4, n_codes=4, n_groups=1).eval()
    torch.nn.init.zeros_(quantizer.weight_proj.weight)
    assert torch.allclose(quantizer(torch.randn(1, 9, 2)).prob_perplexity, torch.tensor(4.0), atol=1e-4)
    assert torch.allclose(quantizer(torch.randn(1, 9, 2)).code_perplexity, torch.tensor(1.0), atol=1e-4)
