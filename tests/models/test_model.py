"""The tutorial model."""

from __future__ import annotations

import pytest
import torch

from src.errors import UserError
from src.models.model import Model


def test_the_time_axis_is_halved_by_each_of_four_convolutions():
    model = Model(channels=3, outputs=2)
    assert model.features(torch.zeros(1, 3, 160)).shape[-1] == 10


def test_the_head_sees_the_mean_and_the_maximum_over_time():
    model = Model(channels=3, outputs=2, config=Model.Config(width=8)).eval()
    signal = torch.randn(2, 3, 100)
    seen = []
    model.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(signal)
    features = model.features(signal)
    torch.testing.assert_close(seen[0], torch.cat([features.mean(-1), features.amax(-1)], dim=1))
    assert model.dim == seen[0].shape[1] == 64


@pytest.mark.parametrize("options", [{"width": 0}, {"kernel": 4}, {"dropout": 1.0}, {"segments": 0}])
def test_impossible_options_are_refused_by_name(options):
    with pytest.raises(UserError, match=next(iter(options))):
        Model.Config(**options)


def test_segments_tell_when_something_happens():
    model = Model(channels=1, outputs=2, config=Model.Config(segments=2)).eval()
    seen = []
    model.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].view(2, 128)))  # (segments, D)
    signal = torch.zeros(1, 1, 640)
    model(signal)
    signal[..., 40:80] = 1
    model(signal)
    quiet, early = seen
    assert not torch.allclose(early[0], quiet[0])
    torch.testing.assert_close(early[1], quiet[1])
    assert model.dim == 256


def test_more_segments_than_steps_are_refused_with_the_number_that_fits():
    model = Model(channels=1, outputs=2, config=Model.Config(segments=4))
    with pytest.raises(UserError, match="leave 2 steps") as refused:
        model(torch.zeros(1, 1, 32))
    assert "segments=2" in refused.value.hint


def test_spatial_mixes_take_the_place_of_the_channels():
    model = Model(channels=5, outputs=2, config=Model.Config(spatial=3, activation="elu"))
    assert model.spatial is not None
    assert model.spatial.weight.shape == (3, 5, 1)
    assert model.features[0][0].in_channels == 3
    assert model(torch.zeros(2, 5, 64)).shape == (2, 2)
