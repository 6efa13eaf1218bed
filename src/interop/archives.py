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
