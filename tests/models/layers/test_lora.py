"""Low-rank updates: they begin as nothing, cost nothing in evaluation, and become part of the weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from src.errors import UserError
from src.models.layers.lora import LoraConfig, LoraLinear, add_lora, lora_parameters, without_lora


def with_updates() -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 3))
    add_lora(network, LoraConfig(2, 8.0))
    return network, torch.randn(4, 5)


def trained() -> tuple[nn.Module, torch.Tensor]:
    network, x = with_updates()
    with torch.no_grad():
        for parameter in lora_parameters(network):
            parameter.normal_()
    return network, x


def test_an_update_begins_as_nothing():
    network, x = with_updates()
    plain = nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 3))
    plain.load_state_dict(network.state_dict(), strict=False)
    torch.testing.assert_close(network(x), plain(x), rtol=0, atol=0)


def test_an_update_is_alpha_over_rank_times_up_times_down():
    torch.manual_seed(0)
    linear, x = LoraLinear(5, 3, rank=2, alpha=6.0), torch.randn(4, 5)
    nn.init.normal_(linear.lora_up)
    wanted = x @ (linear.weight + 3 * linear.lora_up @ linear.lora_down).mT + linear.bias
    torch.testing.assert_close(linear(x), wanted)
    torch.testing.assert_close(linear.eval()(x), wanted)


def test_the_merged_state_is_that_of_a_plain_network_that_computes_the_same():
    network, x = trained()
    plain = nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 3))
    plain.load_state_dict(without_lora(network.state_dict()))
    torch.testing.assert_close(plain(x), network.eval()(x), rtol=0, atol=0)
    assert without_lora(plain.state_dict()).keys() == plain.state_dict().keys()


def test_only_the_updates_are_few():
    network, _ = with_updates()
    assert sum(p.numel() for p in lora_parameters(network)) == 2 * (5 + 7) + 2 * (7 + 3)
    plain = nn.Linear(2, 2)
    add_lora(plain, LoraConfig())
    assert list(lora_parameters(plain)) == []


def test_a_negative_rank_is_refused():
    with pytest.raises(UserError, match=r"lora.rank is -1"):
        LoraConfig(-1)
