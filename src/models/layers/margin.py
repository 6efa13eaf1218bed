"""Classes as directions: cosine logits and the loss that asks for a margin (ArcFace, Deng et al. 2019)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ArcFaceLoss(nn.Module):
    """Cross-entropy after the angle to the own class was widened by `margin` radians.

    Takes logits `scale` * cosine (B, K) and classes (B,); gives the mean. Where the widened angle would pass pi, the
    cosine falls by margin * sin(margin) instead.
    """

    def __init__(self, scale: float = 32.0, margin: float = 0.5):
        super().__init__()
        self.scale, self.margin = scale, margin

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        logits = logits.float()
        cosine = logits.gather(1, label[:, None]) / self.scale
        sine = (1 - cosine.square()).clamp(min=0).sqrt()
        widened = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        fallen = cosine - self.margin * math.sin(self.margin)
        own = torch.where(cosine > math.cos(math.pi - self.margin), widened, fallen)
        return F.cross_entropy(logits.scatter(1, label[:, None], self.scale * own), label)


def cosine_logits(embedding: Tensor, kernel: Tensor, scale: float) -> Tensor:
    """Embeddings (B, D) of unit length, directions of the classes (K, D) of any length -> (B, K)."""
    return scale * (embedding @ F.normalize(kernel, dim=1).mT).clamp(-1, 1)
