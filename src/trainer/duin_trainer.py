"""Du-IN's trainers."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from src.trainer.main_trainer import MainTrainer


class DuinClassifierTrainer(MainTrainer):
    """Word classification. The replica computes the original's losses, the contrastive one with its weight of 0."""

    def forward_pass(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        if not (self.model.training and self.model.config.replica):
            return super().forward_pass(batch)
        inputs, label = self.unpack(batch)
        one_hot = F.one_hot(label, self.target.outputs).float()
        predictions, losses = self.model.replica_losses(*inputs, one_hot)
        self.log("loss_contra", losses["contra"].detach())
        return losses["total"], predictions
