"""Parameter groups (no decay on norms and biases, layer-wise rates) and torch's optimizers, fused where they can be."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import nn

from src.errors import UserError
from src.models.layers.lora import lora_parameters


def freeze(model: Any, what: str) -> None:
    """--freeze: `backbone` trains the head alone, `lora` the head and low-rank updates of the rest, `all_but_subject`
    what each subject has for itself."""
    if what != "lora" and any(True for _ in lora_parameters(model)):
        raise UserError("lora.rank: low-rank updates are for a network that is frozen", "--freeze lora")
    if what == "lora":
        freeze_all_but_lora(model)
    elif what == "backbone":
        freeze_backbone(model)
    elif what == "all_but_subject":
        freeze_all_but_subject(model)


def freeze_all_but_subject(model: Any) -> None:
    """The whole model stays in evaluation mode, so that dropout is off and no batch norm moves its statistics."""
    parts = model.subject_parts() if hasattr(model, "subject_parts") else []
    if not parts:
        raise UserError(f"--freeze all_but_subject: {type(model).__name__} has nothing that belongs to one subject",
                        "models that have: duin_cls, poms_cls and their family")
    model.requires_grad_(False).eval()
    model.train = lambda mode=True: model
    for part in parts:
        part.requires_grad_(True)


def freeze_all_but_lora(model: Any) -> None:
    """The backbone keeps its weights; their low-rank updates and the head learn, with dropout as ever."""
    updates = list(lora_parameters(model))
    if not updates:
        raise UserError(f"--freeze lora: {type(model).__name__} has no low-rank updates",
                        "--model ecg_transformer or arcface, with --model_args lora.rank=8")
    for part in model.backbone():
        part.requires_grad_(False)
    for parameter in updates:
        parameter.requires_grad_(True)


def freeze_backbone(model: Any) -> None:
    """Train the head alone: the backbone keeps its weights and stays in evaluation mode."""
    for part in model.backbone():
        part.requires_grad_(False).eval()
        part.train = lambda mode=True, part=part: part  # model.train() must not wake its norms and dropouts


def parameter_groups(model: nn.Module, weight_decay: float, layer_decay: float = 1.0, decay_all: bool = False
                     ) -> list[dict[str, Any]]:
    """Trainable parameters by (depth, decay), in order of first appearance, each with `names` and `lr_scale`.

    No decay for tensors of at most one axis and for names that end in `.bias`, unless `decay_all`. `layer_decay` < 1
    multiplies the rate of a layer by layer_decay ** (layers above it), with the model's own `layer_depths()` (BEiT, Bao
    et al. 2021).
    """
    depths = model.layer_depths() if layer_decay < 1 and hasattr(model, "layer_depths") else {}
    top = max(depths.values(), default=0)
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        decays = decay_all or (parameter.dim() > 1 and not name.endswith(".bias"))
        depth = depths.get(name, top)
        group = groups.setdefault((depth, decays), {
            "params": [], "names": [], "weight_decay": weight_decay if decays else 0.0,
            "lr_scale": layer_decay ** (top - depth)})
        group["params"].append(parameter)
        group["names"].append(name)
    if not groups:
        raise UserError("no parameter of the model is trainable", "check --freeze")
    return list(groups.values())


class FairseqAdam(torch.optim.AdamW):
    """fairseq's Adam: AdamW whose eps is added before the bias of the second moment is corrected.

    That is AdamW with eps / sqrt(1 - beta2^t) at update t, so torch's own fused step does the work.
    """

    def __init__(self, params: Any, *, fused: bool | None = None, **options: Any):
        super().__init__(params, fused=fused, **options)
        self._step_supports_amp_scaling = False  # an update that the scaler leaves out must not count
        for group in self.param_groups:
            group["fairseq_eps"] = group["eps"]
            group.setdefault("updates", 0)

    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            group["updates"] += 1
            group["eps"] = group["fairseq_eps"] / (1 - group["betas"][1] ** group["updates"]) ** 0.5
        return super().step(closure)


def build_optimizer(model: nn.Module, args) -> torch.optim.Optimizer:
    """The optimizer that the flags name, over the model's parameter groups."""
    groups = parameter_groups(model, args.weight_decay, args.layer_decay, args.optimizer == "fairseq_adam")
    classes = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "nadam": torch.optim.NAdam, "sgd": torch.optim.SGD,
               "fairseq_adam": FairseqAdam}
    kind = classes[args.optimizer]
    options: dict[str, Any] = {"lr": args.lr, "weight_decay": 0.0}
    options |= {"momentum": args.momentum} if args.optimizer == "sgd" else {"betas": tuple(args.betas), "eps": args.eps}
    if args.optimizer == "nadam":
        options["decoupled_weight_decay"] = True
    if args.optimizer == "adam":
        kind, options = torch.optim.Adam, options  # coupled (L2) decay, as Adam is known
    if "fused" in inspect.signature(kind).parameters and _can_fuse(model):
        options["fused"] = True
    return kind(groups, **options)


def _can_fuse(model: nn.Module) -> bool:
    trainable = [p for p in model.parameters() if p.requires_grad]
    return all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in trainable)
