"""Promises that every registered model keeps; a new row of the registry is tested without touching this file."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from fnmatch import fnmatch

import pytest
import torch

from src import registry
from src.data.signal import Batch
from src.errors import UserError
from src.models.base_models import BaseModel
from tests.contracts.targets import (
    expected,
    loss,
    make_batch,
    make_model,
    output_shape,
    predict,
    signal_spec,
)

MODELS = list(registry.MODELS)
CASES = [(name, kind) for name, row in registry.MODELS.items() for kind in row.kinds]
LARGE = ("arcface", "wav2vec2", "cmsc", "clocs", "simclr", "3kg")  # 90 M parameters; others have the same backbone
PRESETS = [pytest.param(name, preset, marks=[pytest.mark.slow] if preset is None and name in LARGE else [])
           for name, row in registry.MODELS.items() for preset in (None, *row.presets)
           if preset is None or row.presets[preset]]  # a preset that changes nothing is the default


def first_kind(name: str) -> str:
    return registry.model_row(name).kinds[0]


def train_steps(model: BaseModel, batch: Batch, kind: str, steps: int, lr: float) -> list[float]:
    """The loss of each of `steps` AdamW updates on the one batch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.0)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(kind, predict(model, batch), batch.label)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


@pytest.mark.parametrize(("name", "preset"), PRESETS)
def test_builds_and_runs_from_defaults_and_from_every_preset(name, preset):
    kind = first_kind(name)
    model = make_model(name, kind, preset).eval()
    with torch.inference_mode():
        output = predict(model, make_batch(name, kind, size=1))
    assert output.shape == output_shape(name, kind, 1, signal_spec(name).samples, model.dim)
    assert torch.isfinite(output).all()
    assert model.dim > 0


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_output_has_the_shape_of_the_target(name, kind):
    model = make_model(name, kind)
    output = predict(model, make_batch(name, kind, size=4))
    assert output.shape == output_shape(name, kind, 4, signal_spec(name).samples, model.dim)
    assert output.dtype == torch.float32


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_record_alone_gives_what_it_gives_in_a_batch(name, kind):
    model, batch = make_model(name, kind).eval(), make_batch(name, kind, size=4)
    with torch.inference_mode():
        together = predict(model, batch)
        fields = {name: batch.field(name)[:1] for name in model.inputs}
        alone = predict(model, replace(batch, **fields))
    torch.testing.assert_close(alone, together[:1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_the_smallest_training_batch_moves_the_weights(name):
    kind = first_kind(name)
    model = make_model(name, kind).train()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    batch = make_batch(name, kind, size=expected(name, kind).smallest_batch)
    losses = train_steps(model, batch, kind, steps=1, lr=1e-3)
    assert all(torch.isfinite(torch.tensor(losses)))
    assert any(not torch.equal(old, new) for old, new in zip(before, model.parameters()))


@pytest.mark.parametrize("name", MODELS)
def test_evaluation_is_deterministic_and_the_same_without_gradients(name):
    kind = first_kind(name)
    model, batch = make_model(name, kind).eval(), make_batch(name, kind)
    state = {key: value.clone() for key, value in model.state_dict().items()}
    with_gradients = predict(model, batch).detach()
    with torch.inference_mode():
        without = predict(model, batch)
    assert torch.equal(with_gradients, without)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", MODELS)
def test_equal_seeds_give_equal_first_weights(name):
    kind = first_kind(name)
    one, same, other = (make_model(name, kind, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_gradients_reach_every_parameter_but_those_that_are_named(name, kind):
    # Double precision tells a true zero from a small gradient; two updates first, since a head that starts at zero
    # passes nothing on in the very first step.
    model = make_model(name, kind).double().train()
    batch = make_batch(name, kind)
    batch.signal = batch.signal.double()
    train_steps(model, batch, kind, steps=2, lr=1e-3)
    model.zero_grad()
    loss(kind, predict(model, batch), batch.label).backward()

    sizes = {key: 0.0 if p.grad is None else p.grad.abs().max().item()
             for key, p in model.named_parameters() if p.requires_grad}
    threshold = 1e-10 * max(sizes.values())
    without = (*model.no_gradient, *expected(name, kind).unmoved)
    named = {key for key in sizes if any(fnmatch(key, pattern) for pattern in without)}
    assert {key for key, size in sizes.items() if size <= threshold} == named
    assert all(model.no_gradient.values()), "each pattern in no_gradient needs its reason"


@pytest.mark.parametrize("name", MODELS)
def test_saved_and_loaded_weights_give_the_same_output(name):
    kind = first_kind(name)
    batch = make_batch(name, kind)
    model = make_model(name, kind, seed=0)
    train_steps(model.train(), batch, kind, steps=1, lr=1e-3)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)

    other = make_model(name, kind, seed=1)
    before = predict(other.eval(), batch)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert not torch.equal(before, predict(other.eval(), batch))
    assert torch.equal(predict(model.eval(), batch), predict(other.eval(), batch))


@pytest.mark.parametrize("name", MODELS)
def test_wrong_shapes_are_refused_with_the_expected_shape(name):
    kind = first_kind(name)
    model, batch = make_model(name, kind).eval(), make_batch(name, kind)
    channels = len(signal_spec(name).channels)
    for wrong in (batch.signal[:, 1:], batch.signal[0], batch.signal.transpose(1, 2), batch.signal[..., None]):
        with pytest.raises(UserError, match=rf"\(batch, {channels}, "):
            predict(model, replace(batch, signal=wrong))


@pytest.mark.parametrize("name", MODELS)
def test_another_length_works_or_is_refused_with_the_expected_shape(name):
    kind = first_kind(name)
    model, batch = make_model(name, kind).eval(), make_batch(name, kind)
    samples = signal_spec(name).samples
    for length in (samples - 1, samples // 2 + 1):
        refusal, output = "", None
        try:
            output = predict(model, replace(batch, signal=batch.signal[..., :length]))
        except UserError as error:
            refusal = str(error)
        wanted = output_shape(name, kind, 4, length, model.dim)
        assert str(samples) in refusal if output is None else output.shape == wanted


@pytest.mark.parametrize("name", MODELS)
def test_layer_depths_cover_every_parameter_from_stem_to_head(name):
    model = make_model(name, first_kind(name))
    depths = model.layer_depths()
    assert set(depths) == {key for key, _ in model.named_parameters()}
    assert min(depths.values()) == 0
    head = head_of(model)
    head_depths = {depths[key] for key, parameter in model.named_parameters() if id(parameter) in head}
    assert not head or max(head_depths) == max(depths.values())
    backbone_depths = {depths[key] for key, parameter in model.named_parameters() if id(parameter) not in head}
    assert max(backbone_depths) <= min(head_depths, default=max(backbone_depths))


def head_of(model: BaseModel) -> set[int]:
    """The head's parameters by identity; none where the embedding itself is compared."""
    head = model.head  # pyright: ignore
    return {id(parameter) for parameter in head.parameters()} if head is not None else set()


@pytest.mark.parametrize("name", MODELS)
def test_backbone_and_head_share_no_parameter_and_are_the_whole(name):
    model = make_model(name, first_kind(name))
    head = head_of(model)
    backbone = {id(parameter) for module in model.backbone() for parameter in module.parameters()}
    assert head or model.head is None  # pyright: ignore
    assert not head & backbone
    assert head | backbone >= {id(parameter) for parameter in model.parameters()}


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_overfits_one_small_batch(name, kind):
    model, want = make_model(name, kind).train(), expected(name, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning on the common path is noise in every user's run
        losses = train_steps(model, make_batch(name, kind, size=8), kind, want.steps, want.lr)
    assert sum(losses[-5:]) / 5 < want.loss, f"from {losses[0]:.3f} to {losses[-1]:.3f}"
