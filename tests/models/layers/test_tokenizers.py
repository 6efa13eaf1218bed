from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.models.layers.tokenizers import PatchTokenizer, TokenizerConfig, choose_segment, convolutions


def make(seg_len: int = 20, d_input: int = 3, **options) -> PatchTokenizer:
    torch.manual_seed(0)
    config = TokenizerConfig(n_filters=(6, 4), **options)
    return PatchTokenizer(d_input, seg_len, convolutions(config, seg_len)).eval()


def test_the_original_sizes_follow_from_its_segment():
    blocks = convolutions(TokenizerConfig(), 100)
    assert [block.stride for block in blocks] == [10, 1, 1]
    assert [block.kernel for block in blocks] == [19, 3, 3]
    assert PatchTokenizer(16, 100, blocks).width == 160


def test_segments_do_not_see_each_other():
    tokenizer, signal = make(), torch.randn(2, 3, 80)
    changed = signal.clone()
    changed[..., 20:40] += 1.0
    before, after = tokenizer(signal), tokenizer(changed)
    different = (before != after).any(dim=2).any(dim=0)
    assert different.tolist() == [False, True, False, False]


def test_a_token_is_its_segment_convolved_with_the_time_outermost():
    tokenizer, signal = make(use_bn=(False, False)), torch.randn(2, 3, 40)
    features = signal[..., 20:40]
    for part, block in zip(tokenizer.conv_blocks, tokenizer.blocks):
        conv = part[0][0]
        padding = "same" if block.stride == 1 else (block.kernel - 1) // 2
        features = torch.nn.functional.conv1d(features, conv.weight, conv.bias, block.stride, padding)
    torch.testing.assert_close(tokenizer(signal)[:, 1], features.transpose(1, 2).flatten(1))


def test_in_evaluation_it_is_affine():
    tokenizer, (a, b) = make(), torch.randn(2, 1, 3, 40)
    torch.testing.assert_close(tokenizer((a + b) / 2), (tokenizer(a) + tokenizer(b)) / 2)


@pytest.mark.parametrize("options", [{}, {"kernel_sizes": (5, 4), "pool_sizes": (2, 1)}, {"dilation_rates": (1, 2)}])
def test_a_large_batch_goes_through_one_matrix_with_the_same_result(options):
    tokenizer = make(**options)
    with torch.no_grad():
        for tensor in tokenizer.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor))
    signal = torch.randn(8 * tokenizer.width, 3, 40)
    exact = tokenizer(signal)
    for without_gradients in (torch.no_grad, torch.inference_mode):
        with without_gradients():
            assert tokenizer._folding_pays(signal)
            torch.testing.assert_close(tokenizer(signal), exact, rtol=1e-4, atol=1e-4)


def test_the_matrix_follows_the_weights():
    tokenizer, signal = make(), torch.randn(100, 3, 40)
    with torch.no_grad():
        before = tokenizer(signal)
        next(tokenizer.parameters()).data.mul_(2)  # behind autograd's back
        assert not torch.allclose(tokenizer(signal), before)
        torch.testing.assert_close(tokenizer(signal)[:1], tokenizer(signal[:1]))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@settings(max_examples=30, deadline=None)
@given(seg_len=st.integers(5, 60), stride=st.integers(1, 6), kernel=st.integers(1, 9), dilation=st.integers(1, 3),
       pool=st.integers(1, 3))
def test_the_width_is_the_width_of_the_tokens(seg_len, stride, kernel, dilation, pool):
    options = {"n_strides": (stride, 1), "kernel_sizes": (kernel, 3), "dilation_rates": (dilation, 1),
               "pool_sizes": (1, pool)}
    try:
        tokenizer = make(seg_len, **options)
    except UserError:
        return
    assert tokenizer(torch.randn(1, 3, 2 * seg_len)).shape == (1, 2, tokenizer.width)


@pytest.mark.parametrize(("samples", "rate", "segment"), [
    (3000, 1000.0, 100), (2000, 1024.0, 100), (50, 100.0, 10), (2500, 250.0, 25),
    (2000, 500.0, 50), (4000, 2000.0, 200), (4096, 512.0, 64), (750, 250.0, 25)])
def test_the_segment_is_100_samples_near_1000_hz_or_near_a_tenth_of_a_second(samples, rate, segment):
    assert choose_segment(samples, rate) == segment


def test_a_window_that_no_segment_divides_is_refused():
    with pytest.raises(UserError, match="3001 samples"):
        choose_segment(3001, 1000.0)


def test_lists_of_unequal_length_are_refused():
    with pytest.raises(UserError, match="n_strides has 2 values for 3 convolutions"):
        convolutions(TokenizerConfig(n_strides=(10, 1)), 100)


def test_strides_that_leave_nothing_are_refused():
    with pytest.raises(UserError, match="leave nothing of 20 samples"):
        convolutions(TokenizerConfig(n_filters=(4,), pool_sizes=(50,)), 20)


@pytest.mark.parametrize("d_input", [2, 5, 7])
def test_a_kernel_of_one_with_a_stride_trains_with_few_channels(d_input):
    """torch's own CPU kernel for it, channels last, wrote outside its memory."""
    config = TokenizerConfig(n_filters=(6,), kernel_sizes=(1,), n_strides=(5,), use_bn=(False,))
    tokenizer, signal = PatchTokenizer(d_input, 20, convolutions(config, 20)), torch.randn(8, d_input, 60)
    conv = tokenizer.conv_blocks[0][0][0]
    plain = torch.nn.functional.conv1d(signal, conv.weight, conv.bias, stride=5)  # (8, 6, 12): 4 steps of 3 segments
    tokens = tokenizer(signal)
    torch.testing.assert_close(tokens, plain.unflatten(2, (3, 4)).permute(0, 2, 3, 1).flatten(2))
    pull = torch.randn_like(tokens)
    own, = torch.autograd.grad(tokens, conv.weight, pull)
    other, = torch.autograd.grad(plain.unflatten(2, (3, 4)).permute(0, 2, 3, 1).flatten(2), conv.weight, pull)
    torch.testing.assert_close(own, other)
