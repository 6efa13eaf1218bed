"""Windows of records: one in training, one or all of them in evaluation."""

from __future__ import annotations

import numpy as np
import pytest

from src.data.dataset import Records
from src.data.loaders import make_loader
from src.data.normalize import Normalizer
from src.data.recorded import RecordedConfig, RecordedDataset
from src.data.signal import TargetSpec
from src.errors import BadRecord, UserError


class Ramps(RecordedDataset):
    """At 100 Hz, sample t of record i is 1000 i + t; lengths differ, and samples may be missing."""

    def __init__(self, lengths, rate=100.0, missing=(), **options):
        self.config = RecordedConfig(**options)
        n = len(lengths)
        self.records = Records(np.array([f"r{k}" for k in range(n)]), np.full(n, ""), np.arange(n) % 2,
                               np.full(n, ""), np.array(lengths))
        self.target, self.missing = TargetSpec("classes", ("x", "y")), missing
        self._arrange(np.full(n, rate), ("I", "II"), "mV")

    def read_range(self, row, low, high):
        time = np.arange(low, high, dtype=np.float32)
        signal = np.stack([1000 * row + time, -time])
        for start, end in self.missing:
            signal[:, (time >= start) & (time < end)] = np.nan
        return signal


def starts(dataset, row=0):
    return [int(view.signal[0, 0]) - 1000 * row for view in dataset.read(row)]


def test_ten_seconds_have_seven_windows_of_two_and_a_half_every_one_and_a_quarter():
    data = Ramps([1000], window_s=2.5, stride_s=1.25)
    assert starts(data) == [0, 125, 250, 375, 500, 625, 750]


def test_the_last_window_ends_with_the_record():
    data = Ramps([1000, 1040], window_s=2.5, stride_s=2)
    assert starts(data, 1) == [0, 200, 400, 600, 790]
    assert starts(data, 0) == [0, 200, 400, 600, 750]


def test_a_record_no_longer_than_a_window_has_one_and_its_end_is_masked():
    data = Ramps([250, 180], window_s=2.5, stride_s=1)
    assert starts(data) == [0]
    (view,) = data.read(1)
    assert view.time_mask.sum() == 180
    assert not view.signal[:, 180:].any()


def test_training_still_sees_one_random_window():
    data = Ramps([1000], window_s=2.5, stride_s=1.25)
    drawn = {int(data.read(0, np.random.default_rng(seed))[0].signal[0, 0]) for seed in range(20)}
    assert len(drawn) > 10
    assert all(len(data.read(0, np.random.default_rng(seed))) == 1 for seed in range(3))


def test_without_a_stride_evaluation_sees_the_centre():
    assert starts(Ramps([1000], window_s=2.5)) == [375]


@pytest.mark.parametrize("options", [{}, {"resample_hz": 50}, {"resample_hz": 130}])
def test_each_window_is_what_the_same_crop_alone_would_be(options):
    data = Ramps([1000], window_s=2.5, stride_s=0.9, **options)
    window = data._windows[100.0]
    for start, view in zip(window.starts(1000, round(0.9 * data.spec.rate_hz)), data.read(0)):
        low, high, begin = window.span(1000, start)
        alone = window.cut(data.read_range(0, low, high), begin)
        assert np.array_equal(view.signal, alone)


def test_windows_that_overlap_do_not_share_memory():
    data = Ramps([500], window_s=2.5, stride_s=1)
    views = data.read(0)
    views[0].signal[:] = 7
    assert views[1].signal[0, 0] == 100
    normalised = next(iter(make_loader(data, np.arange(1), batch_size=1, train=False,
                                       normalizer=Normalizer("record"))))
    assert normalised.signal.mean(-1).abs().max() < 1e-4


def test_a_window_without_any_number_is_left_out_and_a_record_of_such_refused():
    data = Ramps([1000], window_s=1, stride_s=1, missing=[(180, 520)])
    assert starts(data) == [0, 100, 0, 600, 700, 800, 900]  # of the third the beginning is missing
    with pytest.raises(BadRecord, match="r0: holds no number"):
        Ramps([1000], window_s=1, stride_s=1, missing=[(0, 1000)]).read(0)


def test_a_batch_holds_as_many_views_as_each_record_has():
    data = Ramps([1000, 250, 600], window_s=2.5, stride_s=2.5)
    batch = next(iter(make_loader(data, np.arange(3), batch_size=3, train=False)))
    assert batch.group.tolist() == batch.index.tolist() == [0] * 4 + [1] + [2] * 3
    assert batch.signal[:, 0, 0].tolist() == [0, 250, 500, 750, 1000, 2000, 2250, 2350]
    assert batch.label.tolist() == [0] * 4 + [1] + [0] * 3


def test_what_is_done_in_evaluation_is_told_and_a_stride_below_zero_refused():
    notes = Ramps([1000, 2000], window_s=2.5, stride_s=1.25).notes
    assert "2 records are longer than the window of 2.5 s: a random place in training, windows 1.25 s apart in " \
           "evaluation" in notes
    with pytest.raises(UserError, match=r"stride_s=-1"):
        Ramps([1000], stride_s=-1)
