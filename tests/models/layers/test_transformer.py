from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from src.errors import UserError
from src.models.layers.transformer import EncoderConfig, TransformerStack

SMALL = EncoderConfig(n_blocks=3, n_heads=2, d_head=4)


def test_weights_start_smaller_the_deeper_the_block():
    torch.manual_seed(0)
    stack = TransformerStack(64, EncoderConfig(n_blocks=4, n_heads=4, d_head=32))
    for depth, block in enumerate(stack.xfmr_blocks):
        for name, part in block.named_modules():
            if isinstance(part, nn.Linear):
                assert part.weight.std().item() == pytest.approx(0.02 / math.sqrt(2 * (depth + 1)), rel=0.05), name
                assert not part.bias.any()


def test_the_hidden_width_is_twice_the_tokens_unless_it_is_given():
    assert TransformerStack(10, SMALL).xfmr_blocks[0].ffn.fc1[0].out_features == 20
    assert TransformerStack(10, EncoderConfig(d_ff=7)).xfmr_blocks[0].ffn.fc1[0].out_features == 7


@pytest.mark.parametrize("options", [{}, {"res_attn": True}, {"norm_first": True}, {"rot_theta": 50.0}])
def test_one_record_gives_the_same_alone_and_in_a_batch(options):
    torch.manual_seed(0)
    stack = TransformerStack(8, EncoderConfig(n_blocks=2, n_heads=2, d_head=4, **options)).eval()
    tokens = torch.randn(3, 5, 8)
    torch.testing.assert_close(stack(tokens)[:1], stack(tokens[:1]))


@pytest.mark.parametrize("options", [{"n_blocks": 0}, {"d_head": 0}, {"d_ff": 0}, {"attn_dropout": 1.0},
                                     {"ff_dropout": (0.1, -0.1)}])
def test_impossible_sizes_are_refused(options):
    with pytest.raises(UserError, match=r"encoder\."):
        EncoderConfig(**options)
