from __future__ import annotations

import torch

from src.models.layers.dropout import Dropout, dropout


def test_its_share_is_zero_and_the_rest_is_raised():
    torch.manual_seed(0)
    dropped = dropout(torch.ones(400, 501), 0.2)
    zero, raised = dropped.unique().tolist()
    assert zero == 0
    assert abs(raised - 1.25) < 1e-5
    assert abs((dropped == 0).float().mean().item() - 0.2) < 4 * (0.16 / dropped.numel()) ** 0.5


def test_neighbours_are_dropped_independently():
    torch.manual_seed(0)
    zero = (dropout(torch.ones(500_000), 0.5) == 0).double()
    for shift in (1, 2, 3):
        assert abs((zero[:-shift] * zero[shift:]).mean().item() - 0.25) < 0.003


def test_the_seed_decides_the_mask():
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(dropout(torch.ones(64), 0.5))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_the_gradient_goes_where_the_values_went():
    x = torch.ones(1000, requires_grad=True)
    y = dropout(x, 0.3)
    y.sum().backward()
    torch.testing.assert_close(x.grad, y.detach())


def test_in_evaluation_nothing_changes_and_nothing_is_drawn():
    x, before = torch.randn(5), torch.get_rng_state()
    assert Dropout(0.5).eval()(x) is x
    assert torch.equal(torch.get_rng_state(), before)
