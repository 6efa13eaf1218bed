"""Batches through the memory that workers share with the main process."""

from __future__ import annotations

import gc
import os

import numpy as np
import pytest
import torch

from src.data import loaders
from src.data.loaders import make_loader
from src.data.signal import Batch
from src.data.slots import LARGE, Sent, Slots, fresh

KINDS = {"a": torch.float32, "b": torch.bool, "c": torch.int64}


def equal(first: Batch, second: Batch) -> bool:
    return all(torch.equal(first.field(name), second.field(name)) for name in
               ("signal", "label", "channel_mask", "time_mask", "subject", "index", "group"))


def written(slots: Slots, worker: int = 0, value: int = 1) -> Sent:
    place = slots.free_place(worker)
    assert place is not None
    for name, dtype in KINDS.items():
        place.allocate_or_share(name, (2, 3), dtype).numpy()[:] = np.arange(6).reshape(2, 3) % 2 * value
    assert place.holds_all
    return place.send()


def test_what_is_written_is_received_where_it_lies():
    slots = Slots(workers=2, ahead=1, size=1000)
    sent = written(slots, worker=1)
    found = slots.received(sent, pin_memory=False)
    for name, dtype in KINDS.items():
        assert found[name].dtype == dtype
        assert found[name].int().tolist() == [[0, 1, 0], [1, 0, 1]]
    slots._memory(1, sent.place)[:] = 0
    assert found["a"].max() == 0, "not a copy"


def test_a_place_is_free_when_the_last_tensor_in_it_is_gone():
    slots = Slots(workers=1, ahead=1, size=1000)
    first = written(slots)
    found = slots.received(first, pin_memory=False)
    kept = found["b"][:1].numpy()
    assert written(slots).place != first.place
    del found
    gc.collect()
    assert slots._stamps[0, first.place] > 0
    del kept
    gc.collect()
    assert slots._stamps[0, first.place] == 0


def test_a_forked_process_that_lets_go_of_a_batch_frees_no_place():
    slots = Slots(workers=1, ahead=1, size=1000)
    sent = written(slots)
    found = slots.received(sent, pin_memory=False)
    child = os.fork()
    if not child:
        del found
        gc.collect()
        os._exit(0)
    os.waitpid(child, 0)
    assert slots._stamps[0, sent.place] > 0
    del found
    gc.collect()
    assert slots._stamps[0, sent.place] == 0


def test_who_keeps_many_batches_gets_copies():
    slots = Slots(workers=1, ahead=2, size=1000)
    kept = [slots.received(written(slots, value=number), pin_memory=False) for number in range(12)]
    assert [int(tensors["a"].max()) for tensors in kept] == list(range(12))


def test_batches_that_were_thrown_away_give_their_places_back():
    slots = Slots(workers=1, ahead=2, size=1000)
    kept = [slots.received(written(slots), pin_memory=False) for _ in range(2)]
    written(slots), written(slots)
    assert slots.free_place(0) is None
    slots._stamps[0, 0] = 0
    slots.received(written(slots), pin_memory=False)
    assert slots.free_place(0) is not None
    assert len(kept) == 2


def test_what_does_not_fit_is_shared_by_itself():
    place = Slots(1, 2, 100).free_place(0)
    assert place is not None
    size = len(place._memory)
    assert place.allocate_or_share("a", (size,), torch.bool) is not None
    assert place.holds_all
    assert place.allocate_or_share("b", (1,), torch.float32).is_shared()
    assert not place.holds_all


def test_fresh_memory_has_the_shape_and_kind():
    made = fresh((3, 4), torch.bool)
    assert made.shape == (3, 4)
    assert made.dtype == torch.bool


def test_memory_is_used_again_when_nothing_refers_to_it():
    first = fresh((LARGE,), torch.float32)
    address = first.data_ptr()
    part = first[5:9]
    del first
    second = fresh((LARGE,), torch.float32)
    assert second.data_ptr() != address
    del part
    assert fresh((LARGE - 7,), torch.float32).data_ptr() == address


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
