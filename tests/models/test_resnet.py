"""resnet1d of the ECG tensor pipeline, and torchvision's shapes in 1-D."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from src.errors import UserError
from src.models.resnet.resnet1d import ResNet1d
from src.models.resnet.vanilla import ResNet18, ResNet50, ResNetBody

GOLDEN = Path(__file__).parents[1] / "golden" / "data" / "fairseq"


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("width", "channels", "parameters"), [
    (40, 1, 1_505_805), (40, 12, 1_512_405), (64, 1, 3_846_981), (64, 12, 3_857_541), (48, 1, 2_166_389),
])
def test_resnet1d_has_the_published_number_of_parameters(width, channels, parameters):
    assert count(ResNet1d(channels, 5, ResNet1d.Config(width=width))) == parameters


def test_resnet1d_is_forty_wide_by_default():
    assert count(ResNet1d(1, 5)) == 1_505_805


def test_resnet1d_stages_have_the_published_shapes_and_sizes():
    model = ResNet1d(1, 5, ResNet1d.Config(width=64)).eval()
    x, shapes = model.stem(torch.zeros(1, 1, 5000)), []
    shapes.append(tuple(x.shape[1:]))
    for stage in model.stages:
        x = stage(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(64, 1250), (64, 1250), (128, 625), (256, 313), (512, 157)]
    assert [count(stage) for stage in model.stages] == [49_664, 181_504, 723_456, 2_888_704]


def test_resnet1d_starts_as_published():
    torch.manual_seed(0)
    model = ResNet1d(12, 5)
    model.init_weights()
    conv, fan_out = model.stages[3][1].conv2, 320 * 3  # pyright: ignore
    assert conv.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.02)
    assert model.head.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert not model.head.bias.any()
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm1d)]
    assert all((norm.weight == 1).all() and not norm.bias.any() for norm in norms)


def test_dropout_of_resnet1d_acts_in_training_only():
    model = ResNet1d(2, 3, ResNet1d.Config(width=4, dropout=0.5))
    nn.init.normal_(model.head.weight)
    signal = torch.randn(2, 2, 64)
    assert not torch.equal(model(signal), model(signal))
    model.eval()
    assert torch.equal(model(signal), model(signal))


@pytest.mark.parametrize(("block", "file"), [
    ("basic", "resnet_basic_narrow.npz"), ("bottleneck", "resnet_bottleneck_narrow.npz"),
])
def test_the_body_gives_the_numbers_of_fairseq_signals(block, file):
    with np.load(GOLDEN / file, allow_pickle=False) as arrays:
        state = {key[len("state/"):]: torch.from_numpy(arrays[key]) for key in arrays if key.startswith("state/")}
        source, wanted = torch.from_numpy(arrays["input/source"]), torch.from_numpy(arrays["output/x"])
    body = ResNetBody(12, block, (1, 1, 1, 1), stem=4, widths=(4, 8, 16, 32)).eval()
    body.load_state_dict(state)
    torch.testing.assert_close(body(source), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("model_class", "dim", "published", "three_by_three"), [
    (ResNet18, 512, 11_176_512, 10_985_472), (ResNet50, 2048, 23_508_032, 11_317_248),
])
def test_vanilla_bodies_have_the_size_that_follows_from_the_published_ones(model_class, dim, published, three_by_three):
    # In 1-D a third of the 3 x 3 weights remain, and of the stem's 7 x 7 x 3 x 64 one row of one channel.
    model = model_class(1, 5)
    assert model.dim == model.head.in_features == dim
    assert count(model.body) == published - three_by_three * 2 // 3 - 7 * 7 * 3 * 64 + 7 * 64


def test_a_state_dict_under_the_misspelt_prefix_loads_whole():
    model, other = (ResNet18(3, 4, ResNet18.Config(width=4)) for _ in range(2))
    theirs = {key.replace("body.", "featuare_extractor."): value for key, value in model.state_dict().items()}
    names = list(theirs)
    other.load_state_dict(theirs)
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in model.state_dict().items())
    assert list(theirs) == names


def test_the_misspelt_prefix_is_found_inside_a_larger_module():
    outer, other = (nn.ModuleDict({"net": ResNet18(3, 4, ResNet18.Config(width=4))}) for _ in range(2))
    other.load_state_dict({key.replace("body.", "featuare_extractor."): v for key, v in outer.state_dict().items()})
    assert torch.equal(outer["net"].body.conv1.weight, other["net"].body.conv1.weight)  # pyright: ignore


@pytest.mark.parametrize("model", [
    ResNet1d(2, 3, ResNet1d.Config(width=4)), ResNet18(2, 3, ResNet18.Config(width=4)),
], ids=["resnet1d", "resnet18"])
def test_depths_grow_from_the_stem_over_four_stages_to_the_head(model):
    depths = list(dict.fromkeys(model.layer_depths().values()))
    assert depths == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("model_class", [ResNet1d, ResNet50])
@pytest.mark.parametrize("options", [{"width": 0}, {"dropout": -0.1}])
def test_impossible_options_are_refused_by_name(model_class, options):
    with pytest.raises(UserError, match=next(iter(options))):
        model_class.Config(**options)
