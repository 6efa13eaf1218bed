"""Learning-rate schedules as pure functions of the update number, so resuming needs no schedule state.

A warm-up rises linearly to `lr`; what follows never falls below `min_lr`, and cosine and onecycle end there exactly on
the last update. With unit "epoch" the rate changes once per epoch as in Du-IN's code, whose last epoch stays
slightly above `min_lr`. The plateau schedule alone has a state: the validation scores decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from src.errors import UserError
from src.options import build, key_values
from src.trainer.fairseq_schedules import SCHEDULES, Fixed, Rate, TriStage

ONECYCLE_START = 25.0  # the first rate is lr / 25, and the rise takes a fifth of the run unless a warm-up is given
ONECYCLE_RISE = 0.2


def epoch_cosine(epoch: int, epochs: int, warmup_epochs: int, lr_max: float, lr_min: float) -> float:
    """Du-IN's rate of a 0-based epoch: (e+1)/W of the peak, then half a cosine over the N-W epochs after it."""
    if epoch < warmup_epochs:
        return lr_max * (epoch + 1) / warmup_epochs
    return _cosine(lr_max, lr_min, (epoch - warmup_epochs) / max(epochs - warmup_epochs, 1))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(max(share, 0.0), 1.0)))


def curve(kind: str, *, lr: float, min_lr: float = 0.0, total: int, warmup: int = 0, warmup_start: float = 0.0,
          per_epoch: float = 1.0, gamma: float = 0.1, step_size: float | None = None,
          last_is_min: bool = True) -> Callable[[int], float]:
    """position -> learning rate. `total` and `warmup` count positions: updates, or epochs; an epoch has `per_epoch`.

    `last_is_min`: cosine reaches `min_lr` at position total-1; False keeps the original's open end.
    """
    if kind == "onecycle":
        warmup = warmup or round(ONECYCLE_RISE * total)
        warmup_start = max(warmup_start or lr / ONECYCLE_START, min_lr)
    length = total - warmup - (1 if last_is_min else 0)
    step = max(step_size if step_size is not None else total / per_epoch / 3, 1e-9) * per_epoch

    def after_warmup(position: int) -> float:
        if kind in ("cosine", "onecycle"):
            return _cosine(lr, min_lr, position / length if length > 0 else 1.0)
        if kind == "step":
            return lr * gamma ** math.floor(position / step + 1e-9)
        if kind == "exponential":
            return lr * gamma ** (position / per_epoch)
        return lr  # constant, and plateau before its factor

    def at(position: int) -> float:
        if position >= warmup:
            return max(after_warmup(position - warmup), min_lr)
        if kind == "onecycle":
            return _cosine(lr, warmup_start, 1 - position / warmup)
        return max(warmup_start + (lr - warmup_start) * (position + 1) / warmup, min(min_lr, lr))

    return at


class Schedule:
    """Sets the rate of every parameter group for the update to come; looks like a torch scheduler where scripts ask.

    `step()` after each update; `observe(value)` after each validation, which only plateau heeds.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, at: Callable[[int], float], *, updates_per_position: int = 1,
                 plateau: dict[str, Any] | None = None):
        self.optimizer, self.at, self.updates_per_position, self.plateau = optimizer, at, updates_per_position, plateau
        self.update = 0
        self.factor, self.best, self.bad = 1.0, None, 0
        self.apply()

    def apply(self) -> None:
        lr = self.at(self.update // self.updates_per_position)
        if self.plateau is not None and self.factor != 1.0:
            lr = max(lr * self.factor, self.plateau["min_lr"])
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group.get("lr_scale", 1.0)

    def step(self) -> None:
        self.update += 1
        self.apply()

    def observe(self, value: float) -> None:
        """`value`: the monitored metric. After `patience` validations without progress the rate is multiplied."""
        if self.plateau is None:
            return
        better = self.best is None or (value > self.best if self.plateau["mode"] == "max" else value < self.best)
        self.best, self.bad = (value, 0) if better else (self.best, self.bad + 1)
        if self.bad > self.plateau["patience"]:
            self.factor, self.bad = self.factor * self.plateau["factor"], 0
            self.apply()

    def get_last_lr(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {"update": self.update, "factor": self.factor, "best": self.best, "bad": self.bad}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.update, self.factor, self.best, self.bad = state["update"], state["factor"], state["best"], state["bad"]
        self.apply()


def build_schedule(optimizer: torch.optim.Optimizer, args, updates_per_epoch: int, total: int, mode: str) -> Schedule:
    """The schedule that the flags ask for; `total` updates in the run, `mode` says what plateau calls better."""
    by_epoch = args.schedule_unit == "epoch" and args.scheduler not in ("plateau", "onecycle")
    per_epoch = 1 if by_epoch else updates_per_epoch
    positions = math.ceil(total / updates_per_epoch) if by_epoch else total
    warmup = args.warmup_steps if args.warmup_steps is not None else round(args.warmup_epochs * updates_per_epoch)
    sources = getattr(args, "sources", {})
    if warmup > total:
        if not sources or "command line" in (sources.get("warmup_epochs"), sources.get("warmup_steps")):
            raise UserError(f"a warm-up of {warmup} updates is longer than the training of {total}",
                            f"an epoch has {updates_per_epoch} updates: lower --warmup_epochs or --warmup_steps")
        warmup = total // 10
    if by_epoch:
        warmup = math.ceil(warmup / updates_per_epoch)
    if args.scheduler in SCHEDULES:
        return Schedule(optimizer, of_fairseq(args, updates_per_epoch, total, warmup))
    at = curve(args.scheduler, lr=args.lr, min_lr=min(args.min_lr, args.lr), total=positions, warmup=warmup,
               warmup_start=args.warmup_start_lr, per_epoch=per_epoch, gamma=args.gamma, step_size=args.step_size,
               last_is_min=not by_epoch)
    plateau = None
    if args.scheduler == "plateau":
        plateau = {"mode": mode, "patience": args.scheduler_patience, "factor": args.scheduler_factor,
                   "min_lr": args.min_lr}
    return Schedule(optimizer, at, updates_per_position=updates_per_epoch if by_epoch else 1, plateau=plateau)


def of_fairseq(args: Any, updates_per_epoch: int, total: int, warmup: int) -> Rate:
    """One of fairseq-signals' schedules, by --scheduler and --scheduler_args."""
    chosen = build(SCHEDULES[args.scheduler], key_values(args.scheduler_args), "scheduler option")
    if isinstance(chosen, TriStage):
        return chosen.rate(args.lr, total)
    if isinstance(chosen, Fixed):
        return chosen.rate(args.lr, updates_per_epoch, warmup)
    return chosen.rate(args.lr, min(args.min_lr, args.lr), warmup, args.warmup_start_lr)
