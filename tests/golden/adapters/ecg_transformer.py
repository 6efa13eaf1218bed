"""fairseq-signals' ECG transformer: layers, heads, losses of views, and the classifier with its training."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.interop.fairseq_checkpoints import backbone_config, literal, read_fairseq
from src.models.ecg_transformer.classifier import ArcFace, EcgTransformer
from src.models.ecg_transformer.weights import own_names
from src.models.layers.conv_features import ConvFeatures
from src.models.layers.encoder import Encoder
from src.models.layers.gumbel_quantizer import GumbelQuantizer
from src.models.layers.margin import ArcFaceLoss
from src.models.layers.pooling import AttentiveClassifier, nonzero_mean
from src.models.layers.positional_conv import PositionalConvolution
from src.models.layers.span_masks import span_masks
from src.models.layers.view_contrast import by_owner, cmsc
from src.options import build
from src.registry import load, model_row
from src.trainer.objectives import Asymmetric, BinaryFocal, SoftMargin
from src.trainer.optimizers import build_optimizer
from tests.golden.adapters.common import group, load_state, tensors
from tests.golden.folder import Case


# ------------------------------------------------------------------------------------------------------- common
def ours(arrays: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The arrays below `prefix/` under our names of tensors."""
    found = group(arrays, prefix)
    if any("/encoder.feature_extractor." in key for key in arrays):  # the file may store no gradient of these
        found = {"encoder.feature_extractor.": torch.empty(0), **found}
    return {name: tensor for name, tensor in own_names(found).items() if not name.endswith(".")}


def same_stored_gradients(case: Case, module: nn.Module, gradients: dict[str, Tensor]) -> None:
    found = dict(module.named_parameters())
    assert gradients
    for name, gradient in gradients.items():
        assert found[name].grad is not None, f"{name} has no gradient"
        case.same(f"gradient of {name}", found[name].grad, gradient)


def kept(mask: Tensor | None) -> Tensor | None:
    """A mask of the original, True = padding, per lead or per record -> ours."""
    if mask is None:
        return None
    return ~(mask[:, 0] if mask.dim() == 3 else mask)


def squares(case: Case, module: nn.Module, arrays: dict[str, Tensor], call) -> None:
    """Output, sum of its squares and their gradients."""
    x = arrays["input/x"].requires_grad_()
    y = call(x)
    case.same("y", y, arrays["output/y"])
    loss = y.square().sum()
    case.same("sumsq", loss, arrays["loss/sumsq"])
    loss.backward()
    case.same("the gradient of the input", x.grad, arrays["grad_input/x"])
    gradients = ours({key.replace("pos_conv.0.", "conv_pos.pos_conv.0."): tensor for key, tensor in arrays.items()},
                     "grad")
    found, tolerance = dict(module.named_parameters()), case.entry["tolerance"]
    # Sums that cancel: the gradient of a bias before a norm is 0 and stored as rounding of 1e-5. Exact numbers (in
    # double precision) miss the tolerance by as much, 6e-7 of the largest gradient.
    slack = 1e-6 * max(gradient.abs().max() for gradient in gradients.values())
    for name, gradient in gradients.items():
        torch.testing.assert_close(found[name].grad, gradient, rtol=tolerance["rtol"],
                                   atol=tolerance["atol"] + float(slack), msg=lambda text, name=name: f"{name}: {text}")


# ------------------------------------------------------------------------------------------------------- layers
def conv_features(case: Case) -> None:
    hyper, arrays = case.hyper, tensors(case)
    dims, kernels, strides = zip(*literal(hyper["conv_layers"]))
    module = ConvFeatures(hyper["in_d"], dims, kernels, strides, "layer" if hyper["mode"] == "layer_norm" else "group",
                          hyper["conv_bias"])
    load_state(module, arrays)
    squares(case, module, arrays, module)


class _Held(nn.Module):
    """The convolution where the names of a model have it."""

    def __init__(self, conv_pos: nn.Module):
        super().__init__()
        self.conv_pos = conv_pos


def positional_conv(case: Case) -> None:
    hyper, arrays = case.hyper, tensors(case)
    held = _Held(PositionalConvolution(hyper["encoder_embed_dim"], hyper["conv_pos"], hyper["conv_pos_groups"]))
    held.load_state_dict(own_names({"conv_pos." + key: tensor for key, tensor in group(arrays, "state").items()}))
    squares(case, held, arrays, held.conv_pos)
    case.same("the effective weight", held.conv_pos.weight(), arrays["output/effective_weight"])
    with torch.no_grad():
        held.eval()
        for _ in range(2):
            case.same("y, with the kept weight", held.conv_pos(arrays["input/x"]), arrays["output/y"])


