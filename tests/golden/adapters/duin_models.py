"""Du-IN's networks as wholes: outputs, losses, gradients, optimiser steps, state of the quantiser afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from src.models.duin.backbone import DuinBackbone
from src.models.duin.classifier import DuinClassifier
from src.models.duin.config import (
    CodesConfig,
    ContrastConfig,
    HeadConfig,
    QuantizerConfig,
    ReconstructionConfig,
    SubjectConfig,
)
from src.models.duin.llm import DuinLlm, token_loss
from src.models.duin.mae import DuinMae
from src.models.duin.poms import PomsClassifier, PomsMae, PomsVqvae
from src.models.duin.vqvae import DuinVqvae
from src.trainer.optimizers import parameter_groups
from tests.golden.adapters.common import group, load_state, same_gradients, same_state, tensors
from tests.golden.adapters.duin_layers import encoder_config, tokenizer_config
from tests.golden.folder import Case


class Pass(NamedTuple):
    """What one call of a model gave, under the names of the files."""

    losses: dict[str, Tensor]
    outputs: dict[str, Tensor]


# ------------------------------------------------------------------------------------------- building
def build_classifier(hyper: dict[str, Any], model_class: type = DuinClassifier) -> DuinBackbone:
    contra = ContrastConfig(hyper["contra"]["d_contra"], hyper["contra"]["loss_mode"])
    return _build(model_class, hyper, (hyper["cls"]["n_labels"],), head=_head(hyper), quantizer=_quantizer(hyper),
                  contrast=contra)


def build_llm(hyper: dict[str, Any]) -> DuinBackbone:
    return _build(DuinLlm, hyper, (hyper["cls"]["n_finals"],), head=_head(hyper), quantizer=_quantizer(hyper),
                  n_initials=hyper["cls"]["n_initials"])


def build_mae(hyper: dict[str, Any], model_class: type = DuinMae) -> DuinBackbone:
    return _build(model_class, hyper, head=_head(hyper), quantizer=CodesConfig(hyper["cls"]["n_tokens"]),
                  mask_ratio=hyper["mask_ratio"])


def build_vqvae(hyper: dict[str, Any], model_class: type = DuinVqvae) -> DuinBackbone:
    rgs = {name: tuple(hyper["rgs"][name])
           for name in ("n_filters", "kernel_sizes", "n_strides", "dilation_rates", "d_hidden")}
    return _build(model_class, hyper, quantizer=_quantizer(hyper), decoder=encoder_config(hyper["decoder"]),
                  reconstruction=ReconstructionConfig(**rgs))


def _build(model_class: type, hyper: dict[str, Any], outputs: tuple[int, ...] = (), **parts: Any) -> DuinBackbone:
    """The replica with the original's hyperparameters."""
    if "subj" in hyper:
        parts["subject"] = SubjectConfig(*(hyper["subj"][name] for name in ("d_output", "use_bias", "use_proj")))
    config = model_class.Config(n_subjects=hyper["n_subjects"], tokenizer=tokenizer_config(hyper["tokenizer"]),
                                encoder=encoder_config(hyper["encoder"]), replica=True, **parts)
    return model_class(config, hyper["n_channels"], hyper["seq_len"], *outputs)


def _head(hyper: dict[str, Any]) -> HeadConfig:
    return HeadConfig(tuple(hyper["cls"]["d_hidden"]), hyper["cls"]["dropout"])


def _quantizer(hyper: dict[str, Any]) -> QuantizerConfig:
    return QuantizerConfig(*(hyper["vq"][name] for name in ("codex_size", "d_codex", "beta", "decay", "init_kmeans")))


# --------------------------------------------------------------------------------------------- calling
def call_classifier(model: Any, arrays: dict[str, Tensor], suffix: str) -> Pass:
    label = arrays[f"input/y_true{suffix}"]
    predictions, losses = model.replica_losses(*_inputs(arrays, suffix), label, arrays.get("input/kmeans_init_idxs"))
    return Pass(losses, {"y_pred": predictions})


def call_llm(model: Any, arrays: dict[str, Tensor], suffix: str) -> Pass:
    logits = model(*_inputs(arrays, suffix), arrays.get("input/kmeans_init_idxs"))
    finals = arrays[f"input/p_finals{suffix}"].argmax(2)
    loss = token_loss(logits["finals"], finals, arrays[f"input/token_mask{suffix}"])
    return Pass({"total": loss, "cls": loss}, {f"p_{name}": value for name, value in logits.items()})


def call_mae(model: Any, arrays: dict[str, Tensor], suffix: str) -> Pass:
    noise, codes = arrays[f"input/noise{suffix}"], arrays[f"input/c_true{suffix}"].argmax(2)
    if f"input/mask{suffix}" in arrays:
        assert torch.equal(model.hidden(noise), arrays[f"input/mask{suffix}"])
    logits = model(*_inputs(arrays, suffix), noise)
    loss = F.cross_entropy(logits.flatten(0, 1), codes.flatten())
    accuracy = (logits.argmax(2) == codes).float().mean(1)
    return Pass({"total": loss, "cls": loss}, {"c_pred": logits, "accuracy": accuracy})


def call_vqvae(model: Any, arrays: dict[str, Tensor], suffix: str) -> Pass:
    """The file's reconstruction is of all channels, ours of those that are there."""
    mask = arrays[f"input/channel_mask{suffix}"]
    seen: list[Tensor] = []
    hook = model.head.register_forward_hook(lambda _, __, output: seen.append(output))
    reconstruction, losses, _ = model.losses(*_inputs(arrays, suffix), mask, arrays.get("input/kmeans_init_idxs"))
    hook.remove()
    assert torch.equal(reconstruction, seen[0] * mask[..., None])
    return Pass({**losses, "total": losses["rgs"] + losses["vq"]}, {"X_reconstr": seen[0].mT})


