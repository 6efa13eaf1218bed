"""fairseq-signals' names of tensors and ours.

Ours are its names for a pretraining model. Its fine-tuned models hold the backbone as `encoder`, and weight norm is
written in two styles: `weight_g`, `weight_v`, and since torch 2 `parametrizations.weight.original0`, `original1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

Style = Literal["weight_g", "parametrizations"]
POSITIONS = "conv_pos.pos_conv.0."
WEIGHT_NORM = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v",
               "weight_g": "weight_g", "weight_v": "weight_v", "bias": "bias"}
BACKBONE = ("feature_extractor", "layer_norm", "post_extract_proj", "conv_pos", "encoder", "mask_emb")


def own_name(key: str) -> str:
    """One key of fairseq-signals as ours; any other as it is."""
    inner = key.removeprefix("encoder.")
    if inner != key and inner.split(".")[0] in BACKBONE and not key.startswith("encoder.layer_norm."):
        key = inner
    if key.startswith(POSITIONS):
        rest = key.removeprefix(POSITIONS)
        return f"conv_pos.{WEIGHT_NORM.get(rest, rest)}"
    return key


def own_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under our names."""
    is_fine_tuned = any(key.startswith("encoder.feature_extractor.") for key in state)
    found = {}
    for key, tensor in state.items():
        if is_fine_tuned and key.startswith("encoder.layer_norm."):
            found[key.removeprefix("encoder.")] = tensor  # the norm of the features; the encoder's is one deeper
        else:
            found[own_name(key)] = tensor
    return found


def original_names(state: Mapping[str, Tensor], fine_tuned: bool, style: Style = "weight_g") -> dict[str, Tensor]:
    """Our tensors under fairseq-signals' names, of a fine-tuned model or of a pretraining model."""
    return {_original(key, fine_tuned, style): tensor for key, tensor in state.items()}


def _original(key: str, fine_tuned: bool, style: Style) -> str:
    prefix = "encoder." if fine_tuned and key.split(".")[0] in BACKBONE else ""
    if key.startswith("conv_pos."):
        name = key.removeprefix("conv_pos.")
        if style == "parametrizations":
            name = {"weight_g": "parametrizations.weight.original0",
                    "weight_v": "parametrizations.weight.original1"}.get(name, name)
        key = POSITIONS + name
    return prefix + key