def transformer_encoder(case: Case) -> None:
    hyper, arrays = case.hyper, tensors(case)
    encoder = Encoder(hyper["encoder_layers"], hyper["encoder_embed_dim"], hyper["encoder_attention_heads"],
                      hyper["encoder_ffn_embed_dim"], hyper["layer_norm_first"])
    load_state(encoder, arrays)
    x = arrays["input/x"].requires_grad_()
    rows = ~arrays["input/padding_mask"]
    keep, causal = rows[:, None, None], ~arrays["input/attn_mask"]
    tokens, weights = encoder(x, None, need_weights=True)
    case.same("x", tokens, arrays["output/x"])
    case.same("saliency", weights, arrays["output/saliency"])
    tokens, weights = encoder(x, keep, need_weights=True)
    case.same("x_pad", tokens[rows], arrays["output/x_pad"][rows])
    case.same("saliency_pad", weights.transpose(1, 2)[rows], arrays["output/saliency_pad"].transpose(1, 2)[rows])
    case.same("x_pad_causal", encoder(x, keep & causal).tokens[rows], arrays["output/x_pad_causal"][rows])
    tokens = encoder(x, keep).tokens
    case.same("x_pad_nosaliency", tokens[rows], arrays["output/x_pad_nosaliency"][rows])
    probe = (tokens * arrays["input/probe"])[rows].sum()
    case.same("probe", probe, arrays["loss/probe"])
    probe.backward()
    case.same("the gradient of x", x.grad[rows], arrays["grad_input/x"][rows])
    same_stored_gradients(case, encoder, group(arrays, "grad"))


def attentive(case: Case) -> None:
    hyper, arrays = case.hyper, tensors(case)
    head = AttentiveClassifier(hyper["embed_dim"], hyper["num_heads"], hyper["num_classes"])
    load_state(head, arrays)
    x = arrays["input/x"].requires_grad_()
    logits = head(x)
    case.same("logits", logits, arrays["output/logits"])
    loss = (logits * arrays["input/probe"]).sum()
    case.same("probe", loss, arrays["loss/probe"])
    loss.backward()
    case.same("the gradient of x", x.grad, arrays["grad_input/x"])
    same_stored_gradients(case, head, group(arrays, "grad"))


def quantizer(case: Case) -> None:
    hyper, arrays = case.hyper, tensors(case)
    module = GumbelQuantizer(hyper["dim"], hyper["vq_dim"], hyper["num_vars"], hyper["groups"], hyper["combine_groups"])
    load_state(module, arrays)
    start, floor, factor = hyper["temp"]
    temperature = max(start * factor ** hyper["num_updates"], floor)
    case.same("temp", temperature, arrays["output/temp"])
    case.same("num_vars", module.total, arrays["output/num_vars"])
    x = arrays["input/x"].requires_grad_()
    found = module.eval()(x)
    case.same("eval_x", found.tokens, arrays["output/eval_x"])
    case.same("eval_targets", found.codes, arrays["output/eval_targets"])
    found = module.train()(x, temperature, arrays["input/gumbel"])
    case.same("train_x", found.tokens, arrays["output/train_x"])
    case.same("train_targets", found.codes, arrays["output/train_targets"])
    case.same("code_perplexity", found.code_perplexity, arrays["output/code_perplexity"])
    case.same("prob_perplexity", found.prob_perplexity, arrays["output/prob_perplexity"])
    diversity = (module.total - found.prob_perplexity) / module.total
    loss = (found.tokens * arrays["input/probe"]).sum() + 0.1 * diversity
    case.same("loss", loss, arrays["loss/loss"])
    loss.backward()
    case.same("the gradient of x", x.grad, arrays["grad_input/x"])
    same_stored_gradients(case, module, group(arrays, "grad"))


