"""Predictions of records that have several windows in evaluation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from src.data.run_data import prepare
from src.data.signal import Sample
from src.errors import UserError
from src.evaluation.aggregation import aggregate
from src.evaluation.predictions import log_softmax
from src.trainer.main_trainer import MainTrainer
from tests.helpers import TinyDataset, TinyNet, flags, loaders


class Windowed(TinyDataset):
    """Record r has 1 + r % 4 windows in evaluation, one in training."""

    def read(self, row, rng=None):
        views = 1 if rng is not None else 1 + row % 4
        return [Sample(np.roll(self.signal[row], view, axis=1).copy(), self.records.label[row])
                for view in range(views)]


def trainer_of(folder, rank=0, world=1, how="mean", kind=MainTrainer, **more):
    args = flags(folder, aggregate=how, **more)
    data = prepare(Windowed(), args)
    return kind(TinyNet(), args, *loaders(data, args, rank=rank, world=world), data=data)


@pytest.mark.parametrize("how", ["mean", "max"])
def test_each_record_has_one_prediction_from_all_its_windows(tmp_path, how):
    trainer = trainer_of(tmp_path, how=how)
    found, data = trainer.predict(trainer.test_loader), trainer.data.dataset
    rows = trainer.data.rows["test"]
    assert np.array_equal(found.rows, rows)
    assert np.array_equal(found.labels, data.records.label[rows])
    for row, scores in zip(rows.tolist(), found.scores):
        signal = torch.from_numpy(np.stack([view.signal for view in data.read(row)]))
        with torch.no_grad():
            raw = trainer.model.eval()(signal).numpy()
        expected = aggregate("classes", raw, np.zeros(len(raw), int), how)[1]
        assert log_softmax(scores) == pytest.approx(log_softmax(expected[0]), abs=1e-5)


def test_the_loss_is_that_of_the_records_not_of_their_windows(tmp_path):
    trainer = trainer_of(tmp_path)
    found = trainer.predict(trainer.test_loader)
    expected = torch.nn.functional.cross_entropy(torch.from_numpy(found.scores), torch.from_numpy(found.labels))
    assert found.loss == pytest.approx(float(expected))


def test_two_shares_of_the_records_predict_what_the_whole_does(tmp_path):
    whole = trainer_of(tmp_path)
    shares = [trainer_of(tmp_path, rank, 2) for rank in range(2)]
    found = [trainer.predict(trainer.test_loader) for trainer in shares]
    assert not set(found[0].rows) & set(found[1].rows)
    rows = np.concatenate([part.rows for part in found])
    scores = np.concatenate([part.scores for part in found])[np.argsort(rows)]
    assert scores == pytest.approx(whole.predict(whole.test_loader).scores, abs=1e-5)


def test_no_more_windows_than_a_batch_are_computed_at_once(tmp_path):
    class Counting(MainTrainer):
        largest = 0

        def forward_pass(self, batch):
            self.largest = max(self.largest, len(batch))
            return super().forward_pass(batch)

    trainer = trainer_of(tmp_path, kind=Counting, batch_size=3)
    batches = [len(batch) for batch in trainer.test_loader]
    trainer.predict(trainer.test_loader)
    assert trainer.largest == 3 < max(batches)


def test_outputs_that_are_no_answer_per_record_are_not_aggregated(tmp_path):
    trainer = trainer_of(tmp_path)
    trainer.target = type(trainer.target)("signal", ("a", "b"))
    with pytest.raises(UserError, match="this target is signal"):
        trainer.predict(trainer.test_loader)
