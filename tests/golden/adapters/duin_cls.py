"""Du-IN's word classifier as a whole: outputs, gradients, optimiser steps, keys, initial values."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from src.models.duin.classifier import DuinClassifier
from src.models.duin.config import (
    ContrastConfig,
    HeadConfig,
    QuantizerConfig,
    SubjectConfig,
)
from src.models.layers.tokenizers import TokenizerConfig
from src.models.layers.transformer import EncoderConfig
from src.trainer.optimizers import parameter_groups
from tests.golden.adapters.common import group, load_state, same_gradients, same_state, tensors
from tests.golden.adapters.duin_layers import encoder_config, tokenizer_config
from tests.golden.folder import Case


def build(hyper: dict[str, Any]) -> DuinClassifier:
    """The replica with the original's hyperparameters."""
    subject, vq, contra, head = hyper["subj"], hyper["vq"], hyper["contra"], hyper["cls"]
    config = DuinClassifier.Config(
        n_subjects=subject["n_subjects"],
        subject=SubjectConfig(subject["d_output"], subject["use_bias"], subject["use_proj"]),
        tokenizer=tokenizer_config(hyper["tokenizer"]),
        encoder=encoder_config(hyper["encoder"]),
        head=HeadConfig(tuple(head["d_hidden"]), head["dropout"]),
        quantizer=QuantizerConfig(vq["codex_size"], vq["d_codex"], vq["beta"], vq["decay"], vq["init_kmeans"]),
        contrast=ContrastConfig(contra["d_contra"], contra["loss_mode"]),
        replica=True)
    return DuinClassifier(config, subject["d_input"], hyper["seq_len"], head["n_labels"])


def duin_cls(case: Case) -> None:
    arrays, model = tensors(case), build(case.hyper)
    load_state(model, arrays)
    if "input/X_0" in arrays:
        _steps(case, model, arrays)
    else:
        _one_pass(case, model, arrays)


def _one_pass(case: Case, model: DuinClassifier, arrays: dict[str, Tensor]) -> None:
    model.train(any(key.startswith("grad/") for key in arrays))
    stages = _watch_stages(model)
    predictions, losses = model.replica_losses(*_inputs(arrays), arrays.get("input/kmeans_init_idxs"))
    for name, stored in group(arrays, "loss").items():
        case.same(f"loss {name}", losses[name], stored)
    for name, stored in group(arrays, "output").items():
        case.same(name, predictions if name == "y_pred" else stages[name], stored)
    if model.training:
        losses["total"].backward()
        same_gradients(case, model, arrays)
        for name in case.entry.get("parameters_without_grad", ()):
            assert model.get_parameter(name).grad is None, f"{name} has a gradient"
    same_state(case, model, group(arrays, "after"))


def _inputs(arrays: dict[str, Tensor], suffix: str = "") -> tuple[Tensor, Tensor, Tensor]:
    return arrays[f"input/X{suffix}"].mT, arrays[f"input/subj_id{suffix}"], arrays[f"input/y_true{suffix}"]


def _watch_stages(model: DuinClassifier) -> dict[str, Tensor]:
    """What the intermediate modules give, under the names of the files."""
    seen: dict[str, Tensor] = {}

    def watch(module: torch.nn.Module, name: str, read) -> None:
        module.register_forward_hook(lambda _, __, output: seen.update({name: read(output)}))

    watch(model.subj_block, "X_h", lambda output: output.mT)
    watch(model.tokenizer, "T", lambda output: output)
    watch(model.emb_time, "E_time", lambda output: output)
    for i, block in enumerate(model.transformer.xfmr_blocks):
        watch(block, f"E_block{i}", lambda output: output.tokens)
    return seen


def _steps(case: Case, model: DuinClassifier, arrays: dict[str, Tensor]) -> None:
    optimizer = torch.optim.AdamW(parameter_groups(model, weight_decay=0.05), betas=(0.9, 0.999), eps=1e-8)
    rates = arrays["input/lr"].tolist()
    # zero gradients that AdamW turns into steps of +-lr by the sign of rounding noise
    loose = dict.fromkeys(case.entry.get("ill_conditioned_keys", ()), 2 * sum(rates))
    model.train()
    for i, rate in enumerate(rates):
        for settings in optimizer.param_groups:
            settings["lr"] = rate
        _, losses = model.replica_losses(*_inputs(arrays, f"_{i}"), arrays.get("input/kmeans_init_idxs"))
        optimizer.zero_grad()
        losses["total"].backward()
        optimizer.step()
        case.same(f"loss of step {i}", losses["total"], arrays[f"loss/total_{i}"])
        same_state(case, model, group(arrays, f"after{i + 1}"), loose)


