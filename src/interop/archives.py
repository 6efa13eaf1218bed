"""Whether a zip archive (what torch.save writes) is whole: its table, and the CRC-32 of every entry.

torch.load looks at neither and accepts a flipped bit.
"""

from __future__ import annotations

import zipfile
from pathlib import Path


def is_archive(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # an end record that makes no sense
        return False


def damage(path: Path) -> str:
    """What is wrong with the archive at `path`; empty where every checksum is right."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except Exception as error:  # zipfile raises BadZipFile, EOFError, OSError, struct.error... for damaged archives
        return f"damaged or cut short: {first_line(error)}"
    return f"damaged, the checksum of {damaged} does not match" if damaged else ""


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def what_it_is(path: Path) -> str:
    """Of a file that is no archive of tensors, for people."""
    with open(path, "rb") as file:
        head = file.read(64)
    if not head:
        return "an empty file"
    if head.startswith(b"\x80"):
        return "a bare pickle, which could run code when loaded"
    if head.startswith(b"PK"):
        return "a truncated or damaged archive"
    text = head.decode("utf8", errors="ignore")  # the 64 bytes may end inside a letter
    return "a text file" if text and all(c.isprintable() or c in "\t\r\n" for c in text) else "a file of another kind"
