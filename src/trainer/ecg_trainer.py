"""What trains the ECG transformer on labels, and what its trainers of pretraining share."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from src import config
from src.data.signal import Batch
from src.errors import UserError
from src.trainer.base_trainer import BaseTrainer
from src.trainer.feature_cache import FeatureCache
from src.trainer.main_trainer import MainTrainer

EVALUATION = 11  # stream of the random numbers of evaluation's masks


def without_padding(batch: Batch) -> bool:
    """Whether all of it is signal; asked before the batch moves, so that no device is waited for."""
    return batch.time_mask.device.type == "cpu" and bool(batch.time_mask.all())


class EcgClassifierTrainer(MainTrainer):
    """Labels of records. `--freeze_finetune_updates N`: the head alone learns for the first N updates."""

    model: Any

    def __init__(self, model: Any, args: Any, *loaders: Any, **more: Any):
        args = config.complete(args)
        if args.freeze_finetune_updates:  # several processes must expect parameters without a gradient
            model.no_gradient = {"*": "the backbone waits for --freeze_finetune_updates"}
        super().__init__(model, args, *loaders, **more)
        if args.freeze == "backbone" and model.config.replica:
            for part in model.backbone():  # the original's dropouts stay on while it probes
                part.__dict__.pop("train", None)
        augmented = self.data is not None and bool(self.data.transforms)
        always_alike = self.args.freeze == "backbone" and not model.config.replica and model.has_plain_head
        weights = [weight for part in model.backbone() for weight in part.parameters()]
        self.features = FeatureCache(self._embed, weights) if always_alike and not augmented else None

    def _embed(self, *inputs: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self.model.embed(*(one.to(self.device, non_blocking=True) for one in inputs))

    def unpack(self, batch: Any) -> tuple[list[torch.Tensor], torch.Tensor]:
        whole = isinstance(batch, Batch) and without_padding(batch)
        inputs, label = super().unpack(batch)
        return (inputs[:1] if whole else inputs), label

    def forward_pass(self, batch: Any) -> tuple:
        if self.features is not None and isinstance(batch, Batch) and batch.signal.device.type == "cpu":
            names = self.model.inputs[:1] if without_padding(batch) else self.model.inputs
            embedding = self.features([batch.field(name) for name in names])
            return self.scored(self.model.judge(embedding), batch.label.to(self.device, non_blocking=True))
        inputs, label = self.unpack(batch)
        waits = self.model.training and self.global_step < self.args.freeze_finetune_updates
        return self.scored(self.model(*inputs, frozen=waits), label)


class EcgPretrainer(BaseTrainer):
    """An objective without labels; predictions are the embeddings of the records.

    `watched` names what is logged beside the losses, in training and, with `val_` before it, in validation.
    """

    model: Any
    watched: tuple[str, ...] = ()
    whole_batches = True

    def __init__(self, *arguments: Any, **more: Any):
        self.sums: dict[str, torch.Tensor] = {}  # of a validation: weighted sum and weight of what is watched
        super().__init__(*arguments, **more)

    def get_criterion(self) -> None:
        return None

    def inputs(self, batch: Any) -> list[torch.Tensor]:
        """What the model's forward takes, on the device."""
        if not isinstance(batch, Batch):
            raise UserError(f"a batch of type {type(batch).__name__}; pretraining needs the record of each signal",
                            "let the loader give src.data.signal.Batch")
        names = self.model.inputs[:1] if without_padding(batch) else self.model.inputs
        return [batch.field(name).to(self.device, non_blocking=True) for name in names]

    def inference(self, batch: Any) -> torch.Tensor:
        """(batch, D) embeddings."""
        with torch.no_grad():
            return self.model(*self.inputs(batch))

    def seed_of(self, batch: Batch) -> int:
        """Of what the model draws: the next number of the run in training, always the same for a batch else."""
        if self.model.training:
            return int(torch.randint(2**31, (1,)))
        return int(np.random.SeedSequence([EVALUATION, *batch.index.tolist()]).generate_state(1)[0])

    def watch(self, weight: float, **values: torch.Tensor) -> None:
        """Of `watched` values these, means over `weight` items of the batch."""
        for name, value in values.items():
            if self.model.training:
                self.log(name, value.detach())
            else:
                counted = torch.tensor([float(value.detach()) * weight, weight], dtype=torch.float64)
                self.sums[name] = self.sums.get(name, 0) + counted

    def validate_epoch(self, val_loader: Any) -> dict[str, float]:
        self.sums = {}
        values = super().validate_epoch(val_loader)
        nothing = torch.zeros(2, dtype=torch.float64)  # a rank may have had no batch
        for name in self.watched:
            total, weight = self.world.sum(*self.sums.get(name, nothing).tolist())
            values[f"val_{name}"] = total / max(weight, 1e-12)
        return values
