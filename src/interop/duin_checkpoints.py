"""Du-IN's own checkpoints: its parameter pickle to our options and back, and its folder of a stage.

The original keeps `<run>/model/checkpoint-<epoch>.pth`, a flat state dict, and `<run>/save/params`, a pickle of nested
attribute dictionaries. Our networks have its key names, so a state dict is read as any other (`read_state_dict`);
what belongs here is everything beside the tensors. Source: the code of Du-IN (NeurIPS 2024), its `params` folder.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from src.errors import UserError
from src.files import whole
from src.interop.pickle_writer import write_pickle
from src.interop.unpickle import read_pickle

DATASET = "seeg_he2023xuanwu"
LARGEST, MOST_BLOCKS = 1_000_000, 1000  # of a parameter that somebody else's file states
STAGES = ("vqvae", "mae", "cls", "llm", "poms_vqvae", "poms_mae", "poms_cls")
OURS_ALONE = ("vq_block.steps", "vq_block.idle")  # progress of a warm-up and of restarts: the original has neither


def _same(ours: str, theirs: str, *names: str) -> dict[str, str]:
    return {f"{ours}.{name}": f"{theirs}.{name}" for name in names}


CONVOLUTIONS = ("n_filters", "kernel_sizes", "n_strides", "dilation_rates")
TRANSFORMER = ("n_blocks", "n_heads", "d_head", "d_ff", "attn_dropout", "proj_dropout", "ff_dropout", "rot_theta",
               "res_attn", "norm_first")
ENCODER = {"n_subjects": "n_subjects", **_same("subject", "subj", "d_output", "use_bias", "use_proj"),
           "tokenizer.seg_len": "seg_len", **_same("tokenizer", "tokenizer", *CONVOLUTIONS, "use_bn", "pool_sizes"),
           **_same("encoder", "encoder", *TRANSFORMER)}
QUANTIZER = _same("quantizer", "vq", "codex_size", "d_codex", "beta", "decay", "init_kmeans")
HEAD = _same("head", "cls", "d_hidden", "dropout")
OPTIONS = {  # stage -> our option: the original's parameter below `model`
    "encoder": ENCODER,
    "vqvae": {**ENCODER, **QUANTIZER, **_same("decoder", "decoder", *TRANSFORMER),
              **_same("reconstruction", "rgs", *CONVOLUTIONS, "d_hidden")},
    "mae": {**ENCODER, **HEAD, "quantizer.codex_size": "cls.n_tokens", "mask_ratio": "mask_ratio"},
    "cls": {**ENCODER, **QUANTIZER, **HEAD, **_same("contrast", "contra", "d_contra", "loss_mode")},
    "llm": {**ENCODER, **QUANTIZER, **HEAD, "n_initials": "cls.n_initials"},
}


# ------------------------------------------------------------------------------------------------------ reading
def find_params(checkpoint: Path | str) -> Path | None:
    """The parameter pickle that lies beside `<run>/model/checkpoint-<epoch>.pth`, or None."""
    path = Path(checkpoint).parent.parent / "save" / "params"
    return path if path.is_file() else None


def read_params(path: Path | str) -> dict[str, Any]:
    """The parameters as nested plain dicts, `model` and mostly `train` among them.

    Raises UserError for other files; nothing in one is executed.
    """
    params = read_pickle(path)
    if not isinstance(params, dict) or not isinstance(params.get("model"), dict):
        raise UserError(f"{path}: holds no parameters of Du-IN: a dictionary with `model` is expected",
                        "it is the file save/params of a run")
    return params


def model_config(params: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """Our options (`--model_args`) for what `params` describe: dotted name -> value.

    `stage` is that of the parameters, or `encoder` for what all stages share, which a network of another stage needs
    to take the weights. Parameters that are not there are left out.
    """
    _check_stage(stage, OPTIONS)
    model = params["model"]
    residual = _at(model, "tokenizer.use_res")
    if any(residual) if isinstance(residual, (list, tuple)) else residual:
        raise UserError("tokenizer.use_res: the residual convolutions of the original are not built here, and its own "
                        "code cannot build them either")
    found = {ours: _at(model, theirs) for ours, theirs in OPTIONS[stage.removeprefix("poms_")].items()
             if _has(model, theirs)}
    for ours, value in found.items():
        largest = max((part for part in (value if isinstance(value, list) else [value])
                       if isinstance(part, (int, float))), default=0)
        if largest > (MOST_BLOCKS if ours.endswith("n_blocks") else LARGEST):
            raise UserError(f"{OPTIONS[stage.removeprefix('poms_')][ours]} is {largest}: no network has such a size")
    return {ours: tuple(value) if isinstance(value, list) else value for ours, value in found.items()}


def _has(values: Any, name: str) -> bool:
    for part in name.split("."):
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True


def _at(values: Any, name: str) -> Any:
    if not _has(values, name):
        return None
    for part in name.split("."):
        values = values[part]
    return values


def _check_stage(stage: str, more: Any = ()) -> None:
    if stage not in STAGES and stage not in more:
        raise UserError(f"{stage!r} is no stage of Du-IN", f"known: {', '.join(STAGES)}")


# ------------------------------------------------------------------------------------------------------ writing
def stage_folder(root: Path | str, subject: str, stage: str) -> Path:
    """pretrains/duin/<subject>/<stage> below `root`, where the original's commands look."""
    _check_stage(stage)
    if not re.fullmatch(r"[\w-]+", subject):
        raise UserError(f"{subject!r} cannot be the name of a folder", "use letters and digits, such as 001")
    return Path(root) / "pretrains" / "duin" / subject / stage.removeprefix("poms_")


