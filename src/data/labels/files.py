"""Files of a table: whole or not there, and a UserError where a folder cannot be written to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from src.errors import UserError
from src.files import whole


def write_text(path: Path, text: str) -> None:
    _write(path, lambda stream: stream.write(text.encode()))


def write_array(path: Path, array: np.ndarray) -> None:
    _write(path, lambda stream: np.save(stream, array, allow_pickle=False))


def _write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    try:
        with whole(path) as stream:
            fill(stream)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}", "choose another folder") from error
