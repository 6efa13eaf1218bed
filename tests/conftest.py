"""Options of the whole suite, and one thread for all but its slow tests: their models are too small for more."""

from __future__ import annotations

import os

import pytest
import torch


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="append", default=[], metavar="DIR",
                     help="run tests/golden on this folder too (it, or its subfolders, hold a golden.json); repeatable")
    parser.addoption("--recordings", default=os.environ.get("VAGUS_RECORDINGS"), metavar="DIR",
                     help="folder of real recordings; default: the variable VAGUS_RECORDINGS")


@pytest.fixture(autouse=True)
def _one_thread(request: pytest.FixtureRequest):
    if request.node.get_closest_marker("slow"):
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory):
    """A small pack of recordings for tests of the doors, which leave it as it is."""
    from tests import doors

    return doors.write_recordings(tmp_path_factory.mktemp("data") / "toy.npz")
