"""What is finished: one append-only JSONL file per block of records, one line per record, in the order of the records.

- A line is written in one piece and only after its record's samples: a process that is killed loses nothing that the
  journal names. Both are brought to the disk in groups, samples first, against a power failure.
- A last line that is torn counts as not written.
- The file is locked while a process appends to it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable
from errno import ENOSPC
from pathlib import Path
from typing import Any

from src.errors import UserError

SYNC_S = 2.0  # at most so much work is lost by a power failure
PATIENCE_S = 20.0  # for a worker of a killed preparation to be gone


def read_journal(path: Path) -> tuple[list[dict[str, Any]], list[int]]:
    """The entries, and the position in the file behind each; UserError where a line before the last is damaged."""
    if not path.exists():
        return [], []
    entries, ends, end = [], [], 0
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):  # behind the last newline: nothing, or a torn line
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            if number == len(lines) - 1:
                break
            raise UserError(f"{path}: line {number} is damaged", "prepare into a new folder")
        end += len(line) + 1
        entries.append(entry)
        ends.append(end)
    return entries, ends


class Journal:
    """Appends to one file. Use as a context."""

    def __init__(self, path: Path):
        self.path, self._synced = path, time.monotonic()

    def __enter__(self) -> Journal:
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._lock()
        return self

    def _lock(self) -> None:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    os.close(self._file)
                    raise UserError(f"{self.path} is being written by another process",
                                    "wait for the other preparation into this folder, or stop it") from None
                time.sleep(0.05)

    def cut(self, end: int) -> None:
        """Forget what is behind position `end`, and append from there."""
        os.ftruncate(self._file, end)
        os.lseek(self._file, end, os.SEEK_SET)

    def append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        if os.write(self._file, line) < len(line):
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(self.path))

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._synced > SYNC_S

    def sync(self, samples: Callable[[], None]) -> None:
        """To the disk: first what the lines speak of, then they."""
        samples()
        os.fsync(self._file)
        self._synced = time.monotonic()

    def __exit__(self, *error) -> None:
        os.close(self._file)
