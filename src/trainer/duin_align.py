"""Alignment of subjects: trials of the same word are brought together. Ours; see `src/models/duin/align.py`."""

from __future__ import annotations

from typing import Any

import torch

from src.errors import UserError
from src.evaluation.retrieval import retrieve
from src.trainer.display import say
from src.trainer.duin_sections import align_sections
from src.trainer.duin_trainer import DuinTrainer


class DuinAlignTrainer(DuinTrainer):
    """The contrastive loss of a batch. Judged by retrieval: how often the nearest trial of another subject has the same
    word, beside chance; measured before the first step too."""

    def __init__(self, *arguments: Any, **more: Any):
        super().__init__(*arguments, **more)
        subjects = len(self.data.dataset.subjects) if self.data is not None else 0
        if subjects < 2:
            raise UserError(f"these data have {subjects} subject: aligning needs two or more",
                            "--dataset_args subjects=3 for the simulated data")

    def forward_pass(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """(loss, embeddings (B, E) of unit length)."""
        batch = self.on_device(batch)
        embeddings = self.model(*self.inputs(batch))
        return self.model.contrast(embeddings, batch.subject, batch.label), embeddings

    def validate_epoch(self, val_loader: Any) -> dict[str, float]:
        values = super().validate_epoch(val_loader)
        subject = self.data.dataset.records.subject[self.found.rows]  # type: ignore[union-attr]
        label = self.data.dataset.records.label[self.found.rows]  # type: ignore[union-attr]
        found = retrieve(self.found.scores, label, subject)
        return values | {"val_retrieval": found.top1, "val_retrieval_chance": found.expected}

    def _open(self) -> None:
        super()._open()
        if self.global_step == 0 and not self.is_inside_epoch:
            values = self._validate_subsets(self.val_loaders)
            self.log_metrics({"val": values}, epoch=0)
            if self.world.is_main and values:
                say(f"before    retrieval between subjects {values['retrieval']:.3f}, chance "
                    f"{values['retrieval_chance']:.3f}")

    def report_sections(self, loader: Any) -> list:
        return [*align_sections(self, loader), *super().report_sections(loader)]
