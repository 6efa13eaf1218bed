"""Checks of the options of the simulated data."""

from __future__ import annotations

from collections.abc import Iterable

from src.errors import UserError, did_you_mean


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise UserError unless low <= value <= high."""
    if not low <= value <= high:
        raise UserError(f"{name}={value} is outside {low:g}..{high:g}", f"--dataset_args {name}=N with N in that range")


def check_choice(name: str, value, known: Iterable) -> None:
    """Raise UserError unless `value` is one of the known ones."""
    known = list(known)
    if value not in known:
        near = did_you_mean(value, known) if isinstance(value, str) else ""
        raise UserError(f"{name}={value!r} is unknown{near}", f"known: {', '.join(str(item) for item in known)}")


def check_no_path(name: str, data_path) -> None:
    """Raise UserError when a folder is given for data that are made on the fly."""
    if data_path is not None:
        raise UserError(f"{name} is made on the fly and reads no files, but --data_path {data_path} is given",
                        f"leave out --data_path, or leave out --dataset {name} to use that folder")
