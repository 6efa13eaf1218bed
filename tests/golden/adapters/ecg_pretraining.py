"""fairseq-signals' pretraining: wav2vec 2.0 and with CMSC, every draw stored, all gradients of the summed loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from src.models.ecg_transformer.contrastive import Wav2vec2Cmsc
from src.models.ecg_transformer.wav2vec2 import Draws, Pretrained, Wav2vec2
from src.models.layers.pooling import nonzero_mean
from tests.golden.adapters.common import tensors
from tests.golden.adapters.ecg_transformer import (
    from_checkpoint,
    kept,
    model_config,
    ours,
    padded,
    same_stored_gradients,
)
from tests.golden.folder import Case


def pretrain(case: Case) -> None:
    if case.entry["file"].startswith("checkpoint_"):
        checkpoint(case)
        return
    hyper, arrays = case.hyper, tensors(case)
    model = build_model(case)
    model.load_state_dict(ours(arrays, "state"))
    model.train()
    found = model.pretrain(arrays["input/source"], kept(arrays.get("input/padding_mask")),
                           updates=hyper["num_updates"], draws=draws_of(arrays, hyper))
    _same_outputs(case, model, found, arrays)
    losses = _losses(case, model, found, arrays)
    for number, loss in enumerate(losses):
        case.same(f"loss_{number}", loss, arrays[f"loss/loss_{number}"])
    total = torch.stack([loss.float() for loss in losses]).sum()
    case.same("loss", total, arrays["loss/loss"])
    total.backward()
    same_stored_gradients(case, model, ours(arrays, "grad"))


def checkpoint(case: Case) -> None:
    """Nothing hidden, evaluation mode; of padded records what is no padding."""
    arrays = tensors(case)
    for name in case.hyper["files"]:
        model, source = from_checkpoint(case.folder / name), arrays["input/source"]
        with torch.no_grad():
            case.same("x", model.encode(source).tokens, arrays["output/x"])
            features = model.layer_norm(model.extract(source).mT)
            case.same("conv_features", features, arrays["output/conv_features"])
            case.same("code_index", model.quantizer(features).codes, arrays["output/code_index"])
            tokens, keep = model.encode(*padded(arrays))
            case.same("frame_padding_mask", ~keep, arrays["output/frame_padding_mask"])
            case.same("x_padded", tokens[keep], arrays["output/x_padded"][keep])
            case.same("pooled_padded", model(*padded(arrays)), arrays["output/pooled_padded"])


def build_model(case: Case) -> Any:
    hyper, model_class = case.hyper, {"wav2vec2": Wav2vec2, "wav2vec2_cmsc": Wav2vec2Cmsc}[case.kind]
    weights = hyper["loss_weights"]
    more = {"mask.ratio": hyper["mask_prob"], "mask.length": hyper["mask_length"],
            "quantizer.enabled": hyper["quantize_targets"], "quantizer.n_codes": hyper["latent_vars"],
            "quantizer.n_groups": hyper["latent_groups"], "quantizer.temperature": hyper["latent_temp"],
            "contrast.d_output": hyper["final_dim"], "contrast.n_negatives": hyper["num_negatives"],
            "contrast.n_cross_negatives": hyper["cross_sample_negatives"],
            "contrast.n_code_negatives": hyper["codebook_negatives"], "contrast.temperature": hyper["logit_temp"],
            "contrast.target_glu": hyper["target_glu"], "penalty_weight": weights[-1]}
    more |= {"diversity_weight": weights[0]} if len(weights) > 1 else {}
    return model_class(model_config(hyper, model_class.Config, **more), hyper["in_d"])


def draws_of(arrays: dict[str, Tensor], hyper: dict[str, Any]) -> Draws:
    mask = arrays["input/mask_indices"]
    shape = (len(mask), int(mask[0].sum()), -1)
    codes = arrays.get("input/codebook_negative_index")
    if codes is not None:
        codes = codes.view(hyper["codebook_negatives"], *shape[:2])
    return Draws(mask=mask, noise=arrays.get("input/gumbel"), negatives=arrays["input/negative_index"].view(shape),
                 code_negatives=codes)


def _same_outputs(case: Case, model: Any, found: Pretrained, arrays: dict[str, Tensor]) -> None:
    case.same("logits", found.logits.transpose(0, 1).flatten(0, 1), arrays["output/logits"])
    case.same("features_pen", found.penalty, arrays["output/features_pen"])
    if "output/frame_padding_mask" in arrays:
        case.same("frame_padding_mask", ~found.frames.keep, arrays["output/frame_padding_mask"])
    case.same("sample_size", float(found.hidden), arrays["loss/sample_size"])
    case.same("correct", found.accuracy().double() * found.hidden, arrays["loss/correct"])
    if found.diversity is not None:
        case.same("prob_perplexity", found.prob_perplexity, arrays["loss/prob_perplexity"])
        case.same("code_perplexity", found.code_perplexity, arrays["loss/code_perplexity"])
        case.same("temp", model.temperature(case.hyper["num_updates"]), arrays["loss/temp"])


def _losses(case: Case, model: Any, found: Pretrained, arrays: dict[str, Tensor]) -> list[Tensor]:
    """The original's parts: sums over the hidden frames."""
    config, parts = model.config, [found.info_nce()]
    if found.diversity is not None:
        parts.append(config.diversity_weight * found.diversity)
    parts.append(config.penalty_weight * found.penalty)
    if case.kind == "wav2vec2_cmsc":
        pooled = nonzero_mean(*found.frames)
        case.same("pooled", pooled, arrays["output/pooled"])
        parts.append(model.contrast(pooled, arrays["input/patient_id"], arrays["input/segment"]).loss)
    return [found.hidden * part for part in parts]


ADAPTERS = {"wav2vec2": pretrain, "wav2vec2_cmsc": pretrain}
