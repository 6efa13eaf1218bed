from __future__ import annotations

import numpy as np
import pytest

from src.models.layers.span_masks import span_masks


def runs(row: np.ndarray) -> list[int]:
    """Lengths of the stretches of True, in order."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
    return (edges[1::2] - edges[::2]).tolist()


@pytest.mark.parametrize("kind", ["static", "uniform", "normal", "poisson"])
@pytest.mark.parametrize("no_overlap", [False, True])
def test_every_record_has_as_many_hidden_frames(kind, no_overlap):
    mask = span_masks((6, 80), 0.5, 5, np.random.RandomState(0), kind=kind, other=2, min_masks=2,
                      no_overlap=no_overlap)
    assert mask.shape == (6, 80)
    assert len(set(mask.sum(1).tolist())) == 1
    assert 5 < mask[0].sum() < 70


def test_spans_that_may_not_overlap_keep_their_distance():
    for seed in range(20):
        (row,) = span_masks((1, 60), 0.5, 6, np.random.RandomState(seed), no_overlap=True, min_space=2)
        places = np.flatnonzero(row)
        assert set(runs(row)) == {6}
        assert (np.diff(places)[np.diff(places) > 1] > 2).all()


def test_padding_is_not_hidden():
    mask = span_masks((3, 40), 0.6, 4, np.random.RandomState(1), lengths=[40, 20, 9], min_masks=2)
    assert not mask[1, 20:].any()
    assert not mask[2, 9:].any()


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 8])
def test_short_records_are_hidden_as_far_as_they_go(frames):
    mask = span_masks((4, frames), 0.65, 10, np.random.RandomState(2), min_masks=2)
    assert len(set(mask.sum(1).tolist())) == 1


def test_equal_seeds_give_equal_masks():
    one, same, other = (span_masks((4, 50), 0.65, 10, np.random.RandomState(seed)) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
