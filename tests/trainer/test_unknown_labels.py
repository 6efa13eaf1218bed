"""Training on records of which half of the labels are not known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from src.data.run_data import prepare
from src.data.signal import TargetSpec
from src.evaluation import metrics
from src.trainer.main_trainer import MainTrainer
from tests.helpers import TinyDataset, TinyNet, flags, loaders, make_trainer


class Halved(TinyDataset):
    """Of each record's three labels, one for each class, about half are NaN."""

    def __init__(self, count: int = 96):
        super().__init__(count)
        self.truth = np.eye(3, dtype=np.float32)[self.records.label]
        unknown = np.random.default_rng(1).random(self.truth.shape) < 0.5
        unknown[unknown.all(1), 0] = False
        self.records.label = np.where(unknown, np.nan, self.truth).astype(np.float32)
        self.target = TargetSpec("multilabel", ("x", "y", "z"))


def trained(folder, **more) -> tuple[MainTrainer, Halved]:
    args = flags(folder, epochs=24, batch_size=16, grad_accum_steps=1, lr=0.03, monitor="loss", **more)
    dataset = Halved()
    data = prepare(dataset, args)
    trainer = MainTrainer(TinyNet(), args, *loaders(data, args), data=data)
    trainer.train()
    return trainer, dataset


@pytest.mark.parametrize("loss", [None, "multi_head_bce"])
def test_a_network_learns_from_half_of_the_labels(tmp_path, loss):
    trainer, dataset = trained(tmp_path, loss=loss, class_weights=loss is None, balanced_sampling=loss is not None)
    values = trainer.test()
    assert values["loss"] < 0.5
    assert values["auroc"] > 0.9
    found = trainer.predict(trainer.data.loader("train", 16))  # type: ignore[union-attr]
    told, truth = np.asarray(found.labels), dataset.truth[found.rows]
    untold = np.isnan(told)
    assert 0.3 < untold.mean() < 0.6
    found_out = metrics.compute(dataset.target, np.where(untold, truth, np.nan), found.scores)
    assert found_out["auroc"] > 0.95, "of what nobody told"


def test_the_loss_of_validation_is_over_the_known_labels_of_all_records(tmp_path):
    trainer, _ = trained(tmp_path, max_steps=2)
    found = trainer.predict(trainer.test_loader)
    labels, scores = torch.from_numpy(found.labels), torch.from_numpy(found.scores)  # type: ignore[arg-type]
    known = ~labels.isnan()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(scores[known], labels[known])
    assert found.loss == pytest.approx(float(expected), rel=1e-6)


def test_data_without_unknown_labels_keep_torch_s_own_loss(tmp_path):
    assert type(make_trainer(tmp_path).criterion) is torch.nn.CrossEntropyLoss
    args, dataset = flags(tmp_path), Halved()
    dataset.records.label = dataset.truth
    data = prepare(dataset, args)
    assert type(MainTrainer(TinyNet(), args, *loaders(data, args), data=data).criterion) is torch.nn.BCEWithLogitsLoss
