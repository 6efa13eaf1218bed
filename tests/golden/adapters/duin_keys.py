"""Du-IN's networks by their keys: parameter groups, shapes, what loads from what, initial values at full size."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from src.trainer.optimizers import parameter_groups
from tests.golden.adapters.duin_models import FAMILIES, family_of
from tests.golden.folder import Case


def _hyperparameters(case: Case, model: str) -> dict[str, Any]:
    """Of the small models that a folder's key lists are about."""
    stored = (case.json("param_groups.json") or {}).get("model_hyperparameters", {})
    for entry in (case.json("golden.json") or {}).get("files", ()):
        if entry.get("kind", "").replace("poms.duin_", "poms_") == model:
            stored.setdefault(model, entry["hyperparameters"])
    if model not in stored:
        pytest.skip(f"the folder does not say the hyperparameters of its {model}")
    return stored[model]


def _built(case: Case, names) -> list[str]:
    """Of the models that a file lists, those that we have; says which we have not, and skips where that is all."""
    absent = ", ".join(dict.fromkeys(name for name in names if name not in FAMILIES))
    ours = list(dict.fromkeys(name for name in names if name in FAMILIES))
    if not ours:
        pytest.skip(f"{absent}: not built yet")
    if absent:
        warnings.warn(f"{case.entry['file']}: {absent} not built yet, not compared", stacklevel=2)
    return ours


def _small(case: Case, name: str):
    return family_of(name).build(_hyperparameters(case, name))


def param_groups(case: Case) -> None:
    stored = case.json()["groups"]
    for name in _built(case, stored):
        decay = max(group["weight_decay"] for group in stored[name])
        groups = parameter_groups(_small(case, name), decay)
        assert [found["names"] for found in groups] == [expected["names"] for expected in stored[name]]
        assert [found["weight_decay"] for found in groups] == [expected["weight_decay"] for expected in stored[name]]


def state_keys_small(case: Case) -> None:
    stored = case.json()
    for name in _built(case, stored):
        state = _small(case, name).state_dict()
        assert {key: list(tensor.shape) for key, tensor in state.items()} == stored[name]


def key_maps(case: Case) -> None:
    stored = case.json()
    ours = _built(case, [pair["target"] for pair in stored.values()])
    for title, pair in stored.items():
        if pair["target"] not in ours:
            continue
        model = _small(case, pair["target"])
        target = model.state_dict()
        source = {pair.get("source_prefix", "") + key: torch.full_like(target[key], 7) for key in pair["loaded"]}
        source |= {key: torch.zeros(1) for key in pair["ignored_in_source"]}
        report = model.load_original(source)
        assert set(report.loaded) == set(pair["loaded"]), title
        assert set(report.ignored) == set(pair["ignored_in_source"]), title
        assert set(report.missing) == set(pair["left_at_init_in_target"]), title
        assert all((model.state_dict()[key] == 7).all() for key in pair["loaded"]), title


def init_stats(case: Case) -> None:
    stored = case.json()
    for name in _built(case, stored):
        model = family_of(name).build(hyperparameters_of({key: value["shape"] for key, value in stored[name].items()}))
        model.init_weights()
        assert {key: list(tensor.shape) for key, tensor in model.state_dict().items()} == \
            {key: value["shape"] for key, value in stored[name].items()}
        for key, tensor in model.state_dict().items():
            _same_distribution(key, tensor.double().numpy(), stored[name][key])


def _same_distribution(key: str, found: np.ndarray, stored: dict[str, float]) -> None:
    """Equal for constants; else mean and std within 6 standard errors of the difference of two draws."""
    if stored["min"] == stored["max"] or "time_encodings" in key:
        for name in ("mean", "std", "min", "max"):
            assert abs(getattr(found, name)() - stored[name]) < 1e-5, f"{key}: {name}"
        return
    error = stored["std"] * np.sqrt(2 / found.size)
    assert abs(found.mean() - stored["mean"]) < 6 * error, f"{key}: mean {found.mean()}, expected {stored['mean']}"
    assert abs(found.std() - stored["std"]) < 6 * error, f"{key}: std {found.std()}, expected {stored['std']}"
    for name in ("min", "max") if found.size >= 64 else ():  # of fewer, the extremes are a matter of luck
        assert abs(getattr(found, name)() / stored[name] - 1) < 0.5, f"{key}: {name}"


