"""No array is read that this machine could not hold: headers promise sizes, and headers come from strangers."""

from __future__ import annotations

import os
from pathlib import Path

from src.errors import UserError


def check_memory(size: int, what: Path | str) -> None:
    """UserError where `size` bytes are more than half of this machine's memory."""
    limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 if hasattr(os, "sysconf") else 8 << 30
    if size > limit:
        raise UserError(f"{what}: its header promises {size / 2**30:.1f} GiB, more than half of this machine's memory",
                        "store it as .npy or with numpy.savez (uncompressed): these are read piece by piece")
