"""Names of tensors: the published table of keys, both styles of weight norm, there and back."""

from __future__ import annotations

import pytest
import torch

from src.models.ecg_transformer.classifier import EcgTransformer
from src.models.ecg_transformer.contrastive import Wav2vec2Cmsc
from src.models.ecg_transformer.weights import original_names, own_names, stored_sizes
from src.options import to_dict
from tests.models.ecg_transformer.small import CODES, make

# Of the base size, a pretraining model; N stands for each of twelve layers, P for q, k, v, out.
PUBLISHED = {
    "mask_emb": (768,), "encoder.layers.N.self_attn.P_proj.weight": (768, 768),
    "encoder.layers.N.self_attn.P_proj.bias": (768,),
    **{f"encoder.layers.N.{norm}.{part}": (768,) for norm in ("self_attn_layer_norm", "final_layer_norm")
       for part in ("weight", "bias")},
    "encoder.layers.N.fc1.weight": (3072, 768), "encoder.layers.N.fc1.bias": (3072,),
    "encoder.layers.N.fc2.weight": (768, 3072), "encoder.layers.N.fc2.bias": (768,),
    "encoder.layer_norm.weight": (768,), "encoder.layer_norm.bias": (768,),
    "feature_extractor.conv_layers.0.0.weight": (256, 12, 2), "feature_extractor.conv_layers.0.2.weight": (256,),
    "feature_extractor.conv_layers.0.2.bias": (256,),
    **{f"feature_extractor.conv_layers.{layer}.0.weight": (256, 256, 2) for layer in (1, 2, 3)},
    "post_extract_proj.weight": (768, 256), "post_extract_proj.bias": (768,),
    "conv_pos.pos_conv.0.bias": (768,), "conv_pos.pos_conv.0.weight_g": (1, 1, 128),
    "conv_pos.pos_conv.0.weight_v": (768, 48, 128), "layer_norm.weight": (256,), "layer_norm.bias": (256,),
    "quantizer.vars": (1, 640, 128), "quantizer.weight_proj.weight": (640, 256), "quantizer.weight_proj.bias": (640,),
    "project_q.weight": (256, 256), "project_q.bias": (256,), "final_proj.weight": (256, 768),
    "final_proj.bias": (256,),
}
NEW_STYLE = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}


def published(style: str) -> dict[str, tuple[int, ...]]:
    found = {}
    for key, shape in PUBLISHED.items():
        key = key.replace(key.split(".")[-1], NEW_STYLE.get(key.split(".")[-1], key.split(".")[-1])) \
            if style == "parametrizations" else key
        layers = range(12) if ".N." in key else [0]
        for layer in layers:
            for projection in ("q", "k", "v", "out") if ".P_" in key else [""]:
                found[key.replace(".N.", f".{layer}.").replace(".P_", f".{projection}_")] = shape
    return found


@pytest.mark.parametrize("style", ["weight_g", "parametrizations"])
def test_the_published_keys_and_shapes_are_ours(style):
    with torch.device("meta"):
        state = Wav2vec2Cmsc(Wav2vec2Cmsc.Config(), 12).state_dict()
    theirs = original_names(state, fine_tuned=False, style=style)
    assert {key: tuple(tensor.shape) for key, tensor in theirs.items()} == published(style)
    assert list(own_names(theirs)) == list(state)


@pytest.mark.parametrize("style", ["weight_g", "parametrizations"])
def test_names_of_a_fine_tuned_model_go_there_and_back(style):
    state = make(EcgTransformer, 4).state_dict()
    theirs = original_names(state, fine_tuned=True, style=style)
    assert {key.split(".")[0] for key in theirs} == {"encoder", "proj"}
    assert {"encoder.layer_norm.weight", "encoder.encoder.layer_norm.weight"} <= set(theirs)
    back = own_names(theirs)
    assert all(back[key] is state[key] for key in state)


def test_our_own_names_stay():
    state = make(Wav2vec2Cmsc, **{key.replace(".", "__"): value for key, value in CODES.items()}).state_dict()
    assert list(own_names(state)) == list(state)


def test_sizes_come_from_our_checkpoints_and_from_bare_tensors_but_dropouts_do_not():
    model = make(EcgTransformer, 4, encoder__dropout=0.3)
    stored, _ = stored_sizes({"model_config": to_dict(model.config), "model": {}})
    measured, notes = stored_sizes(model.state_dict())
    assert stored["encoder.d_model"] == measured["encoder.d_model"] == 16
    assert tuple(stored["features.kernel_sizes"]) == measured["features.kernel_sizes"] == (4, 2)
    assert "encoder.dropout" not in stored
    assert "heads" in notes[0]
    assert stored_sizes({"a": torch.ones(1)}) == ({}, ())
