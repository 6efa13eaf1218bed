from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from src.models.layers.view_contrast import by_owner, cmsc


def embeddings(rows: int = 8) -> torch.Tensor:
    return torch.randn(rows, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()


def test_two_views_of_each_owner_are_simclrs_cross_entropy():
    views, owner = embeddings(), torch.arange(8) // 2
    unit = F.normalize(views, dim=1)
    scores = (unit @ unit.T / 0.1).masked_fill(torch.eye(8, dtype=torch.bool), float("-inf"))
    partner = torch.arange(8) ^ 1
    found = by_owner(views, owner)
    assert torch.allclose(found.loss, F.cross_entropy(scores, partner), atol=1e-5)
    assert found.pairs == 8
    assert found.right == (scores.argmax(1) == partner).float().mean()


def test_adjacent_segments_are_clips_cross_entropy():
    views, segment, owner = embeddings(), torch.arange(8) % 2, torch.arange(8) // 2
    unit = F.normalize(views, dim=1)
    scores, pairs = unit[::2] @ unit[1::2].T / 0.1, torch.arange(4)
    found = cmsc(views, owner, segment)
    wanted = 0.5 * (F.cross_entropy(scores, pairs) + F.cross_entropy(scores.T, pairs))
    assert torch.allclose(found.loss, wanted, atol=1e-5)
    assert found.pairs == 4


@pytest.mark.parametrize("loss", [
    lambda v: by_owner(v, torch.zeros(4)).loss, lambda v: cmsc(v, torch.arange(4), torch.arange(4) % 2).loss],
    ids=["one owner", "no pair"])
def test_what_cannot_be_compared_costs_nothing_and_has_finite_gradients(loss):
    views = embeddings(4)
    loss(views).backward()
    assert torch.isfinite(views.grad).all()


def test_no_gradient_flows_through_the_norm():
    views = embeddings()
    by_owner(views, torch.arange(8) // 2).loss.backward()
    assert (views.grad * views).sum(1).abs().max() > 1e-3  # a projected gradient would be at right angles
