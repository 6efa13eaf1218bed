from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from src.models.layers.negatives import draw_negatives, fingerprints, hide_equal, right_share, similarities


@pytest.mark.parametrize("across", [0, 3])
def test_one_product_and_a_gather_are_the_cosines_of_the_rows(across):
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 3, 5, 4, generator=generator)
    negatives = draw_negatives(3, 5, 6, across, generator)
    found = similarities(x, y, y, negatives, within=not across)
    wanted = F.cosine_similarity(x[:, :, None], torch.cat([y[:, :, None], y.flatten(0, 1)[negatives]], 2), dim=-1)
    assert torch.allclose(found, wanted, atol=1e-6)


def test_a_negative_equal_to_the_target_is_hidden():
    y = torch.randn(1, 4, 3)
    y[0, 2] = y[0, 0]
    names, negatives = fingerprints(y), torch.tensor([[[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]])
    logits = hide_equal(torch.zeros(1, 4, 4), names.flatten()[negatives] == names[..., None])
    assert torch.isneginf(logits)[0].tolist() == [
        [False, False, True, False], [False] * 4, [False, True, False, False], [False] * 4]


def test_equal_logits_are_not_right():
    assert right_share(torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])) == pytest.approx(1 / 3)
