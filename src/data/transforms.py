"""Augmentations of one training signal: (channels, samples) float32 and a generator -> signal of the same shape.

Those of this file see normalised signals (about unit variance); those of `transforms_recorded` and
`transforms_fairseq` are called before the normaliser. All draw only from the generator of (seed, epoch, record,
repeat) and may write into the array they are given. What was absent stays so: `augment` sets it to zero after them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from src.data.normalize import blank
from src.data.signal import Sample, SignalSpec
from src.data.transforms_fairseq import FAIRSEQ
from src.data.transforms_recorded import RECORDED, RecordedTransform
from src.errors import UserError, did_you_mean

Transform = Callable[[np.ndarray, np.random.Generator], np.ndarray]
AnyTransform = Transform | RecordedTransform


class Shift:
    """Moves all channels together by a uniform whole number of samples within +-`reach`; zeros move in.

    `reach` is in samples if >= 1 and a share of the window if < 1. A shift of 0 leaves the signal as it is; in the
    replica of Du-IN it leaves nothing.
    """

    def __init__(self, reach: float, replica: bool = False):
        self.reach, self.replica = _at_least_zero("shift", reach), replica

    def __call__(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        samples = signal.shape[1]
        reach = min(int(self.reach if self.reach >= 1 else self.reach * samples), samples)
        return shifted(signal, int(rng.integers(-reach, reach + 1)), self.replica)


def shifted(signal: np.ndarray, by: int, replica: bool = False) -> np.ndarray:
    """(C, T) moved later by `by` samples (earlier where negative), zeros where it leaves."""
    if by == 0 and not replica:
        return signal
    moved = np.zeros_like(signal)
    if by > 0:
        moved[:, by:] = signal[:, :-by]
    elif by < 0:
        moved[:, :by] = signal[:, -by:]
    return moved


class Noise:
    """Adds white Gaussian noise of standard deviation `sd` (of a unit-variance signal)."""

    def __init__(self, sd: float):
        self.sd = _at_least_zero("noise", sd)

    def __call__(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        signal += self.sd * rng.standard_normal(signal.shape, dtype=np.float32)
        return signal


class Scale:
    """Multiplies the whole signal by exp(N(0, sd)): amplitudes vary by about `sd` in either direction."""

    def __init__(self, sd: float):
        self.sd = _at_least_zero("scale", sd)

    def __call__(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        signal *= np.float32(np.exp(self.sd * rng.standard_normal()))
        return signal


class Flip:
    """Turns the sign of all channels with probability `p`: the polarity of a lead or contact that may be reversed."""

    def __init__(self, p: float):
        self.p = _share("flip", p)

    def __call__(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if rng.random() < self.p:
            np.negative(signal, out=signal)
        return signal


class ChannelDropout:
    """Sets each channel to zero with probability `p`; one that is drawn at random always stays."""

    def __init__(self, p: float):
        self.p = _share("channel_dropout", p)

    def __call__(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        dropped = rng.random(len(signal)) < self.p
        dropped[rng.integers(len(signal))] = False
        signal[dropped] = 0
        return signal


class TimeMask:
    """Sets one stretch of all channels to zero; its length is uniform up to `share` of the window."""

    def __init__(self, share: float):
        self.share = _share("time_mask", share)

    def __call__(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        samples = signal.shape[1]
        length = int(rng.integers(0, int(self.share * samples) + 1))
        start = int(rng.integers(0, samples - length + 1))
        signal[:, start:start + length] = 0
        return signal


class Sometimes:
    """`change` with probability `p`; whether is drawn first, as fairseq-signals does."""

    def __init__(self, change: AnyTransform, p: float):
        self.change, self.p = change, p

    def __call__(self, what: Any, rng: np.random.Generator) -> Any:
        return self.change(what, rng) if rng.uniform() < self.p else what


TRANSFORMS: dict[str, Callable[[float], Transform]] = {
    "shift": Shift, "noise": Noise, "scale": Scale, "flip": Flip, "channel_dropout": ChannelDropout,
    "time_mask": TimeMask,
}
AS_RECORDED: dict[str, Callable[..., RecordedTransform]] = {**RECORDED, **FAIRSEQ}
NUMBERS = {"conditional_leads_masking": "LIMB,CHEST"}  # of those that take more than one


def parse_augmentation(texts: Sequence[str], replica: bool = False, spec: SignalSpec | None = None
                       ) -> list[AnyTransform]:
    """["shift=200", "noise=0.1@0.5"] -> transforms in that order, the second made with probability 0.5; UserError for
    unknown names and wrong numbers, and where signals of `spec` cannot have one.

    In the `replica` of Du-IN a shift of 0 samples leaves an empty signal.
    """
    chain = [_parse_one(text, spec) for text in texts if text != "none"]
    for one in map(_ungated, chain):
        if isinstance(one, Shift):
            one.replica = replica
    return chain


def _parse_one(text: str, spec: SignalSpec | None) -> AnyTransform:
    name, _, value = text.partition("=")
    name, known = name.strip().replace("-", "_"), [*TRANSFORMS, *AS_RECORDED]
    if name not in known:
        raise UserError(f"unknown augmentation {name!r}{did_you_mean(name, known)}",
                        f"known: {', '.join(f'{word}={_numbers_of(word)}' for word in known)}, each perhaps with "
                        "@PROBABILITY; or none")
    value, at, p = value.partition("@")
    numbers, form = _floats(value), _numbers_of(name)
    if len(numbers) != len(form.split(",")):
        raise UserError(f"--augmentation {text}: expected {name}={form}, found {value or 'no number'!r}",
                        f"a probability comes after it: {name}={form}@0.5")
    if name not in TRANSFORMS and spec is None:
        raise UserError(f"--augmentation {text}: holds for a data set that says its channels, rate and unit")
    made = TRANSFORMS[name](*numbers) if name in TRANSFORMS else AS_RECORDED[name](*numbers, spec)
    return Sometimes(made, _probability(text, p)) if at else made


def _floats(text: str) -> list[float]:
    """Numbers with commas between; [] where one is none."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return []


