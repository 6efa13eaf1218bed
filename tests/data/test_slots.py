"""Batches through the memory that workers share with the main process."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from src.data import loaders
from src.data.loaders import make_loader
from src.data.signal import Batch
from src.data.slots import Slots, fresh


def equal(first: Batch, second: Batch) -> bool:
    return all(torch.equal(first.field(name), second.field(name)) for name in
               ("signal", "label", "channel_mask", "time_mask", "subject", "index", "group"))


def test_what_is_written_is_copied():
    slots = Slots(workers=2, places=3, size=1000)
    place = slots.next_place(1)
    for name, dtype in (("a", torch.float32), ("b", torch.bool), ("c", torch.int64)):
        place.allocate_or_share(name, (2, 3), dtype).numpy()[:] = np.arange(6).reshape(2, 3) % 2
    found = slots.copied(place.sent, pin_memory=False)
    assert place.holds_all
    for name, dtype in (("a", torch.float32), ("b", torch.bool), ("c", torch.int64)):
        assert found[name].dtype == dtype
        assert found[name].int().tolist() == [[0, 1, 0], [1, 0, 1]]
    slots.next_place(1).allocate_or_share("a", (2, 3), torch.float32).fill_(7)
    assert found["a"].max() == 1, "a copy"
    assert slots.copied(place.sent, pin_memory=False)["a"].max() == 1, "another place"


def test_places_come_in_turns():
    slots = Slots(1, 4, 10)
    assert [slots.next_place(0).sent.turn for _ in range(9)] == [1, 2, 3, 0, 1, 2, 3, 0, 1]


def test_what_does_not_fit_is_shared_by_itself():
    place = Slots(1, 2, 100).next_place(0)
    size = len(place._memory)
    assert place.allocate_or_share("a", (size,), torch.bool) is not None
    assert place.holds_all
    assert place.allocate_or_share("b", (1,), torch.float32).is_shared()
    assert not place.holds_all


def test_fresh_memory_has_the_shape_and_kind():
    made = fresh((3, 4), torch.bool)
    assert made.shape == (3, 4)
    assert made.dtype == torch.bool


@pytest.mark.parametrize(("views", "fits"), [(1, True), (2, True), (30, False)])
def test_batches_of_workers_are_those_of_this_process(make_tiny, monkeypatch, views, fits):
    """Also where a slot is too small for them."""
    received = []
    original = loaders._received
    monkeypatch.setattr(loaders, "_received", lambda *more: (received.append(1), original(*more))[1])
    monkeypatch.setattr(loaders, "BESIDE", 1)
    data = make_tiny(count=23, views=views)
    alone = list(make_loader(data, np.arange(23), batch_size=4, train=True, seed=5))
    loader = make_loader(data, np.arange(23), batch_size=4, train=True, seed=5, num_workers=2)
    found = list(loader)
    loader.close()
    assert len(found) == len(alone) == 6
    assert all(equal(*pair) for pair in zip(found, alone))
    assert len(received) == (6 if fits else 0)


def test_an_iteration_that_was_left_does_not_disturb_the_next(make_tiny):
    data = make_tiny(count=40)
    alone = make_loader(data, np.arange(40), batch_size=2, train=True, seed=5)
    loader = make_loader(data, np.arange(40), batch_size=2, train=True, seed=5, num_workers=2)
    for epoch, left_after in enumerate((3, 20, 1, 7)):
        alone.set_position(epoch)
        loader.set_position(epoch)
        for place, (one, other) in enumerate(zip(loader, alone), start=1):
            assert equal(one, other)
            if place == left_after:
                break
    loader.close()
