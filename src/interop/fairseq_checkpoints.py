"""fairseq-signals' checkpoints (ECG-FM, DeepECG-SSL): which of our models they are, its options, and the tensors.

A file is a dict of `cfg` (nested plain values) and `model` (tensors), beside the state of its training, which is not
used. Fine-tuned files may carry the default sizes in `cfg` in place of their own: sizes are read from the tensors, and
`cfg` tells only what tensors cannot. Source: the format as published with ECG-FM and DeepECG-SSL.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from src.errors import UserError
from src.interop.weights import read_content

D_HEAD = 64  # of the encoder's heads, where nothing tells their number
MODELS = {  # the original's name -> ours
    "ecg_transformer": "ecg_transformer", "ecg_transformer_classifier": "ecg_transformer",
    "ecg_transformer_attn_classifier": "ecg_transformer", "ecg_transformer_finetuning": "ecg_transformer",
    "arcface": "arcface", "wav2vec2": "wav2vec2", "wav2vec2_cmsc": "wav2vec2_cmsc", "cmsc": "cmsc", "clocs": "cmsc",
    "simclr": "simclr", "3kg": "3kg",
}
# our option -> the original's key in cfg.model, where its value is taken as it is
SIZES = {"encoder.n_blocks": "encoder_layers", "encoder.n_heads": "encoder_attention_heads",
         "encoder.d_model": "encoder_embed_dim", "encoder.d_ff": "encoder_ffn_embed_dim",
         "encoder.norm_first": "layer_norm_first", "positions.kernel_size": "conv_pos",
         "positions.n_groups": "conv_pos_groups", "features.bias": "conv_bias"}
TRAINING = {"encoder.dropout": "dropout", "encoder.attn_dropout": "attention_dropout",
            "encoder.ff_dropout": "activation_dropout", "encoder.layerdrop": "encoder_layerdrop",
            "input_dropout": "dropout_input", "features.grad_scale": "feature_grad_mult"}
PRETRAINING = {"features_dropout": "dropout_features", "mask.ratio": "mask_prob", "mask.length": "mask_length",
               "mask.kind": "mask_selection", "mask.other": "mask_other", "mask.no_overlap": "no_mask_overlap",
               "mask.min_space": "mask_min_space", "feature_mask.ratio": "mask_channel_prob",
               "feature_mask.length": "mask_channel_length", "feature_mask.kind": "mask_channel_selection",
               "feature_mask.other": "mask_channel_other", "feature_mask.no_overlap": "no_mask_channel_overlap",
               "feature_mask.min_space": "mask_channel_min_space", "quantizer.enabled": "quantize_targets",
               "quantizer.n_codes": "latent_vars", "quantizer.n_groups": "latent_groups",
               "quantizer.d_output": "latent_dim", "quantizer.temperature": "latent_temp",
               "contrast.d_output": "final_dim", "contrast.n_negatives": "num_negatives",
               "contrast.n_cross_negatives": "cross_sample_negatives",
               "contrast.n_code_negatives": "codebook_negatives",
               "contrast.from_everywhere": "negatives_from_everywhere", "contrast.temperature": "logit_temp",
               "contrast.target_glu": "target_glu"}


@dataclass(frozen=True)
class FairseqFile:
    """`model` is our name, `config` its options by dotted name; `state` has the original's names. `outputs` counts the
    labels of a fine-tuned file (0: pretraining), `channels` the leads, `task` holds the plain settings of its data.
    `notes` says what was not in the file and was assumed; `names` are the labels', where somebody told them."""

    model: str
    config: dict[str, Any]
    state: dict[str, Tensor]
    channels: int
    outputs: int = 0
    task: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def is_fairseq(content: Any) -> bool:
    """Whether the content of a file is laid out as fairseq's checkpoints are."""
    return (isinstance(content, dict) and isinstance(content.get("model"), dict)
            and isinstance(content.get("cfg"), dict) and isinstance(content["cfg"].get("model"), dict))


