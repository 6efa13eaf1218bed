"""What `--layout duin` adds to training: the weights of epochs in Du-IN's tree."""

from __future__ import annotations

from typing import Any

from src.interop.layouts.duin import DuinView, is_kept, training_params


def check(trainer: Any) -> None:
    _view(trainer).check()


def claim(trainer: Any) -> None:
    _view(trainer).claim(trainer.folder)


def add(trainer: Any, state: dict[str, Any], is_best: bool) -> None:
    """The weights at the end of an epoch, where the view has that epoch."""
    args, epoch = trainer.args, trainer.current_epoch - 1
    if not trainer.is_inside_epoch and is_kept(epoch, args.save_freq, trainer.is_complete):
        _view(trainer).add(epoch, trainer.model, training_params(args, _subjects(trainer)))


def finish(trainer: Any) -> None:
    """The weights are all there is."""


def _view(trainer: Any) -> DuinView:
    return DuinView(trainer.args.model, _subjects(trainer))


def _subjects(trainer: Any) -> list[str]:
    return sorted(set(trainer.data.dataset.records.subject.tolist())) if trainer.data is not None else []
