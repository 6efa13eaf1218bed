from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from src.data.signal import SignalSpec
from src.evaluation.attribution import integrated_gradients, smoothed
from src.evaluation.attribution_page import attribution_figure, attribution_section
from src.evaluation.section import Section


def signal(seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((3, 40)).astype(np.float32))


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv1d(3, 8, 5), nn.GELU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 2)).eval()


def test_of_a_linear_model_each_sample_gets_its_weight_times_its_value():
    weight = torch.randn(2, 3, 40, generator=torch.Generator().manual_seed(1))
    found = integrated_gradients(lambda x: torch.einsum("bct,kct->bk", x, weight) + 7, signal(), 1)
    np.testing.assert_allclose(found.values, (weight[1] * signal()).numpy(), atol=1e-5)
    assert found.baseline == pytest.approx(7)


def test_attributions_add_up_to_what_the_output_gains_over_the_flat_line():
    found = integrated_gradients(network(), signal(), 0)
    assert found.values.sum() == pytest.approx(found.score - found.baseline, rel=1e-3)
    assert found.error < 1e-3
    assert found.by_lead.sum() == pytest.approx(1)
    assert found.by_time.sum() == pytest.approx(1)


def test_what_the_model_does_not_look_at_gets_nothing():
    model = network()
    with torch.no_grad():
        model[0].weight[:, 1] = 0
    found = integrated_gradients(model, signal(), 0)
    assert not found.values[1].any()
    assert found.by_lead[1] == 0


def test_too_few_steps_show_in_the_error():
    def steep(x):
        return torch.sigmoid(40 * (x.sum((1, 2)) / signal().sum() - 0.77)).unsqueeze(1)

    assert integrated_gradients(steep, signal(), 0, steps=2).error > 0.05
    assert integrated_gradients(steep, signal(), 0, steps=128).error < 0.05


def test_no_gradient_is_left_in_the_model():
    model = network()
    with torch.no_grad():
        integrated_gradients(model, signal(), 0)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_smoothing_keeps_the_sum():
    values = np.zeros((1, 100))
    values[0, 50] = 1
    assert smoothed(values, 100.0, 0.1).sum() == pytest.approx(1)
    assert smoothed(values, 100.0, 0.1).max() == pytest.approx(0.1)


def test_a_picture_has_a_trace_and_a_share_for_each_lead_that_is_there():
    found, spec = integrated_gradients(network(), signal(), 0), SignalSpec(("I", "II", "V1"), 100.0, "mV", 40)
    recorded = signal().numpy().copy()
    recorded[1] = np.nan
    figure = attribution_figure(recorded, found, spec, "r1: AF 0.93, right")
    traces, shares, _ = figure.axes
    assert len(traces.lines) == 2
    assert traces.get_title(loc="left") == "r1: AF 0.93, right"
    assert [bar.get_width() for bar in shares.patches] == pytest.approx((100 * found.by_lead).tolist())


def test_the_section_tells_the_leading_lead_and_how_well_the_sums_agree():
    shares = {"AF": np.array([0.2, 0.7, 0.1]), "PVC": np.array([0.5, 0.2, 0.3])}
    section = attribution_section([Section("a")], shares, {"AF": 8, "PVC": 2}, [0.001, 0.2], ("I", "II", "V1"))
    assert "AF: II (70 %), PVC: I (50 %)" in section.text
    assert "In 1 of 2 pictures the sum is off by more than 5 %" in section.caption
    assert section.values["lead_shares"]["AF"]["II"] == pytest.approx(0.7)
    assert section.parts[0].title == "a"