def _inputs(arrays: dict[str, Tensor], suffix: str) -> tuple[Tensor, Tensor]:
    return arrays[f"input/X{suffix}"].mT, arrays[f"input/subj_id{suffix}"]


class Family(NamedTuple):
    """How a kind of model is built and called, and its weight decay."""

    build: Callable[[dict[str, Any]], DuinBackbone]
    call: Callable[[Any, dict[str, Tensor], str], Pass]
    decay: float = 0.05


FAMILIES = {
    "duin_vqvae": Family(build_vqvae, call_vqvae, 0.01),
    "duin_mae": Family(build_mae, call_mae),
    "duin_cls": Family(build_classifier, call_classifier),
    "duin_llm": Family(build_llm, call_llm),
    "poms_vqvae": Family(lambda hyper: build_vqvae(hyper, PomsVqvae), call_vqvae, 0.01),
    "poms_mae": Family(lambda hyper: build_mae(hyper, PomsMae), call_mae),
    "poms_cls": Family(lambda hyper: build_classifier(hyper, PomsClassifier), call_classifier),
}


def family_of(kind: str) -> Family:
    """Files call the multi-subject networks poms.duin_*, lists of keys poms_*."""
    return FAMILIES[kind.replace("poms.duin_", "poms_")]


# ------------------------------------------------------------------------------------------ comparing
def whole_model(case: Case) -> None:
    arrays, family = tensors(case), family_of(case.kind)
    model = family.build(case.hyper)
    load_state(model, arrays)
    is_training = "input/lr" in arrays or any(key.startswith("grad/") for key in arrays)
    model.train(is_training)
    if "input/lr" in arrays:
        _steps(case, model, arrays, family)
    else:
        _passes(case, model, arrays, family)
    if not is_training:
        _stages(case, model, arrays)


def _passes(case: Case, model: DuinBackbone, arrays: dict[str, Tensor], family: Family) -> None:
    """Each batch of the file; the gradients are of the first."""
    for i, suffix in enumerate([""] if "input/X" in arrays else ["_0", "_1", "_2"]):
        found = family.call(model, arrays, suffix)
        for name in ("total", "cls", "contra", "rgs", "vq"):
            if f"loss/{name}{suffix}" in arrays:
                case.same(f"loss {name}{suffix}", found.losses[name], arrays[f"loss/{name}{suffix}"])
        for name, output in found.outputs.items():
            if f"output/{name}{suffix}" in arrays:
                case.same(name + suffix, output, arrays[f"output/{name}{suffix}"])
        if model.training and i == 0:
            found.losses["total"].backward()
            same_gradients(case, model, arrays)
            for name in case.entry.get("parameters_without_grad", ()):
                assert model.get_parameter(name).grad is None, f"{name} has a gradient"
        same_state(case, model, group(arrays, f"after{i + 1}" if suffix else "after"))


def _steps(case: Case, model: DuinBackbone, arrays: dict[str, Tensor], family: Family) -> None:
    optimizer = torch.optim.AdamW(parameter_groups(model, family.decay), betas=(0.9, 0.999), eps=1e-8)
    rates = arrays["input/lr"].tolist()
    # zero gradients that AdamW turns into steps of +-lr by the sign of rounding noise
    loose = dict.fromkeys(case.entry.get("ill_conditioned_keys", ()), 2 * sum(rates))
    for i, rate in enumerate(rates):
        for settings in optimizer.param_groups:
            settings["lr"] = rate
        found = family.call(model, arrays, f"_{i}")
        optimizer.zero_grad()
        found.losses["total"].backward()
        optimizer.step()
        for name, loss in found.losses.items():
            if f"loss/{name}_{i}" in arrays:
                case.same(f"loss {name} of step {i}", loss, arrays[f"loss/{name}_{i}"])
        same_state(case, model, group(arrays, f"after{i + 1}"), loose)


def _stages(case: Case, model: Any, arrays: dict[str, Tensor]) -> None:
    """Of the files of evaluation: what the modules of `encode` give, and the codes."""
    expected = group(arrays, "output")
    seen: dict[str, Tensor] = {}
    if "E_time" in expected:
        _watch_stages(model, seen)
        model.encode(*_inputs(arrays, ""))
    if "codex_probs" in expected:
        found = model.quantize(*_inputs(arrays, ""))
        seen |= {"E_vq": found.tokens, "loss_vq_quantize": found.loss,
                 "codex_probs": F.one_hot(found.codes, model.codebook_size).float()}
    for name, value in seen.items():
        if name in expected:
            case.same(name, value, expected[name])


def _watch_stages(model: Any, seen: dict[str, Tensor]) -> None:
    """What the modules give next, under the names of the files."""

    def watch(module: torch.nn.Module, name: str, read: Callable[[Any], Tensor]) -> None:
        module.register_forward_hook(lambda _, __, output: seen.update({name: read(output)}))

    watch(model.subj_block, "X_h", lambda output: output.mT)
    watch(model.tokenizer, "T", lambda output: output)
    watch(model.emb_time, "E_time", lambda output: output)
    for i, block in enumerate(model.transformer.xfmr_blocks):
        watch(block, f"E_block{i}", lambda output: output.tokens)


ADAPTERS = dict.fromkeys((*FAMILIES, "poms.duin_vqvae", "poms.duin_mae", "poms.duin_cls"), whole_model)
