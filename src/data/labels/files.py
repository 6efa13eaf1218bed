"""Files of a table are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from src.errors import UserError


def write_text(path: Path, text: str) -> None:
    _write(path, lambda stream: stream.write(text.encode()))


def write_array(path: Path, array: np.ndarray) -> None:
    _write(path, lambda stream: np.save(stream, array, allow_pickle=False))


def _write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            fill(stream)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"{path} cannot be written: {error.strerror}", "choose another folder") from error