def write_stage(folder: Path | str, epoch: int, state: Mapping[str, Tensor], params: Mapping[str, Any]) -> Path:
    """`<folder>/model/checkpoint-<epoch>.pth` and `<folder>/save/params`, as the original writes them; the path of the
    checkpoint. `epoch` counts from 0. Files are complete or not there."""
    path = Path(folder) / "model" / f"checkpoint-{epoch}.pth"
    write_pickle(Path(folder) / "save" / "params", dict(params))
    with whole(path) as stream:
        torch.save(original_state(state), stream)
    return path


def original_state(state: Mapping[str, Tensor]) -> OrderedDict[str, Tensor]:
    """The tensors that the original has too, on the CPU."""
    return OrderedDict((name.removeprefix("module."), tensor.detach().cpu().contiguous())
                       for name, tensor in state.items() if not name.endswith(OURS_ALONE))


def model_params(model: Any, stage: str, train: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The original's parameters of one of our Du-IN networks: the inverse of `model_config`, all sizes worked out.

    `train` holds what is known of the training: subjs, n_epochs, warmup_epochs, batch_size, lr_factors.
    """
    from src.options import flatten

    _check_stage(stage)
    given = flatten(model.config) | _sizes(model)
    params: dict[str, Any] = {"dataset": DATASET, "device": torch.device("cpu"), "precision": torch.float32,
                              "n_subjects": given["n_subjects"], "n_channels": model.channels,
                              "seq_len": model.samples, "seg_len": model.seg_len}
    params |= dict.fromkeys(("cls_loss_scale", "contra_loss_scale", "rgs_loss_scale", "vq_loss_scale"), 0.0)
    params |= {"rgs_loss_scale": 1.0, "vq_loss_scale": 1.0} if stage.endswith("vqvae") else {"cls_loss_scale": 1.0}
    for ours, theirs in OPTIONS[stage.removeprefix("poms_")].items():
        if ours in given:
            value = given[ours]
            _set(params, theirs, list(value) if isinstance(value, tuple) else value)
    for group, values in _derived(model, params, stage).items():
        params[group] = {**values, **params.get(group, {})}
    known = {"dataset": DATASET, "base": None, "local_rank": 0, "subjs": [], "precision": torch.float32,
             "use_graph_mode": False, "train_ratio": 0.8, "buffer_size": 10000, "n_samples": 5, "i_save": 5}
    return {"model": params, "train": known | dict(train or {})}


def _sizes(model: Any) -> dict[str, Any]:
    """The options that our configuration leaves open, as the network has them."""
    tokenizer = model.tokenizers[0] if hasattr(model, "tokenizers") else model.tokenizer
    names = ("n_filters", "n_strides", "kernel_sizes", "dilation_rates", "use_bn", "pool_sizes")
    found = {f"tokenizer.{name}": values for name, values in zip(names, zip(*tokenizer.blocks))}
    found |= {"tokenizer.seg_len": model.seg_len}
    found |= {f"{stack}.d_ff": getattr(model.config, stack).d_ff or 2 * model.dim
              for stack in ("encoder", "decoder") if hasattr(model.config, stack)}
    head = model.rgs_blocks[0] if hasattr(model, "rgs_blocks") else getattr(model, "rgs_block", None)
    if head is not None:
        made = [part for part in head.modules() if isinstance(part, nn.ConvTranspose1d)]
        found |= {"reconstruction.n_filters": tuple(part.out_channels for part in made),
                  "reconstruction.kernel_sizes": tuple(part.kernel_size[0] for part in made),
                  "reconstruction.n_strides": tuple(part.stride[0] for part in made),
                  "reconstruction.dilation_rates": tuple(part.dilation[0] for part in made)}
    return found


def _derived(model: Any, params: dict[str, Any], stage: str) -> dict[str, dict[str, Any]]:
    """What the original states again in each group."""
    width, tokens = model.dim, model.n_tokens
    whole = {"d_model": width, "emb_len": tokens}
    tokenizer = {"seg_len": model.seg_len, "use_res": [False] * len(params["tokenizer"]["n_filters"]),
                 "d_model": width, "token_len": tokens}
    found = {"encoder": whole, "tokenizer": tokenizer}
    if stage.startswith("poms_"):
        tokenizer["n_channels"] = model.channels
    else:
        subject = {"n_subjects": params["n_subjects"], "d_input": model.channels}
        found["subj"], d_neural = subject, params["subj"]["d_output"]
        tokenizer |= {"grad_scale": 1.0, "d_neural": d_neural}
    if "vq" in params:
        found["vq"] = {"d_model": width}
    if stage.endswith("vqvae"):
        found |= {"decoder": whole, "rgs": {**whole, "seg_len": model.seg_len}}
        if stage == "vqvae":
            found["rgs"] |= {"d_neural": d_neural}
            found["desubj"] = {"n_subjects": params["n_subjects"], "d_input": d_neural, "d_output": model.channels,
                               "use_bias": True, "use_proj": False}
        else:
            found["rgs"] |= {"n_channels": model.channels}
    if stage.endswith(("mae", "llm")):
        found["cls"] = {"d_model": width}
    if stage.endswith("cls"):
        found |= {"cls": {"d_feature": width * tokens}, "contra": {"d_model": width}}
    if stage.endswith(("cls", "llm")):
        linear = [part for part in model.head.modules() if isinstance(part, nn.Linear)][-1]
        found["cls"] |= {"n_labels" if stage.endswith("cls") else "n_finals": linear.out_features}
    return found


def _set(values: dict[str, Any], name: str, value: Any) -> None:
    *groups, last = name.split(".")
    for group in groups:
        values = values.setdefault(group, {})
    values[last] = value
