"""--class_weights and --balanced_sampling on ECG: several labels, or one class; by the training part alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from src.data.control import retargeted
from src.data.dataset import Records
from src.data.run_data import RunData, prepare
from src.data.signal import TargetSpec
from src.data.simulated.ecg import SimulatedECG
from src.trainer.main_trainer import MainTrainer
from tests.helpers import TinyNet, flags

RARE = 3  # LBBB


def multilabel() -> SimulatedECG:
    return SimulatedECG(SimulatedECG.Config(patients=60))


def one_class() -> SimulatedECG:
    """The same records: those with an LBBB, and the others."""
    dataset = multilabel()
    records, label = dataset.records, dataset.records.label[:, RARE].astype(np.int64)
    found = retargeted(dataset, TargetSpec("classes", ("other", "LBBB")))
    found.records = Records(records.record, records.subject, label, records.subset, records.length)
    return found  # type: ignore[return-value]


def trainer_of(dataset, tmp_path, **more) -> tuple[MainTrainer, RunData]:
    args = flags(tmp_path, **more)
    data = prepare(dataset, args)
    return MainTrainer(TinyNet(), args, data=data), data


def test_labels_are_weighted_so_that_both_sides_of_each_weigh_the_same(tmp_path):
    trainer, data = trainer_of(multilabel(), tmp_path, class_weights=True)
    labels = data.dataset.records.label[data.rows["train"]]
    weight = trainer.criterion.pos_weight.numpy()
    present = labels.sum(0) > 0
    np.testing.assert_allclose((weight * labels.sum(0))[present], (1 - labels).sum(0)[present], rtol=1e-5)


def test_classes_are_weighted_so_that_each_weighs_the_same(tmp_path):
    trainer, data = trainer_of(one_class(), tmp_path, class_weights=True)
    counts = np.bincount(data.dataset.records.label[data.rows["train"]])
    weighed = trainer.criterion.weight.numpy() * counts
    assert counts[0] > 4 * counts[1]
    np.testing.assert_allclose(weighed, len(data.rows["train"]) / 2, rtol=1e-5)


@pytest.mark.parametrize("make", [multilabel, one_class])
def test_labels_of_other_parts_do_not_count(make, tmp_path):
    def weight(dataset):
        criterion = trainer_of(dataset, tmp_path, class_weights=True)[0].criterion
        return getattr(criterion, "pos_weight", None) if criterion.weight is None else criterion.weight

    changed = make()
    elsewhere = changed.records.subset != "train"
    changed.records.label[elsewhere] = 1 - changed.records.label[elsewhere]
    torch.testing.assert_close(weight(changed), weight(make()))


@pytest.mark.parametrize(("make", "has"), [
    (multilabel, lambda label: label[:, RARE] > 0), (one_class, lambda label: label == 1)])
def test_balanced_epochs_show_the_rare_one_more_often(make, has, tmp_path):
    _, data = trainer_of(make(), tmp_path)
    order = data.loader("train", 8, train=True, balanced=True).sampler.order(0)[:, 0]
    label = data.dataset.records.label
    natural = has(label[data.rows["train"]]).mean()
    drawn = has(label[order]).mean()
    assert set(order.tolist()) <= set(data.rows["train"].tolist())
    assert drawn > 1.7 * natural