# ------------------------------------------------------------------------- hyperparameters from the shapes
def hyperparameters_of(shapes: dict[str, list[int]]) -> dict[str, Any]:
    """The original's hyperparameters, as far as shapes tell them: a segment of 100 samples and its strides are known,
    dropout, the quantiser's numbers and the contrast's mode do not matter to a first draw."""
    length, _ = shapes["emb_time.time_encodings"]
    is_poms = any(key.startswith("tokenizers.") for key in shapes)
    convs = _weights(shapes, "tokenizers.0." if is_poms else "tokenizer.")
    hyper: dict[str, Any] = {"seq_len": 100 * length, "encoder": _encoder(shapes, "encoder")}
    ones = [1] * len(convs)
    hyper["tokenizer"] = {"seg_len": 100, "n_filters": [shape[0] for shape in convs], "n_strides": [10, *ones[1:]],
                          "kernel_sizes": [shape[2] for shape in convs], "dilation_rates": ones,
                          "use_bn": [True] * len(convs), "pool_sizes": ones}
    if is_poms:
        subjects = {key.split(".")[1] for key in shapes if key.startswith("tokenizers.")}
        hyper |= {"n_subjects": len(subjects), "n_channels": convs[0][1]}
    else:
        d_output, subjects = shapes["subj_block.subj_layer.B.weight"]
        channels = shapes["subj_block.subj_layer.W.weight"][0] // d_output
        hyper |= {"n_subjects": subjects, "n_channels": channels,
                  "subj": {"d_output": d_output, "use_bias": True, "use_proj": False}}
    return hyper | _rest(shapes)


def _rest(shapes: dict[str, list[int]]) -> dict[str, Any]:
    """What one of the stages has alone."""
    hyper: dict[str, Any] = {"mask_ratio": 0.5}
    if "vq_block.counts" in shapes:
        codes, d_codex = shapes["vq_block.codex.embeddings"]
        hyper["vq"] = {"codex_size": codes, "d_codex": d_codex, "beta": 1.0, "decay": 0.99, "init_kmeans": True}
    if "contra_block.t" in shapes:
        hyper["contra"] = {"d_contra": shapes["contra_block.proj_z.0.weight"][0], "loss_mode": "unicl"}
    if any(key.startswith("decoder.") for key in shapes):
        hyper |= {"decoder": _encoder(shapes, "decoder"), "rgs": _reconstruction(shapes)}
    head = [shapes[key] for key in shapes if key.startswith("cls_block.") and key.endswith(".weight")]
    if head:
        hyper["cls"] = {"d_hidden": [shape[0] for shape in head[:-1]], "dropout": 0.0,
                        "n_labels": head[-1][0], "n_tokens": head[-1][0]}
    return hyper


def _weights(shapes: dict[str, list[int]], start: str) -> list[list[int]]:
    """Of the convolutions of a module, in order."""
    return [shape for key, shape in shapes.items() if key.startswith(start) and key.endswith(".0.1.weight")]


def _reconstruction(shapes: dict[str, list[int]]) -> dict[str, Any]:
    convs = _weights(shapes, "rgs_block.") or _weights(shapes, "rgs_blocks.0.")
    kernels = [shape[2] for shape in convs]
    return {"n_filters": [shape[1] for shape in convs], "kernel_sizes": kernels,
            "n_strides": [10 if kernel in (10, 19) else 1 for kernel in kernels],
            "dilation_rates": [1] * len(convs), "d_hidden": []}


def _encoder(shapes: dict[str, list[int]], name: str) -> dict[str, Any]:
    block = f"{name}.1.xfmr_blocks.0"
    inner, d_head = shapes[f"{block}.mha.W_q.W.weight"][0], shapes[f"{block}.mha.norm_q.weight"][0]
    return {"n_blocks": 1 + max(int(key.split(".")[3]) for key in shapes if key.startswith(f"{name}.")),
            "n_heads": inner // d_head, "d_head": d_head, "d_ff": shapes[f"{block}.ffn.fc1.0.weight"][0],
            "attn_dropout": 0.0, "proj_dropout": 0.0, "ff_dropout": [0.0, 0.0], "rot_theta": None, "res_attn": False,
            "norm_first": False}


ADAPTERS = {"param_groups": param_groups, "state_keys_small": state_keys_small, "key_maps": key_maps,
            "init_stats": init_stats}
