"""Du-IN's second stage: the codes of hidden tokens, predicted from the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from src.evaluation.codebook import entropy
from src.evaluation.summaries import summarize_tokens
from src.trainer.duin_codes import FrozenCodes
from src.trainer.duin_sections import mae_sections
from src.trainer.duin_trainer import DuinTrainer, ReplicaSelection

MASK = 7  # stream of the random numbers of evaluation's masks


class DuinMaeTrainer(ReplicaSelection, DuinTrainer):
    """Cross-entropy of the codes that the frozen VQ-VAE gives to the same crop.

    The entropy of the codes' histogram stands beside the loss: a loss that is not clearly below it has learnt nothing
    but how often each code occurs. What is hidden in evaluation is fixed by the record (the original draws it anew).
    """

    shown = ("code_entropy",)

    def __init__(self, *arguments: Any, vqvae: FrozenCodes, **more: Any):
        self.vqvae = vqvae
        super().__init__(*arguments, **more)
        self.histogram = torch.zeros(vqvae.size, dtype=torch.float64)

    def companions(self) -> dict[str, nn.Module]:
        return {"vqvae": self.vqvae}

    def forward_pass(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """(loss, logits (B, N, K)); in evaluation what `summarize_tokens` keeps of them, and the codes as labels."""
        moved = self.on_device(batch)
        codes = self.vqvae(moved.signal, moved.subject)
        noise = None
        if not (self.model.training or self.model.config.replica):
            noise = mask_noise(moved.index, codes.shape[1])
        logits = self.model(moved.signal, moved.subject, noise)
        loss = F.cross_entropy(logits.flatten(0, 1), codes.flatten())
        used = torch.bincount(codes.flatten(), minlength=self.vqvae.size)
        if self.model.training:
            self.vqvae.used += used
            return loss, logits
        self.histogram += used.cpu()
        batch.label = codes
        return loss, summarize_tokens(logits, codes)

    def train_epoch(self, train_loader: Any) -> dict[str, float]:
        if self.feed.place == 0:
            self.vqvae.used.zero_()
        return super().train_epoch(train_loader)

    def _read_meter(self) -> dict[str, float]:
        return super()._read_meter() | _entropy(self.vqvae.used)

    def validate_epoch(self, val_loader: Any) -> dict[str, float]:
        self.histogram.zero_()
        values = super().validate_epoch(val_loader)
        counts = torch.tensor(self.world.sum(*self.histogram.tolist()), dtype=torch.float64)
        values |= {f"val_{name}": value for name, value in _entropy(counts).items()}
        said, codes = self.found.scores[..., 1], self.found.labels
        return values | self.per_subject("accuracy", (said == codes).mean(1))

    def report_sections(self, loader: Any) -> list:
        return [*mae_sections(self, loader), *super().report_sections(loader)]



def mask_noise(index: torch.Tensor, tokens: int) -> torch.Tensor:
    """Records (B,) -> (B, N) uniform numbers, always the same for a record."""
    drawn = [np.random.default_rng([MASK, row]).random(tokens, dtype=np.float32) for row in index.tolist()]
    return torch.from_numpy(np.stack(drawn)).to(index.device)


def _entropy(counts: torch.Tensor) -> dict[str, float]:
    """In nats; nothing where no code was counted."""
    return {"code_entropy": float(entropy(counts.cpu().numpy()))} if counts.sum() else {}
