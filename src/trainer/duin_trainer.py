"""What Du-IN's trainers share, and the trainer of word classification."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from src import config
from src.data.signal import Batch
from src.errors import UserError
from src.evaluation.predictions import Predictions
from src.trainer.base_trainer import BaseTrainer
from src.trainer.duin_sections import channel_sections
from src.trainer.main_trainer import MainTrainer


class DuinTrainer(BaseTrainer):
    """A stage with an objective of its own. It needs our Batches: who is recorded, and which channels are there."""

    model: Any

    def get_criterion(self) -> None:
        return None

    def on_device(self, batch: Any) -> Batch:
        if not isinstance(batch, Batch):
            raise UserError(f"a batch of type {type(batch).__name__}; this stage needs the subject of each record",
                            "let the loader give src.data.signal.Batch")
        return batch.to(self.device) if self.device.type != "cpu" else batch

    def inputs(self, batch: Batch) -> list[torch.Tensor]:
        """What the model's forward takes."""
        return [batch.field(name) for name in self.model.inputs]

    def inference(self, batch: Any) -> Any:
        with torch.no_grad():
            return self.model(*self.inputs(self.on_device(batch)))

    def predict(self, loader: Any) -> Predictions:
        self.found = super().predict(loader)  # a stage may watch more of it than the target's metrics
        return self.found

    def report_sections(self, loader: Any) -> list:
        return channel_sections(self)

    def per_subject(self, name: str, values: np.ndarray) -> dict[str, float]:
        """The mean of a value of each found record, for each of several subjects: `val_NAME_SUBJECT`."""
        subject = self.data.dataset.records.subject[self.found.rows]  # type: ignore[union-attr]
        known = sorted(set(subject.tolist()) - {""})
        return {f"val_{name}_{one}": float(values[subject == one].mean()) for one in known} if len(known) > 1 else {}


class ReplicaSelection(BaseTrainer):
    """With --replica the best epoch is the original's: of those with the highest validation accuracy (in four decimals)
    the one with the highest test accuracy, which flatters the test. The test part is then evaluated every epoch."""

    def __init__(self, model: Any, args: Any, *loaders: Any, **more: Any):
        args = config.complete(args)
        if args.replica and args.monitor is None:
            args.monitor = "selection"
        super().__init__(model, args, *loaders, **more)

    def _validate_subsets(self, loaders: dict[str, Any]) -> dict[str, float]:
        values = super()._validate_subsets(loaders)
        if self.args.replica and "accuracy" in values and self.test_loader is not None:
            tested = super()._validate_subsets({"test": self.test_loader})["accuracy"]
            values["test_accuracy"] = tested
            values["selection"] = round(values["accuracy"], 4) + 1e-5 * tested
        return values


class DuinClassifierTrainer(ReplicaSelection, MainTrainer):
    """Word classification. The replica computes the original's losses, the contrastive one with its weight of 0."""

    model: Any

    def report_sections(self, loader: Any) -> list:
        return channel_sections(self)

    def forward_pass(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        if not (self.model.training and self.model.config.replica):
            return super().forward_pass(batch)
        inputs, label = self.unpack(batch)
        one_hot = F.one_hot(label, self.target.outputs).float()
        predictions, losses = self.model.replica_losses(*inputs, one_hot)
        self.log("loss_contra", losses["contra"].detach())
        return losses["total"], predictions
