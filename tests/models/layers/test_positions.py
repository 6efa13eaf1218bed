from __future__ import annotations

import math

import torch

from src.models.layers.positions import RotaryEmbedding, TimeEmbedding, sinusoids


def test_the_table_holds_sines_and_cosines_of_falling_rates():
    table = sinusoids(7, 6)
    for t, j in ((0, 0), (3, 1), (6, 2)):
        angle = t * 10000 ** (-2 * j / 6)
        torch.testing.assert_close(table[t, 2 * j : 2 * j + 2], torch.tensor([math.sin(angle), math.cos(angle)]))


def test_shorter_sequences_take_the_first_rows():
    embedding, tokens = TimeEmbedding(4, 9), torch.zeros(2, 5, 4)
    torch.testing.assert_close(embedding(tokens)[1], sinusoids(9, 4)[:5])
    assert not embedding.time_encodings.requires_grad


def test_a_rotation_keeps_the_length_and_leaves_the_first_token_alone():
    x = torch.randn(2, 3, 5, 8)
    turned = RotaryEmbedding(8, theta=100.0)(x)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(turned[..., 0, :], x[..., 0, :])
    assert not torch.allclose(turned[..., 1, :], x[..., 1, :])
