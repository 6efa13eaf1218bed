"""Every registered network as a graph: its names, its normaliser, any batch and length, the numbers of PyTorch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from src import registry
from src.data.normalize import Normalizer
from src.data.signal import Sample
from src.errors import UserError
from src.interop import export as graphs
from src.interop import onnx_export
from tests.contracts.targets import make_model, signal_spec, target_spec

FAST = ("cnn", "duin_vqvae")  # ten seconds each; the ECG transformer is in the test of the command
MODELS = [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in registry.MODELS]
ANY_LENGTH = ("cnn", "resnet1d", "resnet18", "resnet50", "unet", "ecg_transformer", "arcface", "wav2vec2",
              "wav2vec2_cmsc", "cmsc", "clocs", "simclr", "3kg")


def graph_of(name: str, masks: bool = False) -> graphs.Graph:
    model = make_model(name, registry.model_row(name).kinds[0]).eval()
    channels = len(signal_spec(name).channels)
    normalizer = {"kind": "channel", "mean": np.linspace(-1, 1, channels).tolist(), "clip": 5.0,
                  "scale": np.linspace(1, 2, channels).tolist()}
    return graphs.Graph(model, graphs.inputs_of(model, masks), "logits", normalizer)


def example(graph: graphs.Graph, name: str, batch: int, longer: int = 0) -> list[np.ndarray]:
    spec = signal_spec(name)
    values = graphs.example(graph, len(spec.channels), spec.samples + longer, batch, 2.0, seed=batch)
    return [value.numpy() for value in values]


def compare(graph: graphs.Graph, run, cases: list[list[np.ndarray]], allowed: float = 1e-4) -> None:
    """That `run` gives what the network gives."""
    names = list(graph.named(*map(torch.from_numpy, cases[0])))
    for case in cases:
        found = graphs.difference(graphs.graph_runner(graph)(case), run(case), names)
        assert max(found.values()) < allowed, found


@pytest.mark.parametrize("name", MODELS)
def test_onnx_gives_the_numbers_of_pytorch_for_any_batch_and_length(name, tmp_path):
    graph, spec = graph_of(name), signal_spec(name)
    program, any_length = graphs.trace_longest(graph, len(spec.channels), spec.samples)
    assert any_length == (name in ANY_LENGTH)
    outputs = tuple(graph.named(*map(torch.from_numpy, example(graph, name, 1))))
    onnx_export.write_onnx(program, tmp_path / "m.onnx", graph.inputs, outputs, any_length, {"unit": "mV"})
    cases = [example(graph, name, 1), example(graph, name, 3)] + [example(graph, name, 2, 70)] * any_length
    compare(graph, onnx_export.onnx_runner(tmp_path / "m.onnx"), cases)
    import onnx

    file = onnx.load(tmp_path / "m.onnx")
    assert tuple(value.name for value in file.graph.input) == graph.inputs
    assert set(graph.inputs) <= set(graph.network.inputs)
    assert tuple(value.name for value in file.graph.output) == outputs
    assert {entry.key: entry.value for entry in file.metadata_props}["unit"] == "mV"


@pytest.mark.parametrize("name", [name for name, row in registry.MODELS.items() if row.own_target])
def test_pretraining_exports_its_encoder(name):
    graph = graph_of(name)
    found = graph.named(*map(torch.from_numpy, example(graph, name, 2)))
    assert {"tokens", "embedding", "logits"} & set(found)
    assert found.get("embedding", found.get("tokens", found.get("logits"))).shape[0] == 2
    assert "channel_mask" not in graph.inputs


def test_a_program_of_torch_export_gives_the_same(tmp_path):
    graph = graph_of("ecg_transformer", masks=True)
    program, any_length = graphs.trace_longest(graph, 12, 200)
    assert any_length
    assert graph.inputs == ("signal", "time_mask")
    graphs.save_program(program, tmp_path / "m.pt2")
    cases = [example(graph, "ecg_transformer", 3), example(graph, "ecg_transformer", 2, 50)]
    compare(graph, graphs.program_runner(tmp_path / "m.pt2"), cases, 1e-6)


def test_a_mask_of_padding_reaches_the_network():
    graph, plain = graph_of("ecg_transformer", masks=True), graph_of("ecg_transformer")
    signal = torch.randn(1, 12, 150)
    padded = torch.cat([signal, torch.full((1, 12, 50), 9.0)], 2)
    mask = torch.arange(200)[None] < 150
    without = plain(padded)[0]
    assert not torch.allclose(graph(padded, mask)[0], without, atol=1e-3)
    other = padded.clone()
    other[..., 150:] = -3.0
    torch.testing.assert_close(graph(padded, mask)[0], graph(other, mask)[0])


@pytest.mark.parametrize("name", ["duin_cls", "poms_cls"])
def test_the_number_of_the_subject_chooses_its_parameters(name):
    one, spec = make_model(name, "classes"), signal_spec(name)
    several = type(one).from_spec(replace(one.config, n_subjects=3), spec, target_spec("classes"))  # type: ignore
    torch.manual_seed(0)
    several.init_weights()
    for parameter in several.parameters():  # fresh weights are too small to tell subjects apart
        parameter.data += 0.3 * torch.randn_like(parameter)
    graph = graphs.Graph(several.eval(), ("signal", "subject"), "logits", None)
    signal, subject = torch.randn(4, len(spec.channels), spec.samples), torch.tensor([2, 0, 1, 2])
    with torch.no_grad():
        expected = several(signal, subject)
        program = graphs.trace(graph, (signal, subject), False).module()
        torch.testing.assert_close(program(signal, subject)[0], expected, rtol=1e-4, atol=1e-5)
        shifted = program(signal, (subject + 1) % 3)[0]
    assert not torch.allclose(shifted, expected, atol=1e-4)


def test_half_precision_takes_and_gives_float32(tmp_path):
    graph = graph_of("cnn")
    case = example(graph, "cnn", 2)
    expected = graphs.graph_runner(graph)(case)
    half = graphs.Graph(graph.network, graph.inputs, "logits", None, half=True)
    half.normalizer = graph.normalizer
    program, _ = graphs.trace_longest(half, 12, 200)
    onnx_export.write_onnx(program, tmp_path / "m.onnx", half.inputs, ("logits",), True, {})
    found = onnx_export.onnx_runner(tmp_path / "m.onnx")(case)
    assert found[0].dtype == np.float32
    distance = graphs.difference(expected, found, ["logits"])["logits"]
    assert 0 < distance < 1e-2  # half precision, and not merely float32 under its name


# ------------------------------------------------------------------------------------------------- the normaliser
@pytest.mark.parametrize("kind", ["channel", "scale", "record", "none"])
@pytest.mark.parametrize("clip", [None, 1.5])
@pytest.mark.parametrize("is_masked", [False, True])
def test_the_normaliser_inside_does_what_the_data_do(kind, clip, is_masked):
    random = np.random.default_rng(0)
    signal = random.standard_normal((3, 4, 50)).astype(np.float32) * 3 + 1
    signal[1, 2] = 0.3  # a flat line, left as it is by `record`
    channel_mask, time_mask = np.ones((3, 4), bool), np.ones((3, 50), bool)
    if is_masked:
        channel_mask[0, 1], time_mask[2, 30:] = False, False
        signal = signal * channel_mask[..., None] * time_mask[:, None]
    fitted = Normalizer(kind, np.arange(4.0), np.arange(1.0, 5.0), clip)
    expected = [fitted.apply(Sample(row.copy(), 0, *masks)).signal
                for row, *masks in zip(signal, channel_mask, time_mask)]
    masks = map(torch.from_numpy, (channel_mask, time_mask)) if is_masked else ()
    found = graphs.NormalizerLayer(fitted.state_dict())(torch.from_numpy(signal), *masks)
    torch.testing.assert_close(found, torch.from_numpy(np.stack(expected)), rtol=1e-5, atol=1e-6)


def test_a_network_that_looks_at_its_values_is_refused_in_one_line():
    class Branching(torch.nn.Module):
        inputs = ("signal",)

        def exported(self):
            return lambda signal: signal.mean(2) if float(signal.sum()) > 0 else signal.amax(2)

    graph = graphs.Graph(Branching(), ("signal",), "logits", None)
    with pytest.raises(UserError, match="Branching cannot be written as a graph") as error:
        graphs.trace(graph, (torch.ones(2, 3, 20),), False)
    assert "--format safetensors" in error.value.hint


def test_differences_are_relative_above_one_and_shares_for_codes():
    near = graphs.difference([np.array([100.0, 1.0])], [np.array([101.0, 1.0])], ["x"])
    assert near["x"] == pytest.approx(0.01)
    assert graphs.difference([np.array([1, 2, 3, 4])], [np.array([1, 2, 3, 5])], ["codes"])["codes"] == 0.25
    assert graphs.difference([np.ones(2)], [np.array([1.0, np.nan])], ["x"])["x"] == float("inf")
    assert graphs.difference([np.ones(2)], [np.ones(3)], ["x"])["x"] == float("inf")