def span_mask(case: Case) -> None:
    import numpy as np

    arrays = tensors(case)
    for asked in case.hyper["cases"]:
        number = asked["index"]
        padding = arrays.get(f"input/{number}/padding_mask")
        mask = span_masks(tuple(asked["shape"]), asked["mask_prob"], asked["mask_length"],
                          np.random.RandomState(asked["seed"]), kind=asked.get("mask_type", "static"),
                          other=asked.get("mask_other", 0.0), min_masks=asked.get("min_masks", 0),
                          lengths=None if padding is None else (~padding).sum(1).tolist())
        case.same(f"mask {number}", mask, arrays[f"output/{number}/mask"])


# -------------------------------------------------------------------------------------------------- views
def views(case: Case) -> None:
    arrays = tensors(case)
    if "input/frames" not in arrays:
        return  # a matter of data
    frames = arrays["input/frames"].requires_grad_()
    pooled = nonzero_mean(frames, kept(arrays["input/frame_padding_mask"]))
    case.same("pooled", pooled, arrays["output/pooled"])
    if case.kind == "cmsc":
        found = cmsc(pooled, arrays["input/patient_id"], arrays["input/segment"], case.hyper["temp"])
        loss = found.loss  # the original gives the mean and calls the pairs its sample size
    else:
        owner = arrays.get("input/patient_id", torch.arange(len(pooled)) // 2)
        found = by_owner(pooled, owner, case.hyper["temp"])
        loss = found.loss * found.pairs
        case.same("correct", found.right.double() * found.pairs, arrays["output/log_correct"])
    case.same("loss", loss, arrays["loss/loss"])
    case.same("sample_size", float(found.pairs), arrays["loss/sample_size"])
    loss.backward()
    gradients = [tensor for key, tensor in arrays.items() if key.startswith("grad")]
    case.same("the gradient of the frames", frames.grad, gradients[0])


# ------------------------------------------------------------------------------------------------ whole models
def model_config(hyper: dict[str, Any], config_class: type, **more: Any) -> Any:
    """Our configuration for the original's hyperparameters."""
    values = backbone_config(hyper) | {"encoder.dropout": 0.0, "encoder.attn_dropout": 0.0, "encoder.ff_dropout": 0.0,
                                       "features.grad_scale": hyper.get("feature_grad_mult", 1.0)}
    return build(config_class, values | more)


def classifier(case: Case) -> EcgTransformer:
    return EcgTransformer(model_config(case.hyper, EcgTransformer.Config), case.hyper["in_d"],
                          case.hyper["num_labels"]).eval()


def with_state(case: Case, arrays: dict[str, Tensor], other: str | None = None) -> dict[str, Tensor]:
    """Some files share the weights of another one."""
    if any(key.startswith("state/") for key in arrays) or other is None:
        return arrays
    shared = tensors(replace(case, entry={**case.entry, "file": other}))
    return {**{key: tensor for key, tensor in shared.items() if key.startswith("state/")}, **arrays}


SUMMED = {
    "bce": lambda x, y, _: F.binary_cross_entropy(x.sigmoid(), y, reduction="sum"),
    "bce_with_logits": lambda x, y, _: F.binary_cross_entropy_with_logits(x, y, reduction="sum"),
    "bce_with_logits_pos_weight": lambda x, y, weight: F.binary_cross_entropy_with_logits(
        x, y, pos_weight=weight, reduction="sum"),
    "mse": lambda x, y, _: F.mse_loss(x, y, reduction="sum"),
    "mse2": lambda x, y, _: F.mse_loss(x, y, reduction="sum"),
    "asymmetric": lambda x, y, _: Asymmetric()(x, y).sum(),
    "binary_focal": lambda x, y, _: BinaryFocal()(x, y).sum(),
    "mlsml": lambda x, y, _: SoftMargin()(x, y).mean(1).sum(),
}
SUMMED["binary_cross_entropy_with_logits"] = SUMMED["bce_with_logits"]


def classifier_case(case: Case) -> None:
    file = case.entry["file"]
    if file.startswith("checkpoint_"):
        checkpoint_of_classifier(case)
    elif file.startswith("finetune_"):
        finetune(case)
    elif file.startswith("linear_probe_"):
        linear_probe(case)
    elif case.entry["mode"] == "eval":
        classifier_eval(case)
    else:
        classifier_train(case)


def classifier_eval(case: Case) -> None:
    arrays, model = tensors(case), classifier(case)
    model.load_state_dict(ours(arrays, "state"))
    x, mask = arrays["input/source_padded"], kept(arrays["input/padding_mask"])
    with torch.no_grad():
        case.same("logits", model(arrays["input/source"]), arrays["output/logits"])
        case.same("encoder_out", model.encode(arrays["input/source"]).tokens, arrays["output/encoder_out"])
        case.same("saliency", model.attention_maps(arrays["input/source"]), arrays["output/saliency"])
        case.same("logits_padded", model(x, mask), arrays["output/logits_padded"])
        tokens, keep = model.encode(x, mask)
    case.same("frame_padding_mask", ~keep, arrays["output/frame_padding_mask"])
    case.same("frame_lengths", keep.sum(1), arrays["output/frame_lengths"])
    case.same("encoder_out_padded", tokens[keep], arrays["output/encoder_out_padded"][keep])


def classifier_train(case: Case) -> None:
    arrays = with_state(case, tensors(case), "ecg_transformer_classifier_train_bce_with_logits.npz")
    model = classifier(case).train()
    model.load_state_dict(ours(arrays, "state"))
    logits = model(arrays["input/source"], kept(arrays["input/padding_mask"]))
    loss = SUMMED[case.hyper.get("criterion", "bce_with_logits")](logits, arrays["input/label"],
                                                                  arrays.get("input/pos_weight"))
    case.same("loss", loss, arrays["loss/loss"])
    loss.backward()
    same_stored_gradients(case, model, ours(arrays, "grad"))


def linear_probe(case: Case) -> None:
    from src.trainer.optimizers import freeze_backbone

    criterion = SUMMED[case.hyper["criterion"]]
    arrays = with_state(case, tensors(case), "linear_probe_asymmetric.npz")
    model = classifier(case).train()
    model.load_state_dict(ours(arrays, "state"))
    freeze_backbone(model)
    loss = criterion(model(arrays["input/source"]), arrays["input/label"].float(), None)
    case.same("loss", loss, arrays["loss/loss"])
    loss.backward()
    same_stored_gradients(case, model, ours(arrays, "grad"))
    assert [name for name, p in model.named_parameters() if p.grad is not None] == ["proj.weight", "proj.bias"]


def finetune(case: Case) -> None:
    """Three updates of two micro-batches each, by --optimizer fairseq_adam."""
    arrays, model, hyper = tensors(case), classifier(case).train(), case.hyper
    model.load_state_dict(ours(arrays, "state"))
    optimizer = build_optimizer(model, Namespace(
        optimizer="fairseq_adam", lr=hyper["lr"], betas=hyper["adam_betas"], eps=hyper["adam_eps"], layer_decay=1.0,
        weight_decay=hyper["weight_decay"]))
    for update in range(3):
        summed = 0.0
        for micro in (2 * update, 2 * update + 1):
            logits = model(arrays["input/source"][micro])
            loss = F.binary_cross_entropy_with_logits(logits, arrays["input/label"][micro], reduction="sum")
            loss.backward()
            summed += loss.item()
        case.same("sum", summed, arrays["loss/sum"][update])
        with torch.no_grad():
            gradients = [p.grad.div_(arrays["loss/sample_size"][update]) for p in model.parameters()]
            norm = torch.linalg.vector_norm(torch.stack([gradient.norm() for gradient in gradients]))
            case.same("grad_norm_before_clip", norm, arrays["output/grad_norm_before_clip"][update])
            lr = hyper["lr"] * min(1.0, (update + 1) / hyper["warmup_updates"])
            case.same("lr", lr, arrays["output/lr"][update])
            torch._foreach_mul_(gradients, (hyper["clip_norm"] / (norm + 1e-6)).clamp(max=1))
        for parameters in optimizer.param_groups:
            parameters["lr"] = lr
        optimizer.step()
        model.zero_grad()
    state = model.state_dict()
    for name, tensor in own_names(group(arrays, "output/final")).items():
        case.same(name, state[name], tensor)


# -------------------------------------------------------------------------------------------------- checkpoints
def from_checkpoint(path: Path, n_heads: int | None = None) -> Any:
    """Our model with the weights of one of the original's files, strictly loaded."""
    found = read_fairseq(path, n_heads)
    model_class = load(model_row(found.model).model)
    target = TargetSpec("multilabel", tuple(f"label {k}" for k in range(found.outputs)))
    spec = SignalSpec(tuple(f"lead {lead}" for lead in range(found.channels)), 500.0, "mV", 5000)
    model = model_class.from_spec(build(model_class.Config, found.config), spec, target)
    model.load_state_dict(own_names(found.state))
    return model.eval()


def padded(arrays: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The source with zeros behind each record's length, and its mask."""
    source = arrays["input/source"]
    mask = torch.arange(source.shape[2]) < arrays["input/lengths"][:, None]
    return source * mask[:, None], mask


def checkpoint_of_classifier(case: Case) -> None:
    arrays = tensors(case)
    for name in case.hyper["files"]:  # cfg has the default of 12 heads where the file was written by the fork
        model = from_checkpoint(case.folder / name, n_heads=4 if "default_dims" in name else None)
        with torch.no_grad():
            case.same("logits", model(arrays["input/source"]), arrays["output/logits"])
            case.same("encoder_out", model.encode(arrays["input/source"]).tokens, arrays["output/encoder_out"])
            case.same("logits_padded", model(*padded(arrays)), arrays["output/logits_padded"])


def readable(case: Case) -> None:
    assert from_checkpoint(case.path, n_heads=4).dim > 0


def hostile(case: Case) -> None:
    with pytest.raises(UserError, match=r"print"):
        read_fairseq(case.path)


def arcface(case: Case) -> None:
    hyper, arrays = case.hyper, tensors(case)
    criterion = ArcFaceLoss(hyper["scale"], hyper["margin"])
    if "input/logits" in arrays:
        cosine, label = arrays["input/logits"].requires_grad_(), arrays["input/target"]
        loss = criterion(hyper["scale"] * cosine, label) * len(label)
        case.same("loss", loss, arrays["loss/loss"])
        loss.backward()
        (gradient,) = [tensor for key, tensor in arrays.items() if key.startswith("grad")]
        case.same("the gradient of the cosines", cosine.grad, gradient)
        case.same("correct", float((cosine.argmax(1) == label).sum()), arrays["output/log_correct"])
        return
    model = ArcFace(model_config(hyper, ArcFace.Config, scale=hyper["scale"], margin=hyper["margin"]),
                    hyper["in_d"], hyper["num_labels"]).train()
    model.load_state_dict(ours(arrays, "state"))
    case.same("embedding", model.embed(arrays["input/source"]), arrays["output/embedding"])
    logits = model(arrays["input/source"])
    case.same("cosine", logits / hyper["scale"], arrays["output/cosine"])
    loss = criterion(logits, arrays["input/label"]) * len(logits)
    case.same("loss", loss, arrays["loss/loss"])
    loss.backward()
    same_stored_gradients(case, model, ours(arrays, "grad"))


def who_gets_gradients(case: Case) -> None:
    """The names that get one while the encoder is frozen, and after it with convolutions that are not trained."""
    frozen, trained = case.json().values()
    state = dict.fromkeys([*trained, "encoder.feature_extractor."], torch.empty(0))
    heads = {"encoder.n_heads": 4, "encoder.d_model": 24, "encoder.d_ff": 40, "encoder.n_blocks": 2,
             "features.n_filters": (16,) * 4, "positions.kernel_size": 8, "positions.n_groups": 4}
    model = EcgTransformer(build(EcgTransformer.Config, heads | {"features.grad_scale": 0.0}), 12, 4).train()
    signal = torch.randn(2, 12, 64)
    model(signal, frozen=True).sum().backward()
    assert {name for name, p in model.named_parameters() if p.grad is not None} == set(frozen)
    model.zero_grad()
    model(signal).sum().backward()
    assert {name for name, p in model.named_parameters() if p.grad is not None} == set(own_names(state)) - {
        "feature_extractor."}


ADAPTERS = {
    **{f"checkpoint_{name}": readable for name in ("finetuned_classifier", "finetuned_default_dims",
                                                   "pretrained_parametrizations", "pretrained_weight_g")},
    "checkpoint_hostile": hostile,
    "which_params_get_grads": who_gets_gradients,
    "ConvFeatureExtraction": conv_features, "ConvPositionalEncoding": positional_conv,
    "TransformerEncoder": transformer_encoder, "GumbelVectorQuantizer": quantizer, "compute_mask_indices": span_mask,
    "AttentiveClassifier (head of ecg_transformer_attn_classifier)": attentive,
    "cmsc": views, "simclr": views, "3kg": views, "ecg_transformer_classifier": classifier_case, "arcface": arcface,
}
