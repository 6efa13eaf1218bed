"""The objectives by name. Each gives one mean over the batch; labels are as `Batch.label` holds them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from src.data.signal import TargetSpec
from src.errors import UserError

KINDS = {"ce": ("classes", "tokens", "samples"), "bce": ("multilabel",), "mse": ("value", "signal", "multilabel")}


def build_criterion(name: str | None, target: TargetSpec, label_smoothing: float = 0.0,
                    class_weights: torch.Tensor | None = None) -> nn.Module:
    """ce: cross-entropy of logits (B, K, ...) with int64 labels (B, ...); bce: binary cross-entropy of logits (B, K)
    with labels (B, K) in 0..1; mse: mean squared error."""
    name = name or target.loss
    if target.kind not in KINDS.get(name, ()):
        fits = [loss for loss, kinds in KINDS.items() if target.kind in kinds]
        raise UserError(f"--loss {name}: does not fit targets of kind {target.kind}",
                        f"for these data: --loss {' or '.join(fits)}" if fits else "")
    if label_smoothing and name != "ce":
        raise UserError(f"--label_smoothing {label_smoothing:g}: holds only with --loss ce; here it is {name}")
    if name == "ce":
        return nn.CrossEntropyLoss(weight=class_weights, label_smoothing=label_smoothing)
    if name == "bce":
        return nn.BCEWithLogitsLoss(pos_weight=class_weights)
    if class_weights is not None:
        raise UserError("--class_weights: holds only with --loss ce or bce; here it is mse")
    return nn.MSELoss()


def class_weights(labels: torch.Tensor, target: TargetSpec) -> torch.Tensor:
    """Classes: n / (K n_k), mean about 1, 0 for absent ones. Multilabel: negatives over positives, per label; of a
    label that all or none have one record counts as the exception, so that no weight is 0 or infinite."""
    if target.kind == "multilabel":
        positives = labels.sum(0).clamp(1, max(len(labels) - 1, 1))
        return ((len(labels) - positives) / positives).float()
    counts = torch.bincount(labels.flatten(), minlength=target.outputs).float()
    return torch.where(counts > 0, len(labels) / (target.outputs * counts.clamp(min=1)), 0.0)


def to_device(criterion: Any, device: torch.device) -> Any:
    """One loss, or a tuple, list or dict of losses, with their weights on the device."""
    parts = criterion.values() if isinstance(criterion, dict) else criterion
    for part in parts if isinstance(criterion, (dict, tuple, list)) else [criterion]:
        if isinstance(part, nn.Module):
            part.to(device)
    return criterion
