"""Where the files of a WFDB record may lie: below the data folder, whatever a header or a link says.

A data set asks this for each of its files, so a folder is resolved once and a file costs one lstat.
"""

from __future__ import annotations

import os
import stat
from functools import lru_cache

from src.errors import BadRecord


def folder_of(root: str, below: str, record: str) -> str:
    """`root/below`, which may not leave `root`, neither by its name nor by a link; BadRecord otherwise."""
    if reason := _outside(root, below):
        raise BadRecord(record, f"outside the data folder: {reason}")
    return os.path.join(root, below) if below else root


@lru_cache(maxsize=4096)
def _outside(root: str, below: str) -> str:
    """Why a folder is not below `root`, "" where it is."""
    if below.startswith("/") or "\\" in below or "://" in below or "\0" in below or ".." in below.split("/"):
        return below
    target, within = os.path.realpath(os.path.join(root, below)), os.path.realpath(root)
    inside = target == within or target.startswith(os.path.join(within, ""))
    return "" if inside else f"{below} is a link to {target}"


def file_in(root: str, folder: str, name: str, record: str) -> tuple[str, int]:
    """The path and the size of the file `name` of `folder`, itself checked by `folder_of`.

    BadRecord where it is not there, no regular file, named as a path, or a link that leads out of `root`.
    """
    if "/" in name or "\\" in name or "\0" in name or name in ("", ".", "..") or (os.name == "nt" and ":" in name):
        raise BadRecord(record, f"outside the data folder: {name}")
    path = f"{folder}{os.sep}{name}" if folder else name
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            _check_link(root, path, name, record)
            found = os.stat(path)
    except (OSError, ValueError):
        raise BadRecord(record, f"no such file: {name}") from None
    if not stat.S_ISREG(found.st_mode):
        raise BadRecord(record, f"no such file: {name} is no regular file")
    return path, found.st_size


def _check_link(root: str, path: str, name: str, record: str) -> None:
    target = os.path.realpath(path)
    if not target.startswith(os.path.join(os.path.realpath(root), "")):
        raise BadRecord(record, f"outside the data folder: {name} is a link to {target}")


def read_bytes(path: str, offset: int, count: int) -> bytes:
    """`count` bytes from `offset`; fewer where the file ends before."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        if offset:
            os.lseek(descriptor, offset, os.SEEK_SET)
        data = os.read(descriptor, count)
        while len(data) < count and (more := os.read(descriptor, count - len(data))):
            data += more
        return data
    finally:
        os.close(descriptor)