def _numbers_of(name: str) -> str:
    return NUMBERS.get(name, "NUMBER")


def _probability(text: str, value: str) -> float:
    found = _floats(value)
    if len(found) != 1 or not 0 <= found[0] <= 1:
        raise UserError(f"--augmentation {text}: expected a probability from 0 to 1 after @, found "
                        f"{value or 'nothing'!r}")
    return found[0]


def by_stage(transforms: Sequence[AnyTransform]) -> tuple[list[RecordedTransform], list[Transform]]:
    """Those before the normaliser and those after it, in their order."""
    recorded: list[Any] = [one for one in transforms if type(_ungated(one)) in AS_RECORDED.values()]
    normalised: list[Any] = [one for one in transforms if type(_ungated(one)) not in AS_RECORDED.values()]
    return recorded, normalised


def _ungated(transform: AnyTransform) -> AnyTransform:
    return transform.change if isinstance(transform, Sometimes) else transform


def augment_recorded(sample: Sample, transforms: Sequence[RecordedTransform], rng: np.random.Generator) -> Sample:
    """The sample before normalisation after all `transforms`; a signal that may not be written to is copied."""
    changed = replace(sample, signal=_writeable(sample.signal))
    for transform in transforms:
        transform(changed, rng)
    return replace(changed, signal=blank(changed.signal, changed))


def augment(sample: Sample, transforms: Sequence[Transform], rng: np.random.Generator) -> Sample:
    """The normalised sample after all `transforms`."""
    signal = _writeable(sample.signal)
    for transform in transforms:
        signal = transform(signal, rng)
    return replace(sample, signal=blank(signal, sample))


def _writeable(signal: np.ndarray) -> np.ndarray:
    return signal if signal.flags.writeable else signal.copy()


def _at_least_zero(name: str, value: float) -> float:
    if not np.isfinite(value) or value < 0:
        raise UserError(f"--augmentation {name}={value:g}: expected a number of at least 0")
    return value


def _share(name: str, value: float) -> float:
    if not 0 <= value < 1:
        raise UserError(f"--augmentation {name}={value:g}: expected a share, at least 0 and below 1")
    return value
