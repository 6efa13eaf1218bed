"""A trained network as one graph of tensors: normaliser, network, named inputs and outputs; as a torch.export program.

The normaliser is inside by default, so that a graph takes signals in their physical unit.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.errors import UserError
from src.interop.archives import first_line

FLAT = 1e-8  # as the normaliser of the data has it
Arrays = Sequence[np.ndarray]


class NormalizerLayer(nn.Module):
    """What the normaliser of the data does to a sample, for a batch; `state` is the one that a checkpoint carries."""

    mean: Tensor
    factor: Tensor

    def __init__(self, state: Mapping[str, Any]):
        super().__init__()
        self.kind, self.clip = state["kind"], state.get("clip")
        if self.kind in ("channel", "scale"):
            mean, scale = (np.asarray(state[name], np.float32)[:, None] for name in ("mean", "scale"))
            self.register_buffer("mean", torch.from_numpy(mean))
            self.register_buffer("factor", torch.from_numpy(1 / scale))

    def forward(self, signal: Tensor, channel_mask: Tensor | None = None, time_mask: Tensor | None = None) -> Tensor:
        """(B, C, T) in the unit of the data -> (B, C, T); what the masks (B, C), (B, T) leave out is 0."""
        present = _present(signal, channel_mask, time_mask)
        if self.kind == "channel":
            signal = signal - self.mean
        if self.kind in ("channel", "scale"):
            signal = signal * self.factor
        elif self.kind == "record":
            signal = _per_record(signal, present)
        if self.clip is not None:
            signal = signal.clamp(-self.clip, self.clip)
        return signal if present is None else signal * present

    def extra_repr(self) -> str:
        return self.kind


def _present(signal: Tensor, channel_mask: Tensor | None, time_mask: Tensor | None) -> Tensor | None:
    """The masks as one (B, C or 1, T or 1) of 0 and 1."""
    present = None if channel_mask is None else channel_mask[..., None].to(signal.dtype)
    if time_mask is None:
        return present
    times = time_mask[:, None].to(signal.dtype)
    return times if present is None else present * times


def _per_record(signal: Tensor, present: Tensor | None) -> Tensor:
    """Z-scores; in float64, since the mean of a flat line would be off by more than `FLAT` in float32."""
    wide = signal.double()
    kept = torch.ones_like(wide) if present is None else present.double().expand_as(wide)
    count = kept.sum(2, keepdim=True).clamp(min=1)
    away = (wide - (wide * kept).sum(2, keepdim=True) / count) * kept
    deviation = (away.square().sum(2, keepdim=True) / count).sqrt()
    return torch.where(deviation >= FLAT, away / deviation.clamp(min=FLAT), wide).to(signal.dtype)


class Graph(nn.Module):
    """`network` behind a normaliser: tensors in the order of `inputs` -> a tuple of tensors in the order of `outputs`.

    `network.exported()` is called with its inputs by name; where that gives one tensor, it is named `output`.
    `half`: the network computes in float16; inputs, normaliser and outputs stay float32.
    """

    def __init__(self, network: Any, inputs: tuple[str, ...], output: str, normalizer: Mapping[str, Any] | None,
                 half: bool = False):
        super().__init__()
        self.network, self.inputs, self.output, self.half_precision = network, inputs, output, half
        self.normalizer = None if normalizer is None else NormalizerLayer(normalizer)
        self.n_subjects = int(getattr(getattr(network, "config", None), "n_subjects", 1))
        if half:
            network.half()
        self.eval()

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.named(*values).values())

    def named(self, *values: Tensor) -> dict[str, Tensor]:
        """The outputs by name."""
        fields = dict(zip(self.inputs, values, strict=True))
        if self.normalizer is not None:
            fields["signal"] = self.normalizer(fields["signal"], fields.get("channel_mask"), fields.get("time_mask"))
        if self.n_subjects > 1:  # weights, since a graph cannot choose a module by a number
            fields["subject"] = F.one_hot(fields["subject"], self.n_subjects).to(fields["signal"].dtype)
        if self.half_precision:
            fields = {name: value.half() if value.is_floating_point() else value for name, value in fields.items()}
        found = self.network.exported()(**fields)
        found = found if isinstance(found, dict) else {self.output: found}
        return {name: value.float() if value.is_floating_point() else value for name, value in found.items()}


def inputs_of(network: Any, masks: bool) -> tuple[str, ...]:
    """Of the network's inputs those that what it exports takes: all that it needs and, with `masks`, those that it can
    do without."""
    taken = inspect.signature(network.exported()).parameters
    return tuple(name for name in network.inputs
                 if name in taken and (masks or taken[name].default is inspect.Parameter.empty))


def example(graph: Graph, channels: int, samples: int, batch: int, scale: Sequence[float] | float = 1.0,
            seed: int = 0) -> tuple[Tensor, ...]:
    """Inputs for a graph: noise of the deviation `scale` (one for all channels, or one each), subjects at random, the
    later records of a batch padded where the graph takes a mask."""
    random = np.random.default_rng(seed)
    deviation = np.broadcast_to(np.asarray(scale, np.float32), (channels,))[:, None]
    signal = random.standard_normal((batch, channels, samples), np.float32) * deviation
    length = samples - np.arange(batch) * (samples // (4 * batch))
    made = {"signal": signal, "subject": random.integers(graph.n_subjects, size=batch),
            "channel_mask": np.ones((batch, channels), bool), "time_mask": np.arange(samples) < length[:, None]}
    if "time_mask" in graph.inputs:
        made["signal"] = signal * made["time_mask"][:, None]
    return tuple(torch.from_numpy(made[name]) for name in graph.inputs)


def takes_any_length(graph: Graph, channels: int, samples: int) -> bool:
    """Whether signals of half as many samples more go through too."""
    try:
        with torch.no_grad():
            graph(*example(graph, channels, samples + samples // 2, 1))
    except (UserError, RuntimeError):
        return False
    return True


def axes(inputs: Sequence[str], any_length: bool) -> tuple[dict[int, str], ...]:
    """The names of the axes that may have any size, for each input."""
    times = {"signal": 2, "time_mask": 1}
    return tuple({0: "batch", **({times[name]: "samples"} if any_length and name in times else {})} for name in inputs)


def trace(graph: Graph, values: tuple[Tensor, ...], any_length: bool) -> torch.export.ExportedProgram:
    """The program of a graph; UserError where it depends on the values of its inputs."""
    dynamic = tuple(dict.fromkeys(named, torch.export.Dim.DYNAMIC) for named in axes(graph.inputs, any_length))
    try:
        with torch.no_grad():
            return torch.export.export(graph, values, dynamic_shapes={"values": dynamic}, strict=False)
    except Exception as error:  # torch raises many kinds for what it cannot trace
        raise UserError(f"{type(graph.network).__name__} cannot be written as a graph: {first_line(error)}",
                        "--format safetensors needs none") from error


def trace_longest(graph: Graph, channels: int, samples: int) -> tuple[torch.export.ExportedProgram, bool]:
    """The program, for any number of samples where the network allows it, and whether it does."""
    values = example(graph, channels, samples, 2)
    if takes_any_length(graph, channels, samples):
        try:
            return trace(graph, values, True), True
        except UserError:  # a network may take any length and count on it while it is traced
            pass
    return trace(graph, values, False), False


def save_program(program: torch.export.ExportedProgram, path: Path) -> None:
    torch.export.save(program, path)


def program_runner(path: Path) -> Callable[[Arrays], list[np.ndarray]]:
    """The program in a file, as a function of arrays."""
    module = torch.export.load(path).module()
    return _runner(module)


def graph_runner(graph: Graph) -> Callable[[Arrays], list[np.ndarray]]:
    """The network in PyTorch, as a function of arrays."""
    return _runner(graph)


def _runner(network: Callable[..., tuple[Tensor, ...]]) -> Callable[[Arrays], list[np.ndarray]]:
    def run(values: Arrays) -> list[np.ndarray]:
        with torch.no_grad():
            return [found.numpy() for found in network(*map(torch.from_numpy, values))]

    return run


def difference(expected: Arrays, found: Arrays, names: Sequence[str]) -> dict[str, float]:
    """By output: the largest distance, over the largest value where that is above 1; of whole numbers (codes) the share
    that differs. Infinite where a shape differs or a number is not finite."""
    return {name: _distance(*pair) for name, pair in zip(names, zip(expected, found, strict=True), strict=True)}


def _distance(expected: np.ndarray, found: np.ndarray) -> float:
    if expected.shape != found.shape or not np.isfinite(found).all():
        return float("inf")
    if expected.dtype.kind in "iu":
        return float((expected != found).mean())
    wide = expected.astype(np.float64)
    return float(np.abs(wide - found).max() / max(1.0, np.abs(wide).max()))


def latency_ms(run: Callable[[Arrays], Any], values: Arrays, times: int = 20, most_s: float = 3.0) -> float:
    """Median milliseconds of a call, after one that does not count."""
    run(values)
    taken: list[float] = []
    while len(taken) < times and sum(taken) < most_s:
        start = time.perf_counter()
        run(values)
        taken.append(time.perf_counter() - start)
    return 1000 * float(np.median(taken))
