"""What a run is about to do, in one block before anything slow."""

from __future__ import annotations

from typing import Any

from src.data.census import census
from src.trainer.display import say


def show(trainer: Any, notes: list[str]) -> None:
    """Data with the check that nothing leaks (a leak stops the run), model, machine, length. The main rank alone."""
    if not trainer.world.is_main:
        return
    lines = census(trainer.data.dataset, trainer.data.rows)
    model, args = trainer.model, trainer.args
    total = sum(p.numel() for p in model.parameters())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = f" ({trainable:,} trainable)" if trainable != total else ""
    ranks = f", {trainer.world.size} processes" if trainer.world.size > 1 else ""
    lines += [
        f"model     {args.model}, {total:,} parameters{frozen}",
        *(f"note      {note}" for note in getattr(model, "notes", ())),
        f"machine   {trainer.device}{ranks}, {trainer.precision.note}",
        f"training  {trainer.epochs} epochs of {trainer.updates_per_epoch} updates, {args.optimizer} at {args.lr:g} "
        f"({args.scheduler}), best by {trainer.progress.monitor}",
        *(f"note      {note}" for note in notes),
    ]
    if args.dry_run:
        lines += [f"group     {len(group['params'])} tensors, lr x {group.get('lr_scale', 1):.3g}, "
                  f"decay {group['weight_decay']:g}" for group in trainer.optimizer.param_groups]
        lines += ["dry run   nothing is trained or written"]
    say("\n".join(lines))
