"""What all adapters do: load a state, run forward and backward, compare by the names of the file."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from tests.golden.folder import Case


def tensors(case: Case) -> dict[str, Tensor]:
    return {key: torch.from_numpy(array) for key, array in case.arrays().items()}


def group(arrays: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The arrays under `prefix/`, without it."""
    return {key.removeprefix(prefix + "/"): array for key, array in arrays.items() if key.startswith(prefix + "/")}


def load_state(module: nn.Module, arrays: Mapping[str, Tensor], rename: tuple[str, str] = ("", "")) -> None:
    """Strictly: our keys and shapes are the stored ones."""
    module.load_state_dict({_renamed(key, rename): array for key, array in group(arrays, "state").items()})


def same_gradients(case: Case, module: nn.Module, arrays: Mapping[str, Tensor],
                   rename: tuple[str, str] = ("", "")) -> None:
    """Every stored gradient, and none beside them (parameters out of use may have none or zeros)."""
    ours, stored = dict(module.named_parameters()), group(arrays, "grad")
    names = {_renamed(key, rename): gradient for key, gradient in stored.items()}
    for name, gradient in names.items():
        assert ours[name].grad is not None, f"{name} has no gradient"
        case.same(f"gradient of {name}", ours[name].grad, gradient)
    if names:
        extra = [name for name, p in ours.items() if name not in names and p.grad is not None and p.grad.any()]
        assert not extra, f"gradients that the original has not: {extra}"


def same_state(case: Case, module: nn.Module, stored: Mapping[str, Tensor],
               loose: Mapping[str, float] | None = None) -> None:
    """The module's state after a call; `loose` names keys with an absolute tolerance of their own."""
    ours = module.state_dict()
    for key, tensor in stored.items():
        case.same(f"{key} afterwards", ours[key], tensor, (loose or {}).get(key))


def run_layer(case: Case, module: nn.Module, names: tuple[str, ...], call, rename: tuple[str, str] = ("", "")) -> None:
    """`call(*inputs) -> {output name: tensor}`, the first being the one that the upstream gradient belongs to."""
    arrays = tensors(case)
    load_state(module, arrays, rename)
    module.train(any(key.startswith("after/") for key in arrays))
    inputs = [arrays[f"input/{name}"] for name in names]
    watched = [x.requires_grad_() if f"grad_input/{name}" in arrays else x for name, x in zip(names, inputs)]
    outputs = call(*watched)
    for name, stored in group(arrays, "output").items():
        case.same(name, outputs[name], stored)
    if "input/upstream_grad" in arrays:
        first = next(iter(outputs.values()))
        (first * arrays["input/upstream_grad"]).sum().backward()
        same_gradients(case, module, arrays, rename)
        for name, x in zip(names, watched):
            if x.requires_grad:
                case.same(f"gradient of the input {name}", x.grad, arrays[f"grad_input/{name}"])
    same_state(case, module, group(arrays, "after"))


def _renamed(key: str, rename: tuple[str, str]) -> str:
    return rename[1] + key.removeprefix(rename[0]) if rename[0] and key.startswith(rename[0]) else key
