"""From weights to a file for other programs: what `export.py` works with."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from src import config, registry
from src.assembly import build_model
from src.data.normalize import Normalizer
from src.data.sets.label_files import numbered, read_names
from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.interop import export as graphs
from src.interop import model_card, onnx_export
from src.interop.fairseq_checkpoints import FairseqFile
from src.interop.safetensors_export import read_state, write_state
from src.interop.weights import average_of
from src.models.layers.lora import without_lora
from src.trainer import checkpoint, fairseq_weights, run_state

ALLOWED = {"fp32": 1e-3, "fp16": 5e-2}  # of outputs up to 1, relative above
UNKNOWN_LICENCE = "not stated: ask whoever trained the network (--licence states it)"
WHERE = {"inside": "inside the file", "outside": "NOT in the file, whoever uses it normalises",
         "beside": "its numbers are in the file, and are applied by train.py and test.py"}
SUFFIXES = {"onnx": ".onnx", "torch_export": ".pt2", "safetensors": ".safetensors"}
OUTPUTS = {"value": "values", "signal": "signal", "embedding": "embedding"}  # by kind of target; else logits
MEANINGS = {"subject": "number of the subject in the training; of one network for all subjects it changes nothing",
            "channel_mask": "True where the record has the channel", "time_mask": "True where it is no padding",
            "logits": "a number per label, before softmax (classes) or sigmoid (several labels)",
            "embedding": "one vector per record", "tokens": "one vector per stretch of time",
            "codes": "number of the code of each token", "initials": "logits of the initial spoken in each token",
            "finals": "logits of the final spoken in each token", "values": "a number per name",
            "signal": "channels in order, in the unit that is stated"}


@dataclass
class Trained:
    """A network with its weights. `state` is its checkpoint, whose `model` are the weights that testing uses."""

    path: Path
    state: dict[str, Any]
    network: Any
    spec: SignalSpec
    target: TargetSpec
    notes: list[str]


def export(args: Any) -> tuple[dict[str, Any], Path]:
    """Write the file that the flags ask for; returns its card and its path."""
    if args.format == "onnx":
        onnx_export.check_installed()
    trained = read_trained(args)
    path = _place(args, trained)
    if args.format == "safetensors":
        card = _weights_file(args, trained, path)
    else:
        card = _graph_file(args, trained, path)
    return card, path


def read_trained(args: Any) -> Trained:
    """The network behind --weights: a run, a file of ours, or one of fairseq-signals. UserError for anything else."""
    path = checkpoint.find_weights(args.weights, "checkpoints")
    foreign, notes = fairseq_weights.read(path, args.n_heads), []
    if foreign is None:
        fairseq_weights.check_flags(path, n_heads=args.n_heads, label_def=args.label_def, rate_hz=args.rate_hz)
        state = checkpoint.read(path)
    else:
        state, notes = fairseq_weights.without_data(foreign, _names(args.label_def, foreign), args.rate_hz)
    if state.get("model_name") is None or state.get("signal_spec") is None:
        raise UserError(f"{path}: written by a script without a registered model and data",
                        "load it with trainer.load_checkpoint in that script")
    spec, target = SignalSpec.from_dict(state["signal_spec"]), TargetSpec.from_dict(state["target_spec"])
    settings = config.complete(argparse.Namespace(**{**state["args"], "model": state["model_name"]}))
    state = _merged({**state, "model": {**state["model"], **average_of(state)}})
    network = build_model(settings, spec, target, stored=state["model_config"]).eval()
    run_state.load_weights(network, state)
    return Trained(path, state, network, spec, target, notes)


def _merged(state: dict[str, Any]) -> dict[str, Any]:
    """Low-rank updates become part of the weights that they update."""
    settings = state["model_config"]
    if not settings.get("lora", {}).get("rank"):
        return state
    plain = {**settings, "lora": {**settings["lora"], "rank": 0}}
    return {**state, "model_config": plain, "model": without_lora(state["model"])}


def _names(label_def: str | None, foreign: FairseqFile) -> tuple[str, ...]:
    """Of the labels of weights that do not tell them."""
    if label_def is None:
        return foreign.names or numbered(foreign.outputs)
    if not foreign.outputs:
        raise UserError("--label_def: these weights are of pretraining, which tells no labels", "leave it out")
    return read_names(Path(label_def), foreign.outputs)


def _place(args: Any, trained: Trained) -> Path:
    """The file to write; its folder is made."""
    source = trained.path
    is_run = (source.parent / "config.json").exists()
    default = source.parent / "export" if is_run else source.with_name(f"{source.stem}_export")
    folder = Path(args.output) if args.output else default
    name = ("model" if args.precision == "fp32" else f"model_{args.precision}") + SUFFIXES[args.format]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made: {error.strerror}", "name another folder with --output") from None
    return folder / name


# ------------------------------------------------------------------------------------------------------- graphs
def _graph_file(args: Any, trained: Trained, path: Path) -> dict[str, Any]:
    """Write the network as a graph, run it beside PyTorch, and tell both."""
    network, channels, samples = trained.network, len(trained.spec.channels), trained.spec.samples
    inputs = _inputs(args, trained)
    normalizer = trained.state["normalizer"] if args.normalizer == "inside" else None
    parts = network, inputs, OUTPUTS.get(trained.target.kind, "logits"), normalizer
    graph = graphs.Graph(*parts)
    reference = _reference(graph, trained)
    if args.precision == "fp16":
        graph = graphs.Graph(*parts, half=True)  # the same network, from now on in half precision
    program, any_length = graphs.trace_longest(graph, channels, samples)
    reference = reference if any_length else reference.of_one_length()
    card = _card(args, trained, path)
    open_axes = dict(zip(inputs, graphs.axes(inputs, any_length)))
    card["inputs"] = _declared(dict(zip(inputs, reference.cases[0])), open_axes, trained)
    card["outputs"] = _declared(reference.named(), reference.open_axes(), trained)
    card["signal"] |= {"any_length": any_length, "normalisation": _normalisation(trained, args.normalizer)}
    runner = _write_graph(args, program, path, inputs, reference.outputs, any_length, card)
    if args.check:
        card["check"] = _compare(args, reference, [runner(case) for case in reference.cases])
        other = "onnxruntime" if args.format == "onnx" else "torch.export"
        card["latency_ms"] = {"PyTorch": reference.latency_ms, other: graphs.latency_ms(runner, reference.cases[0])}
    return card | {"bytes": path.stat().st_size}


def _inputs(args: Any, trained: Trained) -> tuple[str, ...]:
    inputs = graphs.inputs_of(trained.network, args.masks)
    if args.masks and inputs == graphs.inputs_of(trained.network, False):
        raise UserError(f"--masks: {trained.state['model_name']} takes none", "leave it out")
    return inputs


@dataclass
class Reference:
    """What the network gives in PyTorch and float32: `found` for `cases`, of which the third, where there is one, has
    another length."""

    outputs: tuple[str, ...]
    cases: list[list[np.ndarray]]
    found: list[list[np.ndarray]]
    latency_ms: float

    def of_one_length(self) -> Reference:
        return Reference(self.outputs, self.cases[:2], self.found[:2], self.latency_ms)

    def named(self) -> dict[str, np.ndarray]:
        return dict(zip(self.outputs, self.found[0]))

    def open_axes(self) -> dict[str, dict[int, str]]:
        """Of each output the axes that follow the sizes of the inputs."""
        shapes = zip(self.outputs, self.found[0], self.found[-1])
        return {name: {0: "batch", **{axis: "frames" for axis, pair in enumerate(zip(one.shape, other.shape))
                                      if axis and pair[0] != pair[1]}} for name, one, other in shapes}


def _reference(graph: graphs.Graph, trained: Trained) -> Reference:
    channels, samples = len(trained.spec.channels), trained.spec.samples
    made = partial(graphs.example, graph, channels, scale=trained.state["normalizer"].get("scale") or 1.0)
    cases = [made(samples, 1), made(samples, 3, seed=1)]
    with torch.no_grad():
        outputs = tuple(graph.named(*cases[0]))
    if graphs.takes_any_length(graph, channels, samples):
        cases.append(made(samples + samples // 2, 2, seed=2))
    run, arrays = graphs.graph_runner(graph), [[value.numpy() for value in case] for case in cases]
    return Reference(outputs, arrays, [run(case) for case in arrays], graphs.latency_ms(run, arrays[0]))


def _write_graph(args: Any, program: Any, path: Path, inputs: tuple[str, ...], outputs: tuple[str, ...],
                 any_length: bool, card: dict[str, Any]) -> Any:
    """Write the file; returns what runs it."""
    if args.format == "torch_export":
        graphs.save_program(program, path)
        return graphs.program_runner(path) if args.check else None
    signal = card["signal"]
    described = {"channels": ",".join(signal["channels"]), "rate_hz": f"{signal['rate_hz']:g}", "unit": signal["unit"],
                 "normalisation": signal["normalisation"], "labels": ",".join(card["labels"])}
    onnx_export.write_onnx(program, path, inputs, outputs, any_length, described)
    return onnx_export.onnx_runner(path) if args.check else None


def _compare(args: Any, reference: Reference, found: list[list[np.ndarray]]) -> dict[str, Any]:
    each = [graphs.difference(wanted, given, reference.outputs) for wanted, given in zip(reference.found, found)]
    largest = {name: max(case[name] for case in each) for name in reference.outputs}
    shapes = ", ".join("x".join(map(str, case[0].shape)) for case in reference.cases)
    return {"max_difference": largest, "allowed": ALLOWED[args.precision], "inputs": f"noise of {shapes}",
            "passed": all(value <= ALLOWED[args.precision] for value in largest.values())}


def _declared(values: dict[str, np.ndarray], open_axes: dict[str, dict[int, str]],
              trained: Trained) -> list[dict[str, Any]]:
    """Name, type, shape and meaning of each."""
    found = []
    for name, value in values.items():
        shape = [open_axes[name].get(axis, size) for axis, size in enumerate(value.shape)]
        meaning = MEANINGS[name]
        if name == "signal" and trained.spec.unit:
            meaning += f": {trained.spec.unit}"
        found.append({"name": name, "type": str(value.dtype), "shape": shape, "meaning": meaning})
    return found


def _normalisation(trained: Trained, where: str) -> str:
    words = Normalizer.from_state(trained.state["normalizer"]).describe()
    if trained.state["normalizer"]["kind"] == "none":
        return words
    return f"{words}; {WHERE[where]}"


# ------------------------------------------------------------------------------------------------------ weights
def _weights_file(args: Any, trained: Trained, path: Path) -> dict[str, Any]:
    """Write weights and configuration, read them back, and tell both."""
    state = trained.state
    if args.precision == "fp16":
        half = {name: value.half() if value.dtype == torch.float32 else value for name, value in state["model"].items()}
        state = {**state, "model": half}
    write_state(state, path)
    card = _card(args, trained, path)
    card["signal"]["normalisation"] = _normalisation(trained, "beside")
    if args.check:
        found = read_state(path)["model"]
        largest = max(float((found[name].double() - value.double()).abs().max()) if value.numel() else 0.0
                      for name, value in trained.state["model"].items())
        card["check"] = {"max_difference": {"weights": largest}, "allowed": ALLOWED[args.precision],
                         "inputs": f"{len(found)} tensors", "passed": largest <= ALLOWED[args.precision]}
    return card | {"bytes": path.stat().st_size}


# --------------------------------------------------------------------------------------------------------- card
def _card(args: Any, trained: Trained, path: Path) -> dict[str, Any]:
    """What is known without the file."""
    state, spec = trained.state, trained.spec
    row = registry.model_row(state["model_name"])
    inputs = graphs.inputs_of(trained.network, args.masks)
    labels = list(trained.target.names) if trained.target.kind in ("classes", "multilabel", "tokens", "samples") else []
    return {"file": path.name, "format": args.format, "precision": args.precision, "model": state["model_name"],
            "about": row.about, "weights": trained.path.name, "parameters": _parameters(trained.network),
            "inputs": [], "outputs": [], "labels": labels, "thresholds": state.get("thresholds"),
            "temperature": state.get("temperature"),
            "signal": {"channels": list(spec.channels), "rate_hz": spec.rate_hz, "unit": spec.unit,
                       "samples": spec.samples, "any_length": False, "normalisation": "",
                       "steps": list(spec.steps[:-1] if spec.steps else ())},
            "data": _data(args, state), "check": None, "latency_ms": {}, "threads": torch.get_num_threads(),
            "versions": _versions(args.format, state), "notes": trained.notes,
            "use": model_card.usage(args.format, path.name, inputs)}


def _parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _data(args: Any, state: dict[str, Any]) -> dict[str, str]:
    """Where the training data are from and under which licence, as far as the weights tell."""
    name = state["args"].get("dataset") or ""
    stated = state.get("licence") or ("none needed, simulated" if name.startswith("simulated_") else UNKNOWN_LICENCE)
    return {"source": state.get("source") or name or "not stated", "licence": args.licence or stated}


def _versions(form: str, state: dict[str, Any]) -> dict[str, str]:
    own = {name: what for name, what in run_state.versions().items() if name in ("vagus", "torch")}
    if form == "onnx":
        import onnx
        import onnxruntime

        own |= {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__, "opset": str(onnx_export.OPSET)}
    trained_with = state.get("versions", {}).get("torch")
    return own | ({"trained with torch": trained_with} if trained_with else {})
