from __future__ import annotations

import json

import numpy as np
import pytest

from src.data.normalize import Normalizer
from src.data.signal import Sample
from src.errors import UserError


def apply(normalizer, signal, **masks):
    return normalizer.apply(Sample(np.array(signal, np.float32), **masks)).signal


def random_reader(seed=0, offset=(5.0, -3e4)):
    signals = np.random.default_rng(seed).normal(size=(12, 2, 8)) * [[2.0], [30.0]] + np.array(offset)[:, None]
    return signals.astype(np.float32), lambda row, rng=None: [Sample(signals[row].astype(np.float32))]


@pytest.mark.parametrize("kind", ["channel", "scale"])
def test_the_fit_equals_numpy_over_the_training_rows_alone(tiny, kind):
    signals, tiny.read = random_reader()
    rows = np.array([0, 3, 4, 7])
    fitted = Normalizer.fit(kind, tiny, rows)
    wide = signals[rows].astype(np.float64).transpose(1, 0, 2).reshape(2, -1)
    assert np.allclose(fitted.scale, wide.std(axis=1), rtol=1e-6)
    assert np.allclose(fitted.mean, wide.mean(axis=1) if kind == "channel" else 0, rtol=1e-6)


def test_masked_samples_and_channels_do_not_count_and_stay_zero(tiny):
    signals, _ = random_reader(offset=(5, 7))
    time = np.arange(8) < 6
    signals[:, :, ~time] = 0
    tiny.read = lambda row, rng=None: [Sample(signals[row].copy(), time_mask=time,
                                              channel_mask=np.array([True, row != 1]))]
    fitted = Normalizer.fit("channel", tiny, np.array([0, 1, 2]))
    assert np.isclose(fitted.mean[0], signals[:3, 0, :6].mean(), rtol=1e-5)
    assert np.isclose(fitted.mean[1], signals[[0, 2], 1, :6].mean(), rtol=1e-5)
    after = fitted.apply(tiny.read(1)[0]).signal
    assert (after[1] == 0).all()
    assert (after[:, 6:] == 0).all()
    assert (after[0, :6] != 0).all()


def test_a_record_is_z_scored_and_a_flat_channel_left_as_it_is():
    after = apply(Normalizer("record"), [[1, 2, 3, 4], [7, 7, 7, 7]])
    assert np.allclose(after[0], (np.arange(4) - 1.5) / np.std(np.arange(4)))
    assert (after[1] == 7).all()


def test_record_statistics_leave_padding_out():
    after = apply(Normalizer("record"), [[1, 3, 0, 0]], time_mask=np.array([True, True, False, False]))
    assert np.allclose(after, [[-1, 1, 0, 0]])


def test_a_channel_without_variance_is_not_divided_by_zero(tiny):
    tiny.read = lambda row, rng=None: [Sample(np.full((2, 8), 3.0, np.float32))]
    fitted = Normalizer.fit("channel", tiny, np.arange(4))
    assert (apply(fitted, np.full((2, 8), 4.0)) == 1).all()


def test_clipping_bounds_what_comes_out():
    assert apply(Normalizer("none", clip=2), [[-5, 1, 9]]).tolist() == [[-2, 1, 2]]


def test_none_leaves_the_signal_alone():
    assert apply(Normalizer("none"), [[1.0, -2.0]]).tolist() == [[1, -2]]


def test_the_state_is_plain_and_restores_the_normaliser(tiny):
    _, tiny.read = random_reader()
    fitted = Normalizer.fit("channel", tiny, np.arange(6), clip=3.0)
    again = Normalizer.from_state(json.loads(json.dumps(fitted.state_dict())))
    signal = tiny.read(2)[0].signal
    assert (apply(fitted, signal) == apply(again, signal)).all()
    assert again.describe() == fitted.describe()
    assert "6 training records, clipped to +-3" in fitted.describe().replace("(of ", "").replace(")", "")


def test_other_channels_and_unknown_kinds_are_refused(tiny):
    with pytest.raises(UserError, match="fitted on 2 channels, found 3"):
        apply(Normalizer.fit("scale", tiny, np.arange(4)), np.zeros((3, 8)))
    with pytest.raises(UserError, match="did you mean channel"):
        Normalizer("chanel")
