"""Pretraining by comparing the views of a batch: CMSC (CLOCS), SimCLR, 3KG; see `src/models/ecg_transformer`."""

from __future__ import annotations

from typing import Any

import torch

from src.data.signal import Batch
from src.errors import UserError
from src.models.layers.view_contrast import Contrast
from src.trainer.ecg_trainer import EcgPretrainer


def owners(batch: Batch, kind: str) -> torch.Tensor:
    """(B,) whose each view is: the `record`'s or the `subject`'s. UserError where records have not two views each."""
    views = batch.group
    if len(views) % 2 or bool((views[::2] != views[1::2]).any()):
        raise UserError("these data give one view of each record; this pretraining compares two",
                        "--dataset_args views=adjacent (two halves of a record) or views=same (the record twice)")
    return batch.group if kind == "record" else batch.subject


def check_subjects(trainer: Any, kind: str) -> None:
    """UserError where subjects are to be compared and some are not known."""
    if kind == "subject" and trainer.data is not None and "" in trainer.data.dataset.records.subject:
        raise UserError("the subject of some records is not known, and views of one subject are to belong together",
                        "--model_args owner=record")


def contrast(trainer: Any, embeddings: torch.Tensor, batch: Batch) -> Contrast:
    """The model's comparison of a batch whose rows are the two views of each record in turn."""
    owner = owners(batch, trainer.model.config.owner).to(embeddings.device, non_blocking=True)
    return trainer.model.contrast(embeddings, owner, torch.arange(len(owner), device=owner.device) % 2)


class ContrastiveTrainer(EcgPretrainer):
    """The loss of a batch's pairs."""

    watched = ("accuracy",)

    def __init__(self, *arguments: Any, **more: Any):
        super().__init__(*arguments, **more)
        check_subjects(self, self.model.config.owner)

    def forward_pass(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor, float]:
        """(loss, embeddings (B, D), pairs)."""
        embeddings = self.model(*self.inputs(batch))
        found = contrast(self, embeddings, batch)
        pairs = float(self.model.pairs(owners(batch, self.model.config.owner)))
        self.watch(pairs, accuracy=found.right)
        return found.loss, embeddings, pairs
