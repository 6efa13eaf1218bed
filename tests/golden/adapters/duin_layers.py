"""Layers of Du-IN, alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from src.models.layers.contrastive import ContrastiveBlock
from src.models.layers.heads import LabelHead, SignalHead, TokenHead
from src.models.layers.positions import TimeEmbedding, sinusoids
from src.models.layers.quantizers import VectorQuantizer, kmeans
from src.models.layers.subject import SubjectBlock
from src.models.layers.tokenizers import PatchTokenizer, TokenizerConfig, convolutions
from src.models.layers.transformer import EncoderConfig, TransformerStack
from tests.golden.adapters.common import group, load_state, run_layer, same_gradients, same_state, tensors
from tests.golden.folder import Case


def subject_block(case: Case) -> None:
    hyper, arrays = case.hyper, tensors(case)
    block = SubjectBlock(hyper["n_subjects"], hyper["d_input"], hyper["d_output"], hyper["use_bias"], hyper["use_proj"])
    if "input/X" not in arrays:
        load_state(block, arrays)
        case.same("get_weight_i", block.channel_weights(replica=True), arrays["output/get_weight_i"])
        case.same("correct_weight_i", block.channel_weights(), arrays["output/correct_weight_i"])
        return
    run_layer(case, block, ("X", "subj_id"), lambda x, subject: {"out": block(x.mT, subject).mT})


def tokenizer_config(hyper: dict[str, Any]) -> TokenizerConfig:
    if any(hyper.get("use_res", ())):
        pytest.skip("tokenizer with residuals is not built: the original cannot run it either")
    names = ("n_filters", "n_strides", "kernel_sizes", "dilation_rates", "use_bn", "pool_sizes")
    return TokenizerConfig(hyper["seg_len"], **{name: tuple(hyper[name]) for name in names})


def patch_tokenizer(case: Case) -> None:
    hyper = case.hyper
    d_input = hyper["d_neural"] if "d_neural" in hyper else hyper["n_channels"]
    tokenizer = PatchTokenizer(d_input, hyper["seg_len"], convolutions(tokenizer_config(hyper), hyper["seg_len"]))
    run_layer(case, tokenizer, ("X",), lambda x: {"out": tokenizer(x.mT)})


def time_embedding(case: Case) -> None:
    hyper, arrays = case.hyper, tensors(case)
    if hyper.get("mode", "sincos") != "sincos":
        pytest.skip(f"time embedding {hyper['mode']} is not built yet")
    embedding = TimeEmbedding(hyper["d_model"], hyper["max_len"])
    case.same("table", embedding.time_encodings, arrays["state/time_encodings"])
    load_state(embedding, arrays)
    for name, stored in group(arrays, "output").items():
        if name.startswith("table_"):
            width, length = map(int, name.split("_")[1:])
            case.same(name, sinusoids(length, width), stored)
        else:
            case.same(name, embedding(arrays["input/emb"]), stored)


def encoder_config(hyper: dict[str, Any]) -> EncoderConfig:
    names = ("n_blocks", "n_heads", "d_head", "d_ff", "attn_dropout", "proj_dropout", "rot_theta", "res_attn",
             "norm_first")
    return EncoderConfig(**{name: hyper[name] for name in names}, ff_dropout=tuple(hyper["ff_dropout"]))


def keep_mask(arrays: dict[str, Tensor]) -> Tensor | None:
    """(N, N) and (B, N) masks True = blocked -> one that broadcasts to (B, H, N, N), True = may be seen."""
    pairs, keys = arrays.get("input/attn_mask"), arrays.get("input/key_padding_mask")
    if pairs is None and keys is None:
        return None
    pairs = torch.zeros(1, 1, dtype=torch.bool) if pairs is None else pairs
    keys = torch.zeros(1, 1, dtype=torch.bool) if keys is None else keys
    return ~(pairs if pairs.dim() == 2 else pairs[:, None]) & ~keys[:, None, None]


def transformer_stack(case: Case) -> None:
    """Twice where the file has gradients: with scores, and by the path without them that training takes."""
    keep = keep_mask(tensors(case))

    def with_scores(stack: TransformerStack, tokens: Tensor) -> dict[str, Tensor | None]:
        seen = stack.attend(tokens, keep)
        return {"emb": seen.tokens, "attn_weight": seen.weights, "attn_score": seen.scores}

    def without(stack: TransformerStack, tokens: Tensor) -> dict[str, Tensor | None]:
        with torch.no_grad():
            scores = with_scores(stack, tokens)
        return {**scores, "emb": stack(tokens, keep)}

    for way in (with_scores, without):
        stack = TransformerStack(case.hyper["d_model"], encoder_config(case.hyper))
        run_layer(case, stack, ("emb",), lambda tokens, way=way, stack=stack: way(stack, tokens))


def vector_quantizer(case: Case) -> None:
    arrays = tensors(case)
    quantizer = VectorQuantizer(**case.hyper)
    load_state(quantizer, arrays)
    first = arrays.get("input/kmeans_init_idxs")
    if "output/kmeans_samples" in arrays:
        means, sizes = kmeans(arrays["output/kmeans_samples"], case.hyper["codex_size"], first)
        case.same("kmeans_means", means, arrays["output/kmeans_means"])
        case.same("kmeans_bins", sizes, arrays["output/kmeans_bins"])
    batches = sorted(int(key.removeprefix("input/Z_")) for key in arrays if key.startswith("input/Z_"))
    for i in batches:
        quantizer.train(i != batches[-1])  # the last one is in eval mode
        _quantize_one(case, quantizer, arrays, i, first)


def _quantize_one(case: Case, quantizer: VectorQuantizer, arrays: dict[str, Tensor], i: int, first) -> None:
    tokens = arrays[f"input/Z_{i}"].requires_grad_()
    quantizer.zero_grad()
    found = quantizer(tokens, first)
    (found.tokens.square().sum() + 3 * found.loss).backward()
    case.same(f"Z_q_{i}", found.tokens, arrays[f"output/Z_q_{i}"])
    case.same(f"codes {i}", found.codes, arrays[f"output/codex_idxs_{i}"])
    case.same(f"vq loss {i}", found.loss, arrays[f"loss/vq_{i}"])
    case.same(f"gradient of batch {i}", tokens.grad, arrays[f"grad_input/Z_{i}"])
    if i == 0:
        same_gradients(case, quantizer, arrays)
    same_state(case, quantizer, group(arrays, f"after{i + 1}"))


def contrastive_block(case: Case) -> None:
    block = ContrastiveBlock(**case.hyper)

    def call(*inputs: Tensor) -> dict[str, Tensor]:
        loss, similarities = block(*inputs)
        stored = similarities.exp() if case.hyper["loss_mode"] == "clip" else similarities  # what the original returns
        return {"loss": loss, "prob_matrix": stored}

    run_layer(case, block, ("Z", "Y", "label_z", "label_y"), call)


def label_head(case: Case) -> None:
    hyper = case.hyper
    head = LabelHead(hyper["d_feature"], hyper["n_labels"], tuple(hyper["d_hidden"]), hyper["dropout"], sigmoid=True)
    run_layer(case, head, ("E",), lambda tokens: {"out": head(tokens)})


def token_head(case: Case) -> None:
    hyper = case.hyper
    outputs = next(hyper[name] for name in ("n_tokens", "d_llm", "n_words") if name in hyper)
    head = TokenHead(hyper["d_model"], outputs, tuple(hyper["d_hidden"]), hyper["dropout"])
    run_layer(case, head, ("E",), lambda tokens: {"out": head(tokens)}, rename=("rgs_head", "cls_head"))


def signal_head(case: Case) -> None:
    hyper = case.hyper
    lists = {name: tuple(hyper[name])
             for name in ("n_filters", "kernel_sizes", "n_strides", "dilation_rates", "d_hidden")}
    head = SignalHead(hyper["d_model"], d_output=hyper["d_neural"], **lists)
    run_layer(case, head, ("E",), lambda tokens: {"out": head(tokens).mT})


ADAPTERS = {
    "SubjectBlock": subject_block, "PatchTokenizer": patch_tokenizer, "TimeEmbedding": time_embedding,
    "TransformerStack": transformer_stack, "LaBraMVectorQuantizer": vector_quantizer,
    "ContrastiveBlock": contrastive_block, "LabelCLSHead": label_head, "TokenCLSHead": token_head,
    "LLMRGSHead": token_head, "LLMCLSHead": token_head, "TimeRGSHead": signal_head,
}
