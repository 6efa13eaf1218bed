"""Classification (one class, several labels, or values): the trainer to edit. Other families build on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from src.data.signal import Batch, TargetSpec
from src.errors import UserError
from src.trainer.base_trainer import BaseTrainer
from src.trainer.losses import Criterion, build_criterion, class_weights
from src.trainer.predicting import LABEL_NAMES

SIGNAL_NAMES = ("signal", "x", "input", "inputs")


class MainTrainer(BaseTrainer):
    """One loss on the model's output and the batch's label."""

    def get_criterion(self) -> nn.Module:
        target = self.target if self.target.kind != "none" else TargetSpec("classes")
        weights = None
        if self.args.class_weights:
            weights = class_weights(torch.from_numpy(self._training_labels()), target)
        return build_criterion(self.args.loss, target, self.args.label_smoothing, weights,
                               pos_weight=self.args.pos_weight or (), loss_args=self.args.loss_args,
                               sample_size=self.args.sample_size, partial=self._has_unknown(target))

    def forward_pass(self, batch: Any) -> tuple:
        inputs, label = self.unpack(batch)
        scores = self.model(*inputs)
        return self.scored(scores, label)

    def scored(self, scores: torch.Tensor, label: torch.Tensor) -> tuple:
        """(loss, scores), and the weight of the batch where it is not its records."""
        loss = self.criterion(scores, label)
        if isinstance(self.criterion, Criterion) and self.criterion.is_weighed:
            return loss, scores, self.criterion.weight(label)
        return loss, scores

    def inference(self, batch: Any) -> torch.Tensor:
        """Raw scores (batch, K)."""
        with torch.no_grad():
            return self.model(*self.unpack(batch)[0])

    def gathered_loss(self, scores: torch.Tensor, labels: torch.Tensor) -> float:
        with torch.no_grad():
            return float(self.criterion(scores.to(self.device), labels.to(self.device)))

    def unpack(self, batch: Any) -> tuple[list[torch.Tensor], torch.Tensor]:
        """What the model's forward takes, and the label, on the device."""
        if isinstance(batch, Batch):
            batch = batch.to(self.device) if self.device.type != "cpu" else batch
            return [batch.field(name) for name in getattr(self.model, "inputs", ("signal",))], batch.label
        if isinstance(batch, dict):
            signal, label = _named(batch, SIGNAL_NAMES), _named(batch, LABEL_NAMES)
        else:
            signal, label = batch
        return [signal.to(self.device, non_blocking=True)], label.to(self.device, non_blocking=True)

    def _has_unknown(self, target: TargetSpec) -> bool:
        """Whether labels may be NaN; of a foreign loader that is not known before."""
        if target.kind != "multilabel":
            return False
        return self.data is None or bool(np.isnan(self.data.dataset.records.label).any())

    def _training_labels(self):
        if self.data is None:
            raise UserError("--class_weights: the labels of a foreign loader are not known",
                            "return a weighted loss from get_criterion()")
        return self.data.dataset.records.label[self.data.rows["train"]]


def _named(batch: dict[str, Any], names: tuple[str, ...]) -> torch.Tensor:
    for name in names:
        if name in batch:
            return batch[name]
    raise UserError(f"a batch with the keys {', '.join(batch)}", f"expected one of {', '.join(names)}")
