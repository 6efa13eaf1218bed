"""Running a model over a loader without gradients, each record once, whatever the number of ranks.

The predictions of the windows of a record become one, and the loss is that of these, where it is a mean over records.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch

from src.data.signal import BATCH_FIELDS, Batch
from src.errors import UserError
from src.evaluation import metrics
from src.evaluation.aggregation import aggregate
from src.evaluation.predictions import Predictions

LABEL_NAMES = ("label", "labels", "y", "target", "targets")


def direction(metric: str) -> str:
    """"max" or "min"; a metric of somebody's own is better when larger, unless its name says loss or error."""
    try:
        return metrics.direction(metric)
    except UserError:
        return "min" if any(word in metric.lower() for word in ("loss", "err")) else "max"


class Abandoned(Exception):
    """Evaluation was left because the run is asked to stop."""


class First:
    """The first `count` batches of a loader."""

    def __init__(self, loader: Any, count: int):
        self.loader, self.count = loader, count

    def __len__(self) -> int:
        return min(self.count, len(self.loader))

    def __iter__(self) -> Iterator[Any]:
        return islice(iter(self.loader), self.count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["loader"], name)


def size_of(batch: Any) -> int:
    """Records in a Batch, tuple or dict."""
    if isinstance(batch, Batch):
        return batch.signal.shape[0]
    if isinstance(batch, dict):
        batch = tuple(batch.values())
    return batch[0].shape[0] if isinstance(batch, (tuple, list)) else 1 if batch is None else len(batch)


def labels_of(batch: Any) -> torch.Tensor | None:
    if isinstance(batch, Batch):
        return batch.label
    if isinstance(batch, dict):
        return next((batch[name] for name in LABEL_NAMES if name in batch), None)
    return batch[1] if isinstance(batch, (tuple, list)) and len(batch) > 1 else None


def named_losses(losses: Any) -> dict[str, torch.Tensor]:
    """One loss, a tuple, list or dict of losses -> by name."""
    if isinstance(losses, dict):
        return {f"loss_{name}": value for name, value in losses.items()}
    if isinstance(losses, (tuple, list)):
        return {f"loss_{number}": value for number, value in enumerate(losses)}
    return {"loss": losses}


@torch.no_grad()
def predict(trainer: Any, loader: Any) -> Predictions:
    """All predictions of a loader on every rank, sorted by record; the loss is the mean over records."""
    trainer.model.eval()
    mine = _this_rank(trainer, loader)
    shared = trainer.world.size > 1 and hasattr(loader, "dataset_view")  # a foreign loader is whole on every rank
    gathered = trainer.world.gather(mine) if shared else [mine]
    if trainer.world.sum(float(mine is None))[0]:
        raise Abandoned
    parts = [part for part in gathered if part is not None and part["scores"] is not None]
    rows = np.concatenate([part["rows"] for part in parts])
    if len(set(rows.tolist())) != len(rows):
        raise AssertionError(f"{len(rows) - len(set(rows.tolist()))} records were evaluated more than once")
    scores = np.concatenate([part["scores"] for part in parts])
    labels = None if parts[0]["labels"] is None else np.concatenate([part["labels"] for part in parts])
    found = Predictions(rows, scores, labels, _mean_loss(parts)).sorted()
    if labels is not None and found.loss is not None:
        whole = trainer.gathered_loss(torch.from_numpy(found.scores), torch.from_numpy(found.labels))
        found.loss = found.loss if whole is None else whole
    return found


def _this_rank(trainer: Any, loader: Any) -> dict[str, Any] | None:
    rows, scores, labels, count = [], [], [], 0
    loss, weights = 0.0, 0.0
    for batch in loader:
        outputs = []
        for part in (batch,) if trainer.whole_batches else _parts(batch, loader):
            if trainer.signals.received is not None:
                return None
            losses, predictions, *weight = trainer.forward_pass(part)
            weight = float(weight[0]) if weight else float(size_of(part))
            loss += float(sum(named_losses(losses).values())) * weight
            weights += weight
            outputs.append(predictions.float().cpu())
        size, label, found = size_of(batch), labels_of(batch), torch.cat(outputs) if len(outputs) > 1 else outputs[0]
        index = torch.arange(count, count + size)
        if isinstance(batch, Batch):
            starts, found = _per_record(trainer, batch, found)
            index, label = batch.index.cpu()[starts], None if label is None else label[starts]
        if label is not None:
            labels.append(label.cpu())
        rows.append(index)
        scores.append(found)
        count += size
    join = lambda tensors: torch.cat(tensors).numpy() if tensors else None  # noqa: E731
    empty = np.zeros(0, np.int64)
    return {"rows": join(rows) if rows else empty, "scores": join(scores), "labels": join(labels), "loss": loss,
            "weight": weights}


def _parts(batch: Any, loader: Any) -> Iterator[Any]:
    """The batch; where records have several windows, in parts of at most the loader's batch size."""
    limit = getattr(getattr(loader, "sampler", None), "batch_size", None)
    if not isinstance(batch, Batch) or limit is None or len(batch) <= limit:
        yield batch
        return
    for first in range(0, len(batch), limit):
        part = slice(first, first + limit)
        yield Batch(**{name: getattr(batch, name)[part] for name in BATCH_FIELDS},
                    extra={name: value[part] for name, value in batch.extra.items()})


def _per_record(trainer: Any, batch: Batch, found: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where each record of the batch begins, and one prediction for each."""
    starts, scores = aggregate(trainer.target.kind, found.numpy(), batch.group.cpu().numpy(), trainer.args.aggregate)
    return torch.from_numpy(starts), torch.from_numpy(scores)


def _mean_loss(parts: list[dict[str, Any]]) -> float | None:
    weight = sum(part["weight"] for part in parts)
    return sum(part["loss"] for part in parts) / weight if weight else None