def read_fairseq(path: Path | str, n_heads: int | None = None) -> FairseqFile:
    """The checkpoint in `path`. `n_heads` replaces what the file says or leaves open about the heads of the encoder.

    Raises UserError for other files and for models that are not built here; nothing in a file is executed.
    """
    content = read_content(path)
    if not is_fairseq(content):
        raise UserError(f"{path}: is no checkpoint of fairseq-signals", "a dict with `cfg` and `model` is expected")
    return described(content, str(path), n_heads)


def described(content: Mapping[str, Any], where: str, n_heads: int | None = None) -> FairseqFile:
    """The same of a content that was read already."""
    cfg, state = content["cfg"]["model"], content["model"]
    original = str(cfg.get("_name", ""))
    if original not in MODELS:
        raise UserError(f"{where}: holds the model {original!r}, which is not built here",
                        f"read are: {', '.join(MODELS)}")
    model = MODELS[original]
    state = {str(key): tensor for key, tensor in state.items() if isinstance(tensor, Tensor)}
    inner = _backbone_tensors(state, where)
    found = _measured(inner, cfg, where)
    heads, notes = _heads(found, cfg, n_heads)
    config = backbone_config(cfg) | found | {"encoder.n_heads": heads}
    config |= _same(cfg, TRAINING)
    if model.startswith("wav2vec2"):
        config |= _same(cfg, PRETRAINING) | _codes_measured(state, cfg)
    elif model == "ecg_transformer":
        config |= {"head.dropout": float(cfg.get("final_dropout") or 0.0),
                   "head.kind": "attentive" if any(key.startswith("proj.pooler.") for key in state) else "linear"}
    outputs = next((len(state[key]) for key in ("proj.weight", "proj.linear.weight", "kernel") if key in state), 0)
    channels = inner["feature_extractor.conv_layers.0.0.weight"].shape[1]
    task = content["cfg"].get("task")
    return FairseqFile(model, config, state, channels, outputs, task if isinstance(task, dict) else {}, notes)


def measured(state: Mapping[str, Tensor], where: str = "the weights") -> tuple[dict[str, Any], tuple[str, ...]]:
    """The sizes of tensors that come without a `cfg`, and notes on what they do not tell."""
    found = _measured(_backbone_tensors(state, where), {}, where)
    heads, notes = _heads(found, {}, None)
    return found | {"encoder.n_heads": heads}, notes


# ------------------------------------------------------------------------------------------------ what cfg says
def backbone_config(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """The sizes that cfg.model states, by our names; keys that are not there keep our defaults."""
    found = _same(cfg, SIZES)
    if cfg.get("extractor_mode") is not None:
        found["features.norm"] = "layer" if cfg["extractor_mode"] == "layer_norm" else "group"
    if cfg.get("conv_feature_layers") is not None:
        layers = literal(cfg["conv_feature_layers"])
        names = ("features.n_filters", "features.kernel_sizes", "features.n_strides")
        found |= dict(zip(names, (tuple(values) for values in zip(*layers, strict=True))))
    return found


def _same(cfg: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    found = {ours: cfg[theirs] for ours, theirs in names.items() if cfg.get(theirs) is not None}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def literal(text: Any) -> list[tuple[int, int, int]]:
    """`[(256, 2, 2)] * 4 + [(512, 3, 2)]` as its list: numbers, tuples, lists, `+` and `*` of a whole number; anything
    else is refused unexecuted."""
    if not isinstance(text, str):
        return [tuple(layer) for layer in text]
    try:
        layers = _evaluated(ast.parse(text.strip(), mode="eval").body)
        return [(int(dim), int(kernel), int(stride)) for dim, kernel, stride in layers]
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise UserError(f"conv_feature_layers is {text[:60]!r}",
                        "expected a list of (filters, kernel, stride), as [(256, 2, 2)] * 4") from None


MOST_LAYERS = 64


def _evaluated(node: ast.AST) -> Any:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_evaluated(part) for part in node.elts]
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mult)):
        left, right = _evaluated(node.left), _evaluated(node.right)
        if isinstance(node.op, ast.Add) and isinstance(left, list) and isinstance(right, list):
            return left + right
        layers, times = (left, right) if isinstance(left, list) else (right, left)
        is_product = isinstance(node.op, ast.Mult) and isinstance(layers, list) and isinstance(times, int)
        if is_product and len(layers) * times <= MOST_LAYERS:
            return layers * times
    raise ValueError("no literal")


