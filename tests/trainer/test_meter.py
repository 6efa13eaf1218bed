"""Running means survive a change of the number of processes."""

from __future__ import annotations

import torch

from src.trainer.distributed import World
from src.trainer.meter import Meter, shared_out

STATES = [{"epoch": {"loss": [6.0, 3.0]}, "interval": {}, "norm": 1.0},
          {"epoch": {"loss": [2.0, 1.0], "size": [1.0, 1.0]}, "interval": {"loss": [2.0, 1.0]}, "norm": 1.0}]


def test_as_many_ranks_as_before_get_their_own_sums_back():
    assert [shared_out(STATES, rank, 2) for rank in range(2)] == STATES


def test_one_process_takes_the_sums_of_both():
    meter = Meter()
    meter.load_state_dict(shared_out(STATES, 0, 1))
    assert meter.means(World()) == {"loss": 2.0, "size": 1.0}
    assert meter.interval_means(World()) == {"loss": 2.0}


def test_of_more_processes_the_first_takes_the_sums_and_all_know_the_names():
    first, *others = (shared_out(STATES, rank, 3) for rank in range(3))
    assert first["epoch"]["loss"] == [8.0, 4.0]
    for other in others:
        assert other["epoch"] == {"loss": [0.0, 0.0], "size": [0.0, 0.0]}


def test_samples_are_counted_and_not_what_the_losses_weigh():
    meter = Meter()
    meter.add(torch.tensor(1.0), 500.0, None, samples=4)
    meter.add(torch.tensor(1.0), 300.0, None, samples=2)
    meter.read()
    assert meter.samples_of_epoch == 6
    assert meter.samples_per_second() > 0
    assert meter.samples_per_second() == 0
    meter.reset()
    assert meter.samples_of_epoch == 0
