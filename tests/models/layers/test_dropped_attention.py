from __future__ import annotations

import pytest
import torch

from src.models.layers.attention import attend, explicit_attention
from src.models.layers.dropped_attention import dropped_attention

KEEP = torch.ones(2, 1, 4, 5, dtype=torch.bool).triu(-2)


@pytest.fixture
def heads() -> list[torch.Tensor]:
    """Queries of 4 tokens, keys and values of 5: (2, N, 3, 6)."""
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(2, tokens, 3, 6, generator=draw, dtype=torch.float64, requires_grad=True)
            for tokens in (4, 5, 5)]


@pytest.mark.parametrize("keep", [None, KEEP, KEEP[:1, 0], KEEP.expand(2, 3, 4, 5)])
def test_without_dropped_weights_it_is_plain_attention_with_its_gradients(heads, keep):
    q, k, v = heads
    found = dropped_attention(q, k, v, keep, 0.4, 0.0)
    plain = explicit_attention(0.4 * q, k, v, keep).tokens
    torch.testing.assert_close(found, plain)
    pull = torch.randn_like(plain)
    for mine, theirs in zip(torch.autograd.grad(found, heads, pull), torch.autograd.grad(plain, heads, pull),
                            strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("keep", [None, KEEP])
def test_the_gradient_with_dropped_weights_is_the_slope(heads, keep):
    def seeded(*given):
        torch.manual_seed(3)
        return dropped_attention(*given, keep, 0.4, 0.5)

    assert torch.autograd.gradcheck(seeded, heads)


@pytest.mark.parametrize("rows", [30, 4000])  # all heads at once, and one after the other
def test_dropout_keeps_the_mean_and_drops_its_share(rows):
    torch.manual_seed(0)
    q, k = torch.zeros(1, rows, 40, 8), torch.zeros(1, 5, 40, 8)  # every weight is 1 / 5
    v = torch.eye(5, 8).repeat(1, 40, 1, 1).transpose(1, 2)
    weights = attend(q, k, v, None, dropout_p=0.25)[..., :5]
    assert abs((weights == 0).float().mean().item() - 0.25) < 0.03
    torch.testing.assert_close(weights[weights > 0], torch.tensor(0.2 / 0.75).expand(int((weights > 0).sum())))


def test_mixed_precision_on_a_cpu_trains_too(heads):
    q, k, v = (part.detach().float().repeat(1, 40, 1, 1).requires_grad_() for part in heads)
    with torch.autocast("cpu", torch.bfloat16):
        seen = attend(q, k, v.bfloat16(), None, dropout_p=0.5)
    seen.float().sum().backward()
    assert torch.isfinite(v.grad).all()
