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


@pytest.mark.parametrize("options", [{"width": 0}, {"kernel": 4}, {"dropout": 1.0}])
def test_impossible_options_are_refused_by_name(options):
    with pytest.raises(UserError, match=next(iter(options))):
        Model.Config(**options)
