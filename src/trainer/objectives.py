"""Objectives of labels beside torch's own: (scores, label) -> the loss of each item, not yet averaged.

Each is a frozen dataclass of its settings (`--loss_args key=value`); a `Criterion` of `losses` divides the sum or,
where an objective names an `axis`, that of the means along it (1: of a record, 0: of a label). Scores are logits,
(B, K) with labels (B, K) in 0..1 but for `FocalCrossEntropy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

SMALLEST, TINY = 1e-8, torch.finfo(torch.float32).tiny  # probabilities whose logarithm is still taken


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """(B, K) binary cross-entropy; the positive term of each label times `pos_weight` (K,) where it is given."""

    pos_weight: Tensor | None = None

    def __call__(self, scores: Tensor, label: Tensor) -> Tensor:
        weight = None if self.pos_weight is None else self.pos_weight.to(scores.device)
        return F.binary_cross_entropy_with_logits(scores, label, pos_weight=weight, reduction="none")


@dataclass(frozen=True)
class SquaredError:
    def __call__(self, scores: Tensor, label: Tensor) -> Tensor:
        return F.mse_loss(scores, label, reduction="none")


@dataclass(frozen=True)
class SoftMargin:
    """(B, K) binary cross-entropy, of which the mean of each record counts (torch's multi-label soft margin)."""

    axis: ClassVar[int] = 1

    def __call__(self, scores: Tensor, label: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(scores, label, reduction="none")


@dataclass(frozen=True)
class MultiHead:
    """(B, K) binary cross-entropy, of which the mean of each label (head) counts, however often it is known.

    fairseq-signals' multi_head_binary_cross_entropy: of the float32 probability, its logarithm no less than -100.
    """

    axis: ClassVar[int] = 0

    def __call__(self, scores: Tensor, label: Tensor) -> Tensor:
        chance = scores.sigmoid()
        with torch.autocast(scores.device.type, enabled=False):  # refuses what may be half precision
            losses = F.binary_cross_entropy(chance.nan_to_num(0.5), label, reduction="none")
        return losses + 0 * chance  # NaN where a score is: torch stops at probabilities out of 0..1


@dataclass(frozen=True)
class Asymmetric:
    """(B, K) asymmetric loss (Ridnik et al., ICCV 2021, equations 4 to 7): easy negatives count little or nothing."""

    gamma_neg: float = 4.0  # focusing of negatives
    gamma_pos: float = 0.0  # focusing of positives
    clip: float = 0.05  # a negative below this probability counts nothing; 0 = all count
    constant_weight: bool = False  # no gradient through the focusing weight

    def __call__(self, scores: Tensor, label: Tensor) -> Tensor:
        p = scores.sigmoid()
        q = (1 - p + self.clip).clamp(max=1)
        log = label * p.clamp(min=SMALLEST).log() + (1 - label) * q.clamp(min=SMALLEST).log()
        if not self.gamma_neg and not self.gamma_pos:
            return -log
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.constant_weight):
            focus = self.gamma_pos * label + self.gamma_neg * (1 - label)
            weight = (1 - p * label - q * (1 - label)) ** focus
        return -log * weight


@dataclass(frozen=True)
class BinaryFocal:
    """(B, K) focal loss (Lin et al., ICCV 2017, equation 5)."""

    alpha: float = 0.25  # weight of positives; negatives have 1 - alpha
    gamma: float = 2.0

    def __call__(self, scores: Tensor, label: Tensor) -> Tensor:
        p = scores.sigmoid()
        right = p * label + (1 - p) * (1 - label)
        weight = self.alpha * label + (1 - self.alpha) * (1 - label)
        return -weight * (1 - right) ** self.gamma * right.clamp(min=TINY).log()


@dataclass(frozen=True)
class FocalCrossEntropy:
    """(B, ...) focal loss of classes: scores (B, K, ...), labels (B, ...) int64; (1 - e^-l)^gamma l."""

    gamma: float = 1.0

    def __call__(self, scores: Tensor, label: Tensor) -> Tensor:
        loss = F.cross_entropy(scores, label, reduction="none")
        return (1 - (-loss).exp()) ** self.gamma * loss


OBJECTIVES = {"bce": BinaryCrossEntropy, "mse": SquaredError, "mlsml": SoftMargin, "as": Asymmetric, "bf": BinaryFocal,
              "multi_head_bce": MultiHead, "focal_ce": FocalCrossEntropy}
