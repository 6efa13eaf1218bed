from __future__ import annotations

import signal as signals

import numpy as np
import pytest
import torch

from src.data.loaders import make_loader
from src.data.normalize import Normalizer
from src.data.signal import BATCH_FIELDS, Sample
from src.data.transforms import parse_augmentation
from src.errors import BadRecord, UserError

ROWS = np.arange(12)


def augmented(dataset, **options):
    return make_loader(dataset, ROWS, batch_size=5, train=True, seed=7, normalizer=Normalizer("record"),
                       transforms=parse_augmentation(["shift=3", "noise=0.1", "scale=0.2"]), **options)


def same(first, second) -> bool:
    return len(first) == len(second) and all(
        torch.equal(getattr(a, name), getattr(b, name)) for a, b in zip(first, second) for name in BATCH_FIELDS)


def test_a_batch_holds_what_was_read(tiny):
    batches = list(make_loader(tiny, ROWS[2:9], batch_size=4, train=False, seed=0))
    assert [len(batch) for batch in batches] == [4, 3]
    first = batches[0]
    assert first.signal.dtype == torch.float32
    assert first.signal[:, 0, 0].tolist() == [2, 3, 4, 5]
    assert first.label.dtype == torch.int64
    assert first.index.tolist() == first.group.tolist() == [2, 3, 4, 5]
    assert [tiny.subjects[number] for number in first.subject] == tiny.records.subject[2:6].tolist()
    assert first.time_mask.all()
    assert first.channel_mask.all()


def test_batches_are_bitwise_the_same_for_any_number_of_workers(tiny):
    one, two = augmented(tiny), augmented(tiny, num_workers=2)
    for epoch in (0, 1):
        one.set_position(epoch)
        two.set_position(epoch)
        assert same(list(one), list(two))


def test_resume_inside_an_epoch_gives_the_batches_that_would_have_come(tiny):
    loader = augmented(tiny)
    loader.set_position(3)
    whole = list(loader)
    loader.set_position(3, consumed=5)
    assert same(list(loader), whole[1:])
    loader.set_position(4)
    assert not same(list(loader), whole)


def test_repeats_of_a_record_are_augmented_anew(tiny):
    loader = make_loader(tiny, np.array([0, 1, 2]), batch_size=30, train=True, seed=1, balanced=True)
    view = loader.dataset_view
    first, again = view[[(0, 1, 0)]], view[[(0, 1, 1)]]
    assert not torch.equal(first.signal, again.signal)


def test_views_of_one_record_share_their_group(make_tiny):
    batch = next(iter(make_loader(make_tiny(views=2), ROWS[:3], batch_size=3, train=False, seed=0)))
    assert batch.group.tolist() == [0, 0, 1, 1, 2, 2]
    assert batch.signal[:, 0, 0].tolist() == [0, 100, 1, 101, 2, 102]


def test_masks_and_further_tensors_arrive(tiny):
    mask = np.arange(8) < 5
    tiny.read = lambda row, rng: [Sample(np.ones((2, 8), np.float32), np.array([0.0, 1.0], np.float32),
                                         np.array([True, False]), mask, {"tokens": np.arange(3) + row})]
    batch = next(iter(make_loader(tiny, ROWS, batch_size=2, train=False, seed=0)))
    assert batch.time_mask.tolist() == [mask.tolist()] * 2
    assert batch.channel_mask.tolist() == [[True, False]] * 2
    assert batch.extra["tokens"].tolist() == [[0, 1, 2], [1, 2, 3]]
    assert batch.label.dtype == torch.float32


@pytest.mark.parametrize("workers", [0, 1])
def test_a_record_that_goes_bad_later_is_named(tiny, workers):
    def read(row, rng):
        if row == 5:
            raise BadRecord("r005", "became shorter")
        return [Sample(np.ones((2, 8), np.float32))]

    tiny.read = read
    with pytest.raises(BadRecord, match=r"^r005: became shorter$"):
        list(make_loader(tiny, ROWS, batch_size=4, train=False, seed=0, num_workers=workers))


def test_records_of_unequal_shape_are_named(tiny):
    tiny.read = lambda row, rng: [Sample(np.ones((2, 8 + row), np.float32))]
    with pytest.raises(UserError, match="r001 has the shape"):
        list(make_loader(tiny, ROWS, batch_size=4, train=False, seed=0))


def test_workers_leave_signals_to_the_main_process(tiny):
    def read(row, rng):
        ignored = [signals.getsignal(name) == signals.SIG_IGN for name in (signals.SIGINT, signals.SIGTERM)]
        return [Sample(np.full((2, 8), all(ignored), np.float32), torch.get_num_threads())]

    tiny.read = read
    batch = next(iter(make_loader(tiny, ROWS, batch_size=4, train=False, seed=0, num_workers=1)))
    assert batch.signal.all()
    assert batch.label.tolist() == [1, 1, 1, 1]
