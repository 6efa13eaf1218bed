"""One file per format: bytes on disk -> arrays or a `Recording`; `read_recording` is the one call for all of them.
Nothing read is ever executed; sizes are checked before memory is asked for. No labels, no splits, no windows here."""

from __future__ import annotations

from typing import Any

__all__ = ["read_recording", "recording_names"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from src.data.readers import recording

        return getattr(recording, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