def _hyperparameters(case: Case, model: str) -> dict[str, Any]:
    """Of the small models that a folder's key lists are about."""
    stored = (case.json("param_groups.json") or {}).get("model_hyperparameters", {})
    for entry in (case.json("golden.json") or {}).get("files", ()):
        if entry.get("kind") == model:
            stored.setdefault(model, entry["hyperparameters"])
    if model not in stored:
        pytest.skip(f"the folder does not say the hyperparameters of its {model}")
    return stored[model]


def _built(case: Case, names, builders: dict[str, Any]) -> list[str]:
    """Of the models that a file lists, those that we have; says which we have not, and skips where that is all."""
    absent = ", ".join(dict.fromkeys(name for name in names if name not in builders))
    ours = list(dict.fromkeys(name for name in names if name in builders))
    if not ours:
        pytest.skip(f"{absent}: not built yet")
    if absent:
        warnings.warn(f"{case.entry['file']}: {absent} not built yet, not compared", stacklevel=2)
    return ours


BUILDERS = {"duin_cls": build}


def param_groups(case: Case) -> None:
    stored = case.json()["groups"]
    for name in _built(case, stored, BUILDERS):
        decay = max(group["weight_decay"] for group in stored[name])
        groups = parameter_groups(BUILDERS[name](_hyperparameters(case, name)), decay)
        assert [found["names"] for found in groups] == [expected["names"] for expected in stored[name]]
        assert [found["weight_decay"] for found in groups] == [expected["weight_decay"] for expected in stored[name]]


def state_keys_small(case: Case) -> None:
    stored = case.json()
    for name in _built(case, stored, BUILDERS):
        state = BUILDERS[name](_hyperparameters(case, name)).state_dict()
        assert {key: list(tensor.shape) for key, tensor in state.items()} == stored[name]


def key_maps(case: Case) -> None:
    stored = case.json()
    pairs = {title: pair for title, pair in stored.items() if pair["target"] in BUILDERS}
    _built(case, [pair["target"] for pair in stored.values()], BUILDERS)
    for title, pair in pairs.items():
        model = BUILDERS[pair["target"]](_hyperparameters(case, pair["target"]))
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
    for name in _built(case, stored, FULL_SIZE):
        model = FULL_SIZE[name]({key: value["shape"] for key, value in stored[name].items()})
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
    for name in ("min", "max"):
        assert abs(getattr(found, name)() / stored[name] - 1) < 0.5, f"{key}: {name}"


def build_from_shapes(shapes: dict[str, list[int]]) -> DuinClassifier:
    """A classifier whose state has these shapes; the stride, which no shape shows, is set to 1."""
    codex_size, d_codex = shapes["vq_block.codex.embeddings"]
    d_output, n_subjects = shapes["subj_block.subj_layer.B.weight"]
    length, width = shapes["emb_time.time_encodings"]
    convs = [key for key in shapes if key.startswith("tokenizer.") and key.endswith(".0.1.weight")]
    filters, kernels = ([shapes[key][axis] for key in convs] for axis in (0, 2))
    block, seg_len, ones = "encoder.1.xfmr_blocks.0", width // filters[-1], (1,) * len(convs)
    head = [key for key in shapes if key.startswith("cls_block.") and key.endswith(".weight")]
    inner, d_head = shapes[f"{block}.mha.W_q.W.weight"][0], shapes[f"{block}.mha.norm_q.weight"][0]
    config = DuinClassifier.Config(
        n_subjects, SubjectConfig(d_output),
        TokenizerConfig(seg_len, tuple(filters), ones, tuple(kernels), ones, (True,) * len(convs), ones),
        EncoderConfig(n_blocks=1 + max(int(key.split(".")[3]) for key in shapes if key.startswith("encoder.")),
                      n_heads=inner // d_head, d_head=d_head, d_ff=shapes[f"{block}.ffn.fc1.0.weight"][0]),
        HeadConfig(tuple(shapes[key][0] for key in head[:-1])), replica=True,
        quantizer=QuantizerConfig(codex_size, d_codex),
        contrast=ContrastConfig(shapes["contra_block.proj_z.0.weight"][0]))
    channels = shapes["subj_block.subj_layer.W.weight"][0] // d_output
    return DuinClassifier(config, channels, seg_len * length, shapes[head[-1]][0])


FULL_SIZE = {"duin_cls": build_from_shapes}

ADAPTERS = {"duin_cls": duin_cls, "param_groups": param_groups, "state_keys_small": state_keys_small,
            "key_maps": key_maps, "init_stats": init_stats}
