"""What this process may use of the machine."""

from __future__ import annotations

import os


def cores() -> int:
    """Those that a batch system or `taskset` left to this process; all where the system does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
