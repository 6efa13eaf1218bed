"""--layout: a run's weights also in another system's folder tree. Called by `run_state` where a run opens and saves."""

from __future__ import annotations

from typing import Any

from src.interop.layouts.duin import DuinView, is_kept, training_params


def check(trainer: Any) -> None:
    """Before a new run has its folder: UserError where the place of its view is taken."""
    if trainer.args.layout:
        _view(trainer).check()


def claim(trainer: Any) -> None:
    if trainer.args.layout:
        _view(trainer).claim(trainer.folder)


def add(trainer: Any) -> None:
    """The weights at the end of an epoch, where the view has that epoch."""
    args, epoch = trainer.args, trainer.current_epoch - 1
    if args.layout and not trainer.is_inside_epoch and is_kept(epoch, args.save_freq, trainer.is_complete):
        _view(trainer).add(epoch, trainer.model, training_params(args, _subjects(trainer)))


def _view(trainer: Any) -> DuinView:
    return DuinView(trainer.args.model, _subjects(trainer))


def _subjects(trainer: Any) -> list[str]:
    return sorted(set(trainer.data.dataset.records.subject.tolist())) if trainer.data is not None else []
