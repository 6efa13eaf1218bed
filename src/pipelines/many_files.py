"""The same work on very many small items by all cores: `in_processes` gives the results of each handful as they end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from typing import Any, TypeVar

from src.data.prepare.progress import Counter
from src.errors import UserError
from src.machine import cores

HANDFUL = 64  # items that a process gets at once
FEW = 2 * HANDFUL  # of so many or fewer no process is started

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(work: Callable[[Item], Result], items: Sequence[Item], workers: int | None) -> Iterator[list[Result]]:
    """`work` (a function of a module, or a partial of one) of each item, a handful at a time, in any order.

    `workers` None uses every core, 0 this process alone. UserError where a process died.
    """
    workers = cores() if workers is None else workers
    handfuls = [items[first:first + HANDFUL] for first in range(0, len(items), HANDFUL)]
    if workers <= 1 or len(items) <= FEW:
        yield from ([work(item) for item in handful] for handful in handfuls)
        return
    with Counter(len(items), 0) as counter:
        done = 0
        for results in _by_pool(work, handfuls, workers):
            done += len(results)
            counter.show(done)
            yield results


def _by_pool(work: Callable[[Item], Result], handfuls: list[Sequence[Item]], workers: int) -> Iterator[list[Result]]:
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _end_with_parent)
    waiting: set[Future[list[Any]]] = set()
    rest = iter(handfuls)
    try:
        waiting = {pool.submit(_handful, work, items) for _, items in zip(range(2 * workers), rest)}
        while waiting:
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            waiting |= {pool.submit(_handful, work, items) for _, items in zip(ended, rest)}
            for future in ended:
                yield future.result()
    except BrokenProcessPool:
        raise UserError("a worker process died: perhaps the machine ran out of memory",
                        "the same command goes on where it was; give fewer --num_workers") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _handful(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [work(item) for item in items]


def _end_with_parent() -> None:
    """The parent answers Ctrl-C; without it nobody would end this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (wait_for([parent.sentinel]), os._exit(1)), daemon=True).start()
