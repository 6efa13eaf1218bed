"""The U-Net: its heads, its lengths, its symmetry."""

from __future__ import annotations

import pytest
import torch

from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.models.unet import UNet

SPEC = SignalSpec(("I", "II"), 100.0, "mV", 200)


@pytest.mark.parametrize("samples", [16, 17, 31, 100, 1, 5])
def test_every_length_gives_one_label_per_sample(samples):
    model = UNet(2, 3, UNet.Config(width=4), per_sample=True).eval()
    assert model(torch.randn(1, 2, samples)).shape == (1, 3, samples)


def test_the_target_decides_between_a_label_per_record_and_per_sample():
    shapes = [
        UNet.from_spec(UNet.Config(width=4), SPEC, TargetSpec(kind, ("a", "b", "c")))(torch.randn(2, 2, 200)).shape
        for kind in ("multilabel", "samples")
    ]
    assert shapes == [(2, 3), (2, 3, 200)]


def test_both_heads_share_one_body():
    record, sample = (UNet(2, 3, UNet.Config(width=4), per_sample=each) for each in (False, True))
    body = {key: value for key, value in record.state_dict().items() if not key.startswith("head.")}
    missing, unexpected = sample.load_state_dict(body, strict=False)
    assert set(missing) == {"head.weight", "head.bias"}
    assert not unexpected


def test_the_head_of_a_record_sees_the_deepest_level_and_the_decoder():
    model = UNet(2, 3, UNet.Config(width=4, depth=2))
    deepest, decoded = model.features(torch.randn(1, 2, 50))
    assert deepest.shape == (1, 16, 13)
    assert decoded.shape == (1, 4, 50)
    assert model.dim == model.head.in_features == 2 * (16 + 4)


def test_the_decoder_mirrors_the_encoder():
    model = UNet(2, 3, UNet.Config(width=4, depth=3))
    encoder = [block[0].out_channels for block in model.encoder]  # pyright: ignore
    decoder = [block[0].out_channels for block in model.decoder]  # pyright: ignore
    assert encoder == [4, 8, 16, 32]
    assert decoder == encoder[-2::-1]


def test_a_label_per_sample_sees_its_own_moment():
    model = UNet(1, 1, UNet.Config(width=4, depth=2, kernel=3), per_sample=True).eval()
    signal = torch.zeros(1, 1, 256)
    signal[..., 128] = 5.0
    change = (model(signal) - model(torch.zeros(1, 1, 256))).abs()[0, 0]
    reach = change.nonzero()
    assert change.argmax().item() == pytest.approx(128, abs=8)
    assert reach.min() > 64
    assert reach.max() < 192


@pytest.mark.parametrize("options", [{"width": 0}, {"depth": 0}, {"kernel": 2}, {"dropout": 1.5}])
def test_impossible_options_are_refused_by_name(options):
    with pytest.raises(UserError, match=next(iter(options))):
        UNet.Config(**options)
