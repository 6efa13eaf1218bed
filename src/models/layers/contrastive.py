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

    Both sides go through `proj_z`; the original's `proj_y` is in the state dict and never used. Modes: `unicl`
    targets pairs of equal label (Yang et al. 2022), `clip_orig` and `clip` the pair of the same row; the
    temperature is fixed, exp(2), exp(0.5) and 1 / 0.25.
    """

    def __init__(self, d_model: int, d_contra: int, loss_mode: LossMode = "unicl"):
        super().__init__()
        self.loss_mode = loss_mode
        if loss_mode == "clip":
            self.tau = nn.Parameter(torch.tensor(0.25), requires_grad=False)
        else:
            self.t = nn.Parameter(torch.tensor(2.0 if loss_mode == "unicl" else 0.5), requires_grad=False)
        self.proj_z = nn.Sequential(nn.Linear(d_model, d_contra))
        self.proj_y = nn.Sequential(nn.Linear(d_model, d_contra))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        init_linears(self)

    def forward(self, z: Tensor, y: Tensor, label_z: Tensor, label_y: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, D) twice and one-hot labels (B, K) twice -> loss (scalar), similarities (B, B)."""
        z, y = self._embed(z), self._embed(y)
        if self.loss_mode == "clip":
            return self._clip(z @ y.T / self.tau)
        logits = z @ y.T * self.t.exp()
        targets = label_z @ label_y.T if self.loss_mode == "unicl" else torch.eye(len(z), device=z.device)
        rows, columns = logits.softmax(1), logits.softmax(0)
        loss = -0.5 * ((targets * (rows + EPS).log()).sum(1).mean() + (targets * (columns + EPS).log()).sum(0).mean())
        return loss, logits

    def _embed(self, tokens: Tensor) -> Tensor:
        return F.normalize(self.proj_z(tokens).flatten(1), dim=1, eps=EPS)

    @staticmethod
    def _clip(logits: Tensor) -> tuple[Tensor, Tensor]:
        pairs = torch.arange(len(logits), device=logits.device)
        return 0.5 * (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)), logits
