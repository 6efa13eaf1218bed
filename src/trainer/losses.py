"""The objectives by name. Each gives one mean over the batch; labels are as `Batch.label` holds them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from src.data.signal import TargetSpec
from src.errors import UserError
from src.options import build, key_values, leaves
from src.trainer.objectives import OBJECTIVES, BinaryCrossEntropy

CLASSES, SEVERAL = ("classes", "tokens", "samples"), ("multilabel",)
KINDS = {"ce": CLASSES, "bce": SEVERAL, "mse": ("value", "signal", "multilabel"), "as": SEVERAL, "bf": SEVERAL,
         "mlsml": SEVERAL, "multi_head_bce": SEVERAL, "focal_ce": CLASSES}
LARGEST_FILE = 1 << 20  # bytes of a pos_weight.txt


class Criterion(nn.Module):
    """The sum of `objective`'s items over their number, or (`positives`) over the number of positive labels.

    A label counts as positive by its whole part, as in DeepECG-SSL; a batch without any is divided by 1. `partial`:
    labels may be NaN, unknown, and are then no items; a batch without a known label has the loss 0.
    """

    def __init__(self, objective: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], positives: bool = False,
                 partial: bool = False):
        super().__init__()
        self.objective, self.positives, self.partial = objective, positives, partial
        self.axis: int | None = getattr(objective, "axis", None)

    def forward(self, scores: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        scores = scores.float()
        label = label.to(scores.dtype) if label.shape == scores.shape else label
        if self.partial:
            return self._of_known(scores, label)
        losses = self.objective(scores, label)
        losses = losses if self.axis is None else losses.mean(self.axis)
        return losses.sum() / (self.weight(label) if self.positives else losses.numel())

    def _of_known(self, scores: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        known = ~label.isnan()
        losses = self.objective(scores, label.nan_to_num(0.0)).where(known, 0.0)
        if self.axis is not None:
            count = known.sum(self.axis)
            losses, known = losses.sum(self.axis) / count.clamp(min=1), count > 0
        return losses.sum() / (self.weight(label) if self.positives else known.sum().clamp(min=1))

    @property
    def is_weighed(self) -> bool:
        """Whether batches of equal size may count differently."""
        return self.positives or self.partial or self.axis == 0

    def weight(self, label: torch.Tensor) -> float:
        """By which micro-batches and ranks are weighed: positive labels, batches where the mean is of labels (there the
        sample size of fairseq-signals is 1), else records, of which a part of the labels counts as that part."""
        if self.positives:
            return max(float(label.nan_to_num(0.0).long().sum()), 1.0)
        known = ~label.isnan()
        if self.axis is not None:
            known = known.any(self.axis)
        return float(known.any()) if self.axis == 0 else float(known.sum()) * len(label) / max(known.numel(), 1)


def build_criterion(name: str | None, target: TargetSpec, label_smoothing: float = 0.0,
                    class_weights: torch.Tensor | None = None, *, pos_weight: Sequence[str] = (),
                    loss_args: Sequence[str] = (), sample_size: str = "elements", partial: bool = False) -> nn.Module:
    """ce: cross-entropy of logits (B, K, ...) with int64 labels (B, ...); bce: binary cross-entropy of logits (B, K)
    with labels (B, K) in 0..1; mse: mean squared error; as, bf, mlsml, multi_head_bce, focal_ce: see `objectives`.
    `partial`: some of several labels may be NaN, unknown."""
    name = name or target.loss
    _check_kind(name, target)
    if label_smoothing and name != "ce":
        raise UserError(f"--label_smoothing {label_smoothing:g}: holds only with --loss ce; here it is {name}")
    if class_weights is not None and name not in ("ce", "bce"):
        raise UserError(f"--class_weights: holds only with --loss ce or bce; here it is {name}")
    if pos_weight:
        class_weights = _checked_weights(pos_weight, name, target, class_weights)
    positives = sample_size == "positives"
    if positives and target.kind not in ("multilabel", "value"):
        raise UserError(f"--sample_size positives: holds for several labels per record; the labels of these data are "
                        f"{target.kind}", "leave it out")
    if positives and name == "multi_head_bce":
        raise UserError("--sample_size positives: --loss multi_head_bce is the mean of its labels", "leave it out")
    settings = key_values(list(loss_args))
    if name == "ce" and not settings:
        return nn.CrossEntropyLoss(weight=class_weights, label_smoothing=label_smoothing)
    if name == "bce" and not settings:
        return Criterion(BinaryCrossEntropy(class_weights), positives, partial) if positives or partial else \
            nn.BCEWithLogitsLoss(pos_weight=class_weights)
    if name == "mse" and not (positives or partial or settings):
        return nn.MSELoss()
    return Criterion(_objective(name, settings), positives, partial)


def _check_kind(name: str, target: TargetSpec) -> None:
    if target.kind not in KINDS.get(name, ()):
        fits = [loss for loss, kinds in KINDS.items() if target.kind in kinds]
        raise UserError(f"--loss {name}: does not fit targets of kind {target.kind}",
                        f"for these data: --loss {' or '.join(fits)}" if fits else "")


def _objective(name: str, settings: dict[str, Any]) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    kind = OBJECTIVES.get(name)
    if settings and (kind is None or name == "bce" or not leaves(kind)):
        raise UserError(f"--loss_args {' '.join(settings)}: --loss {name} has no settings",
                        "those that have: as, bf, focal_ce")
    return build(OBJECTIVES[name], settings, "loss option")


def _checked_weights(words: Sequence[str], name: str, target: TargetSpec, others: torch.Tensor | None) -> torch.Tensor:
    if name != "bce":
        raise UserError(f"--pos_weight: holds only with --loss bce; here it is {name}", "leave it out")
    if others is not None:
        raise UserError("--pos_weight: weights the positives as --class_weights does", "choose one of them")
    weights = read_pos_weight(words)
    if len(weights) != target.outputs:
        raise UserError(f"--pos_weight: {len(weights)} weights for {target.outputs} labels",
                        f"one for each of {', '.join(target.names[:8])}{' ...' if target.outputs > 8 else ''}")
    return torch.tensor(weights)


def read_pos_weight(words: Sequence[str]) -> list[float]:
    """Weights as numbers, or the one file that holds them; with or without brackets and commas: 1 2, 1,2, [1,2]."""
    text = " ".join(words)
    if len(words) == 1 and Path(words[0]).is_file():
        path = Path(words[0])
        if path.stat().st_size > LARGEST_FILE:
            raise UserError(f"--pos_weight {path}: {path.stat().st_size} bytes are too many for a list of weights")
        text = path.read_text(encoding="utf8", errors="replace")
    parts = [part for part in re.split(r"[\s,]+", text.strip().strip("[]()").strip()) if part]
    try:
        weights = [float(part) for part in parts]
    except ValueError:
        raise UserError(f"--pos_weight {text[:60]!r}: neither numbers nor a file of numbers",
                        "for instance --pos_weight 1.5 4.2, or pos_weight.txt with the line [1.5,4.2]") from None
    if not weights or not all(0 < weight < float("inf") for weight in weights):
        raise UserError(f"--pos_weight {text[:60]!r}: the weights must be finite numbers above 0",
                        "a label that no training record has cannot be weighed: leave it out of the labels")
    return weights


def class_weights(labels: torch.Tensor, target: TargetSpec) -> torch.Tensor:
    """Classes: n / (K n_k), mean about 1, 0 for absent ones. Multilabel: negatives over positives of the records where
    the label is known; of a label that all or none have one record counts as the exception, so that no weight is 0 or
    infinite."""
    if target.kind == "multilabel":
        known = (~labels.isnan()).sum(0).clamp(min=2)
        positives = labels.nansum(0).clamp(min=1).minimum(known - 1)
        return ((known - positives) / positives).float()
    counts = torch.bincount(labels.flatten(), minlength=target.outputs).float()
    return torch.where(counts > 0, len(labels) / (target.outputs * counts.clamp(min=1)), 0.0)


def to_device(criterion: Any, device: torch.device) -> Any:
    """One loss, or a tuple, list or dict of losses, with their weights on the device."""
    parts = criterion.values() if isinstance(criterion, dict) else criterion
    for part in parts if isinstance(criterion, (dict, tuple, list)) else [criterion]:
        if isinstance(part, nn.Module):
            part.to(device)
    return criterion
