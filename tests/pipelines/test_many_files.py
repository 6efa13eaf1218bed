from __future__ import annotations

import os

import pytest

from src.errors import UserError
from src.pipelines.many_files import FEW, in_processes


def square(number: int) -> int:
    return number * number


def leave(number: int) -> int:
    os._exit(1)


@pytest.mark.parametrize("workers", [0, 2])
def test_every_item_is_worked_on_once(workers):
    items = list(range(FEW + 70))
    found = [result for handful in in_processes(square, items, workers) for result in handful]
    assert sorted(found) == [number * number for number in items]


def test_a_process_that_dies_is_said(monkeypatch):
    with pytest.raises(UserError, match="a worker process died"):
        list(in_processes(leave, list(range(FEW + 1)), 2))
