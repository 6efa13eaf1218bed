"""Contrast of the views of a batch with each other: SimCLR, 3KG, CMSC (CLOCS).

Embeddings are divided by their norm, through which no gradient flows, as in fairseq-signals; temperatures are the
published 0.1.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

EPS = 1e-8


class Contrast(NamedTuple):
    """The mean `loss` over `pairs` of views that belong together, and the share of `right` ones."""

    loss: Tensor
    pairs: Tensor | int
    right: Tensor


def detached_unit(embeddings: Tensor) -> Tensor:
    """(B, D) -> the same directions at length 1; the length is a constant to the gradient."""
    embeddings = embeddings.float()
    return embeddings / embeddings.detach().norm(dim=1, keepdim=True).clamp(min=EPS)


def cmsc(embeddings: Tensor, owner: Tensor, segment: Tensor, temperature: float = 0.1) -> Contrast:
    """Adjacent segments of one record (CLOCS, Kiyasseh et al. 2021): (B, D), (B,) whose they are, (B,) 0 or 1.

    The mean over all pairs of equal owner of the cross-entropies along rows and along columns, halved.
    """
    unit = detached_unit(embeddings)
    first, second = segment == 0, segment == 1
    scores = unit[first] @ unit[second].mT / temperature
    same = owner[first][:, None] == owner[second]
    losses = -scores.log_softmax(1) - scores.log_softmax(0)
    right = same.gather(1, scores.argmax(1, keepdim=True)).float().mean()
    return Contrast(0.5 * (losses * same).sum() / same.sum().clamp(min=1), same.sum(), right)


def by_owner(embeddings: Tensor, owner: Tensor, temperature: float = 0.1) -> Contrast:
    """Every pair of views of one owner against the views of all others: (B, D), (B,) int64.

    With two views of each owner this is SimCLR's loss (Chen et al. 2020, equation 1); with more it is 3KG's (Gopal et
    al. 2021), where a pair is not compared with further views of its owner.
    """
    unit = detached_unit(embeddings)
    scores = unit @ unit.mT / temperature
    same = owner[:, None] == owner
    others = scores.masked_fill(same, torch.finfo(scores.dtype).min)  # finite: one owner alone has a gradient of 0
    losses = torch.logaddexp(scores, others.logsumexp(1, keepdim=True)) - scores
    pairs = same & ~torch.eye(len(owner), dtype=torch.bool, device=owner.device)
    count = pairs.sum()
    losses = torch.where(pairs, losses, 0.0)
    right = ((scores > others.amax(1, keepdim=True)) & pairs).sum() / count.clamp(min=1)
    return Contrast(losses.sum() / count.clamp(min=1), count, right)
