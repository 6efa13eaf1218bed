"""Checks that a model's Config makes of itself, so that a wrong value is refused before anything is built."""

from __future__ import annotations

from src.errors import UserError


def at_least(name: str, value: int, smallest: int = 1) -> None:
    """Raise UserError unless `value` is `smallest` or more."""
    if value < smallest:
        raise UserError(f"{name} is {value}, expected {smallest} or more", f"--model_args {name}=N")


def odd(name: str, value: int) -> None:
    """Raise UserError unless a kernel has a middle sample, which keeps the output centred on the input."""
    if value < 1 or value % 2 == 0:
        raise UserError(f"{name} is {value}, expected an odd number", f"--model_args {name}={max(value + 1, 1)}")


def probability(name: str, value: float) -> None:
    """Raise UserError unless 0 <= `value` < 1."""
    if not 0.0 <= value < 1.0:
        raise UserError(f"{name} is {value}, expected 0 or more and less than 1", f"--model_args {name}=0.2")
