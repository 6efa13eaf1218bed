from __future__ import annotations

import pytest
import torch

from src.models.layers.contrastive import ContrastiveBlock


@pytest.mark.parametrize("mode", ["unicl", "clip_orig", "clip"])
def test_matching_pairs_cost_less_than_shuffled_ones(mode):
    torch.manual_seed(0)
    block, z, label = ContrastiveBlock(6, 8, mode), torch.randn(4, 3, 6), torch.eye(4)
    matching, _ = block(z, z, label, label)
    shuffled, _ = block(z, z.roll(1, 0), label, label)
    assert matching < shuffled


def test_records_of_one_label_count_as_pairs():
    torch.manual_seed(0)
    block, z = ContrastiveBlock(6, 8, "unicl"), torch.randn(2, 3, 6).repeat_interleave(2, 0)
    one, other = torch.eye(2).repeat_interleave(2, 0), torch.eye(2).repeat(2, 1)
    assert block(z, z, one, one)[0] < block(z, z, other, other)[0]
