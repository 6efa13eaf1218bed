"""Contrast of two sets of embeddings within a batch: CLIP's loss and UniCL's. State-dict keys are Du-IN's."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.models.layers.init import init_linears

LossMode = Literal["unicl", "clip_orig", "clip"]
EPS = 1e-12


class ContrastiveBlock(nn.Module):
    """Linear map per token, flatten, unit length, then a symmetric cross-entropy between the two sides.

    Both sides go through `proj_z`; the original's `proj_y` is in its state dict and never used (`unused` False leaves
    it out). Modes: `unicl` targets pairs of equal label (Yang et al. 2022), `clip_orig` and `clip` the pair of the
    same row; the temperature is fixed, exp(2), exp(0.5) and 1 / 0.25.
    """

    def __init__(self, d_model: int, d_contra: int, loss_mode: LossMode = "unicl", unused: bool = True):
        super().__init__()
        self.loss_mode = loss_mode
        if loss_mode == "clip":
            self.tau = nn.Parameter(torch.tensor(0.25), requires_grad=False)
        else:
            self.t = nn.Parameter(torch.tensor(2.0 if loss_mode == "unicl" else 0.5), requires_grad=False)
        self.proj_z = nn.Sequential(nn.Linear(d_model, d_contra))
        self.proj_y = nn.Sequential(nn.Linear(d_model, d_contra)) if unused else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        init_linears(self)

    def forward(self, z: Tensor, y: Tensor, label_z: Tensor, label_y: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, D) twice and one-hot labels (B, K) twice -> loss (scalar), similarities (B, B)."""
        return self.contrast(self.embed(z), self.embed(y), label_z @ label_y.T)

    def embed(self, tokens: Tensor) -> Tensor:
        """(B, N, D) -> (B, N * d_contra) of unit length."""
        return unit(self.proj_z(tokens).flatten(1))

    def contrast(self, z: Tensor, y: Tensor, same: Tensor, compared: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Embeddings (B, E) and (M, E), `same` (B, M) 1 where the labels agree -> loss (scalar), similarities (B, M).

        The clip modes want M = B and take row i's partner to be row i, whatever `same` says. `compared` (B, M) False
        leaves a pair out of the loss (unicl only).
        """
        if self.loss_mode == "clip":
            return self._clip(z @ y.T / self.tau)
        logits = z @ y.T * self.t.exp()
        targets = same if self.loss_mode == "unicl" else torch.eye(len(z), device=z.device, dtype=z.dtype)
        if compared is not None:
            logits = logits.masked_fill(~compared, torch.finfo(logits.dtype).min)
            targets = targets * compared
        rows, columns = logits.softmax(1), logits.softmax(0)
        loss = -0.5 * ((targets * (rows + EPS).log()).sum(1).mean() + (targets * (columns + EPS).log()).sum(0).mean())
        return loss, logits

    @staticmethod
    def _clip(logits: Tensor) -> tuple[Tensor, Tensor]:
        pairs = torch.arange(len(logits), device=logits.device)
        return 0.5 * (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)), logits


def unit(vectors: Tensor) -> Tensor:
    """(..., E) -> the same directions at length 1."""
    return F.normalize(vectors, dim=-1, eps=EPS)
