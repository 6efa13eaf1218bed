"""fairseq-signals' names of tensors and ours, and the sizes that a file of weights asks for.

Ours are its names for a pretraining model. Its fine-tuned models hold the backbone as `encoder`, and weight norm is
written in two styles: `weight_g`, `weight_v`, and since torch 2 `parametrizations.weight.original0`, `original1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor

from src.interop.fairseq_checkpoints import described, is_fairseq, measured

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


# options that tensors depend on; dropouts and scales of gradients are the training's own
SIZES = ("features.n_filters", "features.kernel_sizes", "features.n_strides", "features.norm", "features.bias",
         "positions.kernel_size", "positions.n_groups", "encoder.n_blocks", "encoder.n_heads", "encoder.d_model",
         "encoder.d_ff", "encoder.norm_first", "head.kind", "head.n_heads", "quantizer.enabled", "quantizer.n_codes",
         "quantizer.n_groups", "quantizer.d_output", "contrast.d_output", "contrast.target_glu")


def stored_sizes(content: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Of a file's content (a checkpoint of fairseq-signals, one of ours, or bare tensors): options by dotted name, and
    notes on what the file does not tell. Nothing where it holds no ECG transformer."""
    if is_fairseq(content):
        found = described(content, "the weights")
        sizes, notes = found.config, found.notes
    elif isinstance(content, Mapping) and isinstance(content.get("model_config"), Mapping):
        sizes, notes = _dotted(content["model_config"]), ()
    elif isinstance(content, Mapping) and "layer_norm.weight" in own_names(_tensors(content)):
        sizes, notes = measured(_tensors(content))
    else:
        return {}, ()
    return {name: value for name, value in sizes.items() if name in SIZES}, notes


def _tensors(content: Mapping[str, Any]) -> dict[str, Tensor]:
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}


def _dotted(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _dotted(value, f"{before}{name}.") if isinstance(value, Mapping) else {before + name: value}
    return found
