"""--layout: a run also in another system's folder tree. Called by `run_state` where a run opens, saves and ends."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from src.trainer import duin_view, tensor_view

VIEWS: dict[str | None, ModuleType] = {"duin": duin_view, "tensor_pipeline": tensor_view}


def check(trainer: Any) -> None:
    """Before a new run has its folder: UserError where the place of its view is taken."""
    if trainer.args.layout in VIEWS:
        VIEWS[trainer.args.layout].check(trainer)


def claim(trainer: Any) -> None:
    if trainer.args.layout in VIEWS:
        VIEWS[trainer.args.layout].claim(trainer)


def add(trainer: Any, state: dict[str, Any], is_best: bool) -> None:
    """What `state`, about to be saved, adds to the view."""
    if trainer.args.layout in VIEWS:
        VIEWS[trainer.args.layout].add(trainer, state, is_best)


def finish(trainer: Any) -> None:
    """After the last epoch."""
    if trainer.args.layout in VIEWS:
        VIEWS[trainer.args.layout].finish(trainer)
