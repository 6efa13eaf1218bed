"""A checkpoint as safetensors: tensors by name, and all its plain values as JSON in the header of the same file.

What resuming a training needs is left out; the running average of the weights, where there was one, is the weights.
A JSON file beside it repeats the header for people and other programs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from src.errors import UserError
from src.interop.archives import first_line

HEADER = "vagus"  # the entry of the header that holds the plain values
TENSOR = "tensor:"  # a text that stands for the tensor of this name
LEFT_OUT = ("resume", "model")
CONFIG = ".json"


def write_state(state: Mapping[str, Any], path: Path) -> None:
    """`state` as `checkpoint.read` gives it, with the weights to be used as its `model`, and a JSON file beside it."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().cpu().clone().contiguous() for name, value in state["model"].items()}
    plain = {name: _parted(value, name, tensors) for name, value in state.items() if name not in LEFT_OUT}
    text = json.dumps(plain, indent=2)
    save_file(tensors, path, metadata={HEADER: text, "format": "pt"})
    path.with_suffix(CONFIG).write_text(text + "\n", encoding="utf-8")


def _parted(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """The value with texts in place of its tensors, which are added to `tensors`."""
    if isinstance(value, Tensor):
        tensors[name] = value.detach().cpu().clone().contiguous()
        return TENSOR + name
    if isinstance(value, Mapping):
        return {str(key): _parted(part, f"{name}/{key}", tensors) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_parted(part, f"{name}/{place}", tensors) for place, part in enumerate(value)]
    return value


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    """The tensors of a safetensors file by name, and the plain values that `write_state` put into its header.

    UserError for files that are damaged.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            header = (file.metadata() or {}).get(HEADER)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no dict
        plain = None if header is None else json.loads(header)
        if plain is not None and not isinstance(plain, dict):
            raise ValueError("its description is no table")
    except Exception as error:  # safetensors raises its own error classes for damaged files
        raise UserError(f"{path}: not a safetensors file: {first_line(error)}") from None
    return tensors, plain


def read_state(path: Path) -> dict[str, Any]:
    """The checkpoint in a file of `write_state`. UserError for other safetensors files."""
    tensors, plain = read_tensors(path)
    if plain is None:
        raise UserError(f"{path}: safetensors without the description of a checkpoint of vagus",
                        "weights of other systems are read with --init_from")
    return as_state(path, tensors, plain)


def as_state(path: Path, tensors: dict[str, Tensor], plain: dict[str, Any]) -> dict[str, Any]:
    """The checkpoint of what `read_tensors` gave."""
    used: set[str] = set()
    try:
        found = {name: _joined(value, tensors, used) for name, value in plain.items()}
    except (KeyError, RecursionError) as error:
        raise UserError(f"{path}: its description names the tensor {first_line(error)}, which is not there",
                        "the file is not whole: get it again") from None
    return {**found, "model": {name: value for name, value in tensors.items() if name not in used}}


def _joined(value: Any, tensors: Mapping[str, Tensor], used: set[str]) -> Any:
    if isinstance(value, str) and value.startswith(TENSOR):
        name = value.removeprefix(TENSOR)
        used.add(name)
        return tensors[name]
    if isinstance(value, dict):
        return {key: _joined(part, tensors, used) for key, part in value.items()}
    return [_joined(part, tensors, used) for part in value] if isinstance(value, list) else value
