"""Whose record it is: people trained on by their direction, strangers by comparing embeddings (gallery and probes)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from src.data.signal import TargetSpec
from src.data.strangers import roles_of
from src.evaluation.identification import GALLERY, identification_section, identify
from src.evaluation.predictions import Predictions
from src.evaluation.retrieval import Retrieval
from src.models.layers.margin import ArcFaceLoss
from src.trainer.ecg_trainer import EcgClassifierTrainer


class EcgArcFaceTrainer(EcgClassifierTrainer):
    """A margin between people. Parts whose records have a `role` (gallery, probe) are of strangers: their predictions
    are embeddings, and their accuracy is how often the nearest gallery record of a probe is the same person's."""

    def get_criterion(self) -> ArcFaceLoss:
        return ArcFaceLoss(self.model.config.scale, self.model.config.margin)

    def roles(self, rows: np.ndarray) -> np.ndarray | None:
        """`gallery` or `probe` for each of these rows of the data; None where their people are those trained on."""
        found = roles_of(self.data.dataset)[rows] if self.data is not None else np.zeros(0)
        return found if (found != "").any() else None

    def target_of(self, loader: Any, trained: TargetSpec) -> TargetSpec:
        rows = getattr(getattr(loader, "sampler", None), "rows", None)
        is_known = rows is None or self.roles(rows) is None
        return trained if is_known else TargetSpec("embedding")

    def forward_pass(self, batch: Any) -> tuple:
        if self.target.kind != "embedding":
            return super().forward_pass(batch)
        embedding = self.model.embed(*self.unpack(batch)[0])
        return embedding.new_zeros(()), embedding

    def gathered_loss(self, scores: torch.Tensor, labels: torch.Tensor) -> None:
        return None  # the mean over batches is that over records

    def predict(self, loader: Any) -> Predictions:
        """Of people trained on scores and labels, of strangers embeddings."""
        trained, self.target = self.target, self.target_of(loader, self.target)
        try:
            found = super().predict(loader)
            return found.without_labels() if self.target.kind == "embedding" else found
        finally:
            self.target = trained

    def identified(self, found: Predictions) -> Retrieval:
        people = self.data.dataset.records.subject[found.rows]  # type: ignore[union-attr]
        return identify(found.scores, people, self.roles(found.rows))  # type: ignore[arg-type]

    def validate_epoch(self, val_loader: Any) -> dict[str, float]:
        if self.target_of(val_loader, self.target).kind != "embedding":
            return super().validate_epoch(val_loader)
        found = self.identified(self.predict(val_loader))
        return {"val_accuracy": found.top1, "val_chance": found.expected}

    def report_sections(self, loader: Any) -> list:
        sections = super().report_sections(loader)
        if self.target_of(loader, self.target).kind != "embedding":
            return sections
        found = self.predict(loader)
        gallery = int((self.roles(found.rows) == GALLERY).sum())  # type: ignore[operator]
        return [identification_section(self.identified(found), gallery), *sections]