# ------------------------------------------------------------------------------------------ what the tensors say
def _backbone_tensors(state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """The backbone's tensors without a fine-tuned model's prefix."""
    prefix = "encoder." if any(key.startswith("encoder.feature_extractor.") for key in state) else ""
    inner = {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}
    needed = ("feature_extractor.conv_layers.0.0.weight", "encoder.layers.0.fc1.weight", "layer_norm.weight")
    missing = [key for key in needed if key not in inner]
    if missing:
        raise UserError(f"{where}: the tensor {missing[0]} of an ECG transformer is missing",
                        "the file may be cut short, or of another version of fairseq-signals")
    return inner


def _measured(inner: Mapping[str, Tensor], cfg: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Sizes by our names, from shapes; strides cannot be seen and are cfg's, else 2."""
    d_ff, d_model = inner["encoder.layers.0.fc1.weight"].shape
    blocks = {key.split(".")[2] for key in inner if key.startswith("encoder.layers.")}
    convolutions = []
    while (key := f"feature_extractor.conv_layers.{len(convolutions)}.0.weight") in inner:
        convolutions.append(inner[key].shape)
    filters, kernels = tuple(s[0] for s in convolutions), tuple(s[2] for s in convolutions)
    stated = literal(cfg["conv_feature_layers"]) if cfg.get("conv_feature_layers") else []
    fits = [kernel for _, kernel, _ in stated] == list(kernels)
    strides = tuple(stride for _, _, stride in stated) if fits else (2,) * len(filters)
    position = next((inner[key] for key in inner if key.startswith("conv_pos.") and inner[key].dim() == 3
                     and len(inner[key]) == d_model), None)
    if position is None:
        raise UserError(f"{where}: the weight of the positional convolution is missing")
    return {"encoder.n_blocks": len(blocks), "encoder.d_model": d_model, "encoder.d_ff": d_ff,
            "features.n_filters": filters, "features.kernel_sizes": kernels, "features.n_strides": strides,
            "features.norm": "layer" if "feature_extractor.conv_layers.0.2.1.weight" in inner else "group",
            "features.bias": "feature_extractor.conv_layers.0.0.bias" in inner,
            "positions.kernel_size": position.shape[2], "positions.n_groups": d_model // position.shape[1]}


def _heads(found: Mapping[str, Any], cfg: Mapping[str, Any], told: int | None) -> tuple[int, tuple[str, ...]]:
    """Attention heads: what somebody told, else cfg's where its other sizes are the file's own, else a guess."""
    width = found["encoder.d_model"]
    if told is not None:
        return told, ()
    stated = _same(cfg, SIZES)
    sizes = ("encoder.n_blocks", "encoder.d_model", "encoder.d_ff")
    if "encoder.n_heads" in stated and all(stated.get(name, found[name]) == found[name] for name in sizes):
        return int(stated["encoder.n_heads"]), ()
    guess = max(1, width // D_HEAD)
    return guess, (f"the file does not tell the attention heads: {guess} assumed, or --model_args encoder.n_heads=N",)


def _codes_measured(state: Mapping[str, Tensor], cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes of the quantiser and of the contrast."""
    found: dict[str, Any] = {"contrast.target_glu": "target_glu.0.weight" in state}
    if "final_proj.weight" in state:
        found["contrast.d_output"] = len(state["final_proj.weight"])
    if "quantizer.vars" in state:
        groups = int(cfg.get("latent_groups") or 2)
        found |= {"quantizer.enabled": True, "quantizer.n_groups": groups,
                  "quantizer.n_codes": len(state["quantizer.weight_proj.weight"]) // groups,
                  "quantizer.d_output": groups * state["quantizer.vars"].shape[2]}
    else:
        found["quantizer.enabled"] = False
    return found
