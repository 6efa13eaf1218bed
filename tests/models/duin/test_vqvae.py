from __future__ import annotations

import pytest
import torch

from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.models.duin.config import QuantizerConfig, ReconstructionConfig
from src.models.duin.poms import PomsVqvae
from src.models.duin.reconstruction import band_pass, transposed_convolutions
from src.models.duin.vqvae import DuinVqvae
from tests.models.duin.small import ENCODER, inputs_of, make_model

BOTH = (DuinVqvae, PomsVqvae)


@pytest.mark.parametrize("model_class", BOTH)
def test_absent_channels_count_for_nothing_and_come_out_as_zero(model_class):
    model = make_model(model_class).eval()
    signal, subject, mask = inputs_of(model)
    mask[1:, 3:] = False
    signal = signal * mask[..., None]
    found, losses, _ = model.losses(signal, subject, mask)
    assert not found[~mask].any()
    raw = model.reconstruct(model.quantize(signal, subject).tokens, subject)
    expected = (signal - raw).square().mean(2)[mask].mean()
    torch.testing.assert_close(losses["rgs"], expected)


@pytest.mark.parametrize("model_class", BOTH)
def test_a_subject_without_any_channel_gives_a_loss_of_zero(model_class):
    model = make_model(model_class).eval()
    signal, subject, mask = inputs_of(model)
    _, losses, _ = model.losses(signal, subject, torch.zeros_like(mask))
    assert losses["rgs"] == 0


def test_codes_are_those_of_the_forward_pass():
    model = make_model(DuinVqvae).eval()
    signal, subject, mask = inputs_of(model)
    codes = model.quantize(signal, subject).codes
    assert codes.shape == (4, 6)
    assert codes.dtype == torch.int64
    assert codes.max() < model.codebook_size == 12
    assert torch.equal(model.losses(signal, subject, mask)[2].codes, codes)


def test_counts_are_forgotten_on_demand():
    model = make_model(DuinVqvae).train()
    model(*inputs_of(model))
    assert model.vq_block.counts.sum() > 0
    model.reset_counts()
    assert not model.vq_block.counts.any()


def test_the_replica_counts_in_evaluation_too():
    model = make_model(DuinVqvae, replica=True).eval()
    model(*inputs_of(model))
    assert model.vq_block.counts.sum() > 0


@pytest.mark.parametrize(("model_class", "options"), [
    (DuinVqvae, {"quantizer": QuantizerConfig(12, 8, restart_after=5, warmup_steps=10)}), (PomsVqvae, {})])
def test_training_learns_to_reconstruct(model_class, options):
    model = make_model(model_class, **options).train()
    time = torch.linspace(0, 12 * torch.pi, 120)
    signal = torch.stack([torch.sin(time + phase) for phase in range(4)])[:, None].repeat(1, 5, 1)
    subject, mask = torch.zeros(4, dtype=torch.int64), torch.ones(4, 5, dtype=torch.bool)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(45):
        _, losses, _ = model.losses(signal, subject, mask)
        optimizer.zero_grad()
        (losses["rgs"] + losses["vq"]).backward()
        optimizer.step()
    assert losses["rgs"].item() < 0.3  # 0.39 is the best without codes, by the position alone


def test_any_window_gets_strides_that_make_its_samples_again():
    for samples, rate_hz in ((4000, 1000.0), (50, 100.0), (1250, 500.0), (768, 256.0)):
        spec = SignalSpec(("A1", "A2"), rate_hz, "uV", samples)
        for model_class in BOTH:
            config = model_class.Config(encoder=ENCODER, decoder=ENCODER)
            model = model_class.from_spec(config, spec, TargetSpec("signal")).eval()
            signal, subject, mask = torch.randn(1, 2, samples), torch.zeros(1, dtype=torch.int64), torch.ones(1, 2) > 0
            assert model(signal, subject, mask).shape == signal.shape


def test_the_default_convolutions_are_the_original_s():
    found = transposed_convolutions(ReconstructionConfig(), 10, 10)
    assert found.strides == (1, 1, 10, 1, 10)
    assert found.kernels == (3, 3, 10, 9, 19)
    of_steps = transposed_convolutions(ReconstructionConfig((128, 128, 128)), 1, 10)
    assert of_steps.strides == (1, 1, 10)
    assert of_steps.kernels == (3, 3, 19)


def test_a_warm_up_without_the_k_means_start_that_ends_it_is_refused():
    with pytest.raises(UserError, match="warmup_steps ends with the k-means start"):
        QuantizerConfig(warmup_steps=5, init_kmeans=False)


@pytest.mark.parametrize("filters", [(8,), (8, 4), (8, 8, 8, 4), (8,) * 7])
def test_any_number_of_convolutions_makes_the_samples(filters):
    model = make_model(DuinVqvae, reconstruction=ReconstructionConfig(filters)).eval()
    assert model(*inputs_of(model)).shape == (4, 5, 120)


@pytest.mark.parametrize(("options", "message"), [
    ({"n_strides": (1, 5)}, "n_strides has 2 values for 3 convolutions"),
    ({"n_strides": (1, 1, 5)}, "make 5 samples of a token, which stands for 20"),
    ({"kernel_sizes": (3, 3, 3)}, "a reconstruction kernel of 3 cannot make"),
    ({"kernel_sizes": (4, 5, 7)}, "a reconstruction kernel of 4 cannot make 1 samples"),
])
def test_convolutions_that_cannot_be_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        make_model(DuinVqvae, reconstruction=ReconstructionConfig((8, 8, 4), **options))


def test_steps_that_do_not_divide_a_token_are_refused():
    with pytest.raises(UserError, match="do not split tokens"):
        make_model(PomsVqvae, reconstruction=ReconstructionConfig((8, 8, 4), n_strides=(1, 1, 3)))


def test_a_band_alone_is_reconstructed_where_one_is_asked_for():
    model = make_model(DuinVqvae, reconstruction=ReconstructionConfig(band_hz=(40.0, 60.0))).eval()
    signal, subject, mask = inputs_of(model)
    found, losses, _ = model.losses(signal, subject, mask)
    torch.testing.assert_close(losses["rgs"], (model.target(signal) - found).square().mean())
    assert not torch.allclose(model.target(signal), signal, atol=0.1)


def test_the_band_keeps_what_is_within_it_and_loses_what_is_not():
    seconds = torch.arange(4000) / 1000
    slow, inside, fast = (torch.sin(2 * torch.pi * hz * seconds) for hz in (1.0, 6.0, 30.0))
    torch.testing.assert_close(band_pass(3 + slow + inside + fast, 1000.0, 2.5, 10.0), inside, atol=0.01, rtol=0)


def test_a_band_that_does_not_rise_is_refused():
    with pytest.raises(UserError, match="band_hz"):
        ReconstructionConfig(band_hz=(10.0, 2.5))
