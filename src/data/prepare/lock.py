"""One preparation per folder, or one per shard of it: locks that a killed process cannot leave behind."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from src.errors import UserError


@contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = False) -> Iterator[None]:
    """Hold the lock file `path`; UserError with who holds it where it is taken and `wait` is not said."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise UserError(f"{path.parent}: another preparation works in this folder ({_holder(file)})",
                            "wait until it ends, stop it, or name another --output") from None
        if not shared:
            os.ftruncate(file, 0)
            about = {"pid": os.getpid(), "machine": os.uname().nodename, "since": time.strftime("%Y-%m-%d %H:%M:%S")}
            os.pwrite(file, json.dumps(about).encode(), 0)
        yield
    finally:
        os.close(file)


def _holder(file: int) -> str:
    try:
        about = json.loads(os.pread(file, 4096, 0))
        return f"process {int(about['pid'])} on {about['machine']!s:.60}, since {about['since']!s:.30}"
    except (ValueError, KeyError, TypeError):
        return "it has just begun"
