from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from src.models.duin.llm import DuinLlm, token_loss
from tests.models.duin.small import inputs_of, make_model


@pytest.mark.parametrize("replica", [False, True])
def test_each_token_gets_an_initial_and_a_final(replica):
    model = make_model(DuinLlm, replica=replica).eval()
    logits = model(*inputs_of(model))
    assert {name: tuple(value.shape) for name, value in logits.items()} == {"initials": (4, 6, 22), "finals": (4, 6, 7)}


def test_the_loss_is_the_mean_over_the_tokens_that_are_marked():
    logits, label, mask = torch.randn(2, 3, 5), torch.randint(0, 5, (2, 3)), torch.tensor([[1, 0, 0], [1, 1, 0]]) > 0
    torch.testing.assert_close(token_loss(logits, label, mask), F.cross_entropy(logits[mask], label[mask]))
    logits[0, 1] = float("nan")  # what is not marked cannot spoil it
    assert torch.isfinite(token_loss(logits, label, mask))
    assert token_loss(torch.randn(2, 3, 5), label, torch.zeros_like(mask)) == 0


def test_the_quantiser_is_the_replica_s_alone_and_ignored_elsewhere():
    plain, replica = make_model(DuinLlm), make_model(DuinLlm, replica=True)
    assert plain.vq_block is None
    report = plain.load_complete(replica.state_dict())
    assert {name.split(".")[0] for name in report.ignored} == {"vq_block"}
    for module in (plain, replica):
        module.eval()
    assert torch.equal(plain(*inputs_of(plain))["finals"], replica(*inputs_of(replica))["finals"])
