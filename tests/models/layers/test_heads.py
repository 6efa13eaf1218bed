from __future__ import annotations

import pytest
import torch

from src.models.layers.heads import LabelHead, SignalHead, TokenHead


def test_logits_are_plain_unless_the_sigmoid_is_asked_for():
    torch.manual_seed(0)
    plain, squashed = LabelHead(12, 5, (8,)), LabelHead(12, 5, (8,), sigmoid=True)
    squashed.load_state_dict(plain.state_dict())
    tokens = torch.randn(3, 4, 3)
    torch.testing.assert_close(squashed(tokens), plain(tokens).sigmoid())


def test_without_hidden_layers_a_head_is_linear():
    head = TokenHead(6, 11)
    assert [tuple(p.shape) for p in head.parameters()] == [(11, 6), (11,)]
    assert head(torch.randn(2, 3, 6)).shape == (2, 3, 11)


def test_a_token_can_be_split_into_its_steps_first():
    head = SignalHead(12, (4,), (1,), (1,), (1,), d_output=4, steps=3)
    tokens = torch.arange(24.0).view(1, 2, 12)
    steps = head.rgs_head[0](tokens)
    assert torch.equal(steps[0], torch.arange(24.0).view(6, 4))
    assert head(tokens).shape == (1, 4, 6)
    assert {name.split(".")[1] for name in head.state_dict()} == {"1", "2"}  # the split counts, as in the original


@pytest.mark.parametrize(("kernels", "strides"), [((3, 4, 7), (1, 4, 5)), ((3, 10, 19), (2, 10, 10))])
def test_the_signal_is_as_long_as_the_strides_make_it(kernels, strides):
    head = SignalHead(16, (8, 8, 6), kernels, strides, (1, 1, 1), d_output=5)
    assert head(torch.randn(2, 6, 16)).shape == (2, 5, 6 * strides[0] * strides[1] * strides[2])


@pytest.mark.parametrize("steps", [None, 2])
def test_two_convolutions_run_as_one_give_what_they_give_one_by_one(steps):
    torch.manual_seed(0)
    head = SignalHead(16, (8, 7, 6, 5), (3, 4, 7, 9), (1, 4, 1, 3), (1, 1, 2, 1), d_output=5, steps=steps)
    tokens = torch.randn(2, 6, 16)
    assert head.pairs
    torch.testing.assert_close(head(tokens), head.rgs_head(tokens).transpose(1, 2))
    head(tokens).sum().backward()
    merged = [p.grad.clone() for p in head.parameters()]
    head.zero_grad()
    head.rgs_head(tokens).sum().backward()
    torch.testing.assert_close(merged, [p.grad for p in head.parameters()])
