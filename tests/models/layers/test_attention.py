from __future__ import annotations

import pytest
import torch

from src.models.layers.attention import MultiHeadAttention


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def attention() -> MultiHeadAttention:
    torch.manual_seed(0)
    return MultiHeadAttention(d_model=12, n_heads=3, d_head=8).eval()


def test_the_fused_path_gives_what_the_explicit_one_gives(attention, tokens):
    keep = torch.ones(5, 5, dtype=torch.bool).tril()
    explicit = attention(tokens, keep, need_scores=True)
    torch.testing.assert_close(attention(tokens, keep).tokens, explicit.tokens)
    torch.testing.assert_close(explicit.weights.sum(-1), torch.ones(2, 3, 5))


def test_a_token_does_not_feel_what_the_mask_hides(attention, tokens):
    keep = torch.tensor([True, True, True, False, False])[None, None, None]
    changed = tokens.clone()
    changed[:, 3:] += 1.0
    torch.testing.assert_close(attention(tokens, keep).tokens[:, :3], attention(changed, keep).tokens[:, :3])
    assert not torch.allclose(attention(tokens).tokens[:, :3], attention(changed).tokens[:, :3])


def test_large_scores_do_not_overflow(attention, tokens):
    with torch.no_grad():
        attention.norm_q.weight *= 100
    assert torch.isfinite(attention(tokens).tokens).all()
    assert torch.isfinite(attention(tokens, need_scores=True).tokens).all()


def test_the_scale_of_a_state_dict_counts(attention, tokens):
    before = attention(tokens, need_scores=True).scores
    with torch.no_grad():
        attention.attention.scale *= 2
    torch.testing.assert_close(attention(tokens, need_scores=True).scores, 2 * before)


def test_previous_scores_are_added(attention, tokens):
    first = attention(tokens, need_scores=True)
    second = attention(tokens, previous=first.scores)
    torch.testing.assert_close(second.scores, 2 * first.scores)


def test_dropout_zeroes_its_share_of_the_weights_in_training_only(tokens):
    torch.manual_seed(0)
    attention = MultiHeadAttention(12, 3, 8, attn_dropout=0.5).train()
    share = (attention(tokens.repeat(50, 1, 1), need_scores=True).weights == 0).float().mean()
    assert 0.45 < share < 0.55
    torch.testing.assert_close(attention.eval()(tokens).tokens, attention(tokens).tokens)


def test_rotary_scores_depend_on_the_distance_alone():
    torch.manual_seed(0)
    attention = MultiHeadAttention(12, 2, 8, rot_theta=100.0).eval()
    same = torch.randn(1, 1, 12).expand(1, 6, 12)
    scores = attention(same, need_scores=True).scores[0, 0]
    torch.testing.assert_close(scores[0, 2], scores[3, 5])
    assert not torch.allclose(scores[0, 2], scores[0, 3])
