"""Two processes that are one world, for the tests of what several ranks do together."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import torch

from src.trainer import distributed

RANKS = 2


def on_two_ranks(work: Callable[..., None], *args: Any) -> None:
    """`work(rank, *args)` in each of two processes; its answers go into files. Fails where one of them does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(_joined, (port, work, args), nprocs=RANKS)


def _joined(rank: int, port: int, work: Callable[..., None], args: tuple) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(RANKS), "MASTER_ADDR": "127.0.0.1",
                   "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    try:
        work(rank, *args)
    finally:
        distributed.leave()
