"""The three schedules of fairseq-signals, as functions of the 0-based update (`--scheduler_args key=value`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from src.errors import UserError

Rate = Callable[[int], float]
DEFAULT_PHASES = (0.1, 0.4, 0.5)  # of all shipped configurations but one


@dataclass(frozen=True)
class TriStage:
    """A linear rise, a plateau, an exponential fall (Park et al., SpecAugment, 2019); then the last rate.

    The phases are counts of updates, or the shares `phase_ratio` of the run, cut to whole updates.
    """

    phase_ratio: tuple[float, ...] = ()  # shares of rise, plateau, fall; their sum is 1
    warmup_steps: int = 0
    hold_steps: int = 0
    decay_steps: int = 0
    init_lr_scale: float = 0.01  # first rate over --lr
    final_lr_scale: float = 0.01  # last rate over --lr

    def __post_init__(self) -> None:
        counts = (self.warmup_steps, self.hold_steps, self.decay_steps)
        if self.phase_ratio and any(counts):
            raise UserError("--scheduler_args: phase_ratio and warmup_steps, hold_steps, decay_steps say the same",
                            "give the shares or the counts")
        if self.phase_ratio and (len(self.phase_ratio) != 3 or min(self.phase_ratio) < 0
                                 or abs(sum(self.phase_ratio) - 1) > 1e-9):
            raise UserError(f"--scheduler_args phase_ratio={','.join(map(str, self.phase_ratio))}: three shares with "
                            "the sum 1 are expected", "for instance phase_ratio=0.1,0.4,0.5")
        if min(counts) < 0 or not (0 < self.init_lr_scale <= 1 and 0 < self.final_lr_scale <= 1):
            raise UserError("--scheduler_args: counts are at least 0, init_lr_scale and final_lr_scale above 0 and at "
                            "most 1")

    def rate(self, lr: float, total: int) -> Rate:
        """The schedule of a run of `total` updates."""
        rise, hold, fall = self.warmup_steps, self.hold_steps, self.decay_steps
        if not (rise or hold or fall):
            rise, hold, fall = (int(share * total) for share in self.phase_ratio or DEFAULT_PHASES)

        def at(update: int) -> float:
            if update < rise:
                return lr * (self.init_lr_scale + (1 - self.init_lr_scale) * update / rise)
            if update < rise + hold:
                return lr
            if update <= rise + hold + fall:
                return lr * math.exp(math.log(self.final_lr_scale) * (update - rise - hold) / max(fall, 1))
            return lr * self.final_lr_scale

        return at


@dataclass(frozen=True)
class FairseqStep:
    """The original's `step`: a warm-up from `warmup_start_lr`, then times `lr_decay` every `lr_decay_period`."""

    lr_decay_period: int = 25000
    lr_decay: float = 0.5

    def __post_init__(self) -> None:
        if self.lr_decay_period < 1 or not 0 < self.lr_decay <= 1:
            raise UserError(f"--scheduler_args lr_decay_period={self.lr_decay_period} lr_decay={self.lr_decay:g}: "
                            "expected a period of at least 1 update, a factor above 0 and at most 1")

    def rate(self, lr: float, min_lr: float, warmup: int, warmup_start: float) -> Rate:
        start = max(warmup_start, min_lr)

        def at(update: int) -> float:
            if update < warmup:
                return start + update * (lr - start) / warmup
            return max(lr * self.lr_decay ** ((update - warmup) // self.lr_decay_period), min_lr)

        return at


@dataclass(frozen=True)
class Fixed:
    """A rate for each epoch, the last one for all further; from epoch `force_anneal` (counted from 1) it shrinks."""

    lr: tuple[float, ...] = ()  # of epoch 1, 2, ...; empty = --lr
    force_anneal: int | None = None
    lr_shrink: float = 0.1

    def __post_init__(self) -> None:
        wrong = any(not rate > 0 for rate in self.lr) or not 0 < self.lr_shrink <= 1
        if wrong or (self.force_anneal is not None and self.force_anneal < 1):
            raise UserError("--scheduler_args: rates are above 0, force_anneal is an epoch (the first is 1), lr_shrink "
                            "above 0 and at most 1")

    def rate(self, lr: float, updates_per_epoch: int, warmup: int) -> Rate:
        rates = self.lr or (lr,)

        def at(update: int) -> float:
            epoch = update // updates_per_epoch + 1
            if self.force_anneal is None or epoch < self.force_anneal:
                now = rates[min(epoch, len(rates)) - 1]
            else:
                now = rates[-1] * self.lr_shrink ** (epoch + 1 - self.force_anneal)
            return now * min(1.0, (update + 1) / warmup) if warmup else now

        return at


SCHEDULES = {"tri_stage": TriStage, "fairseq_step": FairseqStep, "fixed": Fixed}
