"""Du-IN's phoneme model: the initial and the final that are spoken in each token."""

from __future__ import annotations

from typing import Any

import torch

from src.data.signal import Batch
from src.errors import UserError
from src.evaluation.summaries import IGNORED, summarize_tokens
from src.models.duin.llm import token_loss
from src.trainer.duin_sections import llm_sections
from src.trainer.duin_trainer import DuinTrainer

FIELDS = ("initials", "finals", "token_mask")
MOVING = ("shift", "time_mask")


class DuinLlmTrainer(DuinTrainer):
    """The mean cross-entropies of both heads over the tokens in which something is spoken; in the replica the finals'
    alone. Scores are the finals', with the accuracy of the initials beside them."""

    def __init__(self, *arguments: Any, **more: Any):
        super().__init__(*arguments, **more)
        moving = [text for text in self.args.augmentation if text.startswith(MOVING)]
        if moving:
            raise UserError(f"--augmentation {moving[0]}: moves the signal away from its phonemes",
                            "noise, scale and channel_dropout leave time alone")
        self.hits = torch.zeros(2, dtype=torch.float64)  # of the initials: right, counted

    def forward_pass(self, batch: Any) -> tuple[Any, torch.Tensor, float]:
        """(losses, logits of the finals (B, N, K), tokens that count); in evaluation what `summarize_tokens` keeps."""
        moved = self.on_device(batch)
        initials, finals, mask = (moved.field(name) for name in FIELDS)
        logits = self.model(*self.inputs(moved))
        self._check_tokens(logits["finals"], moved)
        losses = {"finals": token_loss(logits["finals"], finals, mask)}
        if not self.model.config.replica:
            losses["initials"] = token_loss(logits["initials"], initials, mask)
        counted = max(1.0, float(mask.sum()))
        if self.model.training:
            return losses, logits["finals"], counted
        right = (logits["initials"].argmax(-1) == initials) & mask
        self.hits += torch.stack([right.sum(), mask.sum()]).cpu()
        batch.label = torch.where(mask, finals, IGNORED)
        return losses, summarize_tokens(logits["finals"], batch.label), counted

    def _check_tokens(self, logits: torch.Tensor, batch: Batch) -> None:
        found = batch.field("finals").shape[1]
        if logits.shape[1] != found:
            raise UserError(f"the data label {found} tokens of a trial, the model makes {logits.shape[1]}",
                            f"--model_args tokenizer.seg_len={batch.signal.shape[2] // found}")

    def validate_epoch(self, val_loader: Any) -> dict[str, float]:
        self.hits.zero_()
        values = super().validate_epoch(val_loader)
        right, counted = self.world.sum(*self.hits.tolist())
        return values | {"val_initials_accuracy": right / max(1.0, counted)}

    def report_sections(self, loader: Any) -> list:
        return [*llm_sections(self, loader), *super().report_sections(loader)]
