"""Normalisers fitted on the training part alone: per channel, per record, or none.

- `channel`: minus the mean, over the standard deviation, of each channel over all training records and time.
- `scale`: over the standard deviation only; the zero line of the recording stays where it is.
- `record`: z-score of each channel of each record; a channel whose deviation is below 1e-8 is left as it is.

What is masked neither counts in a fit nor moves: absent stretches and channels are 0 before and after.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from src.data.dataset import BaseDataset
from src.data.signal import Sample
from src.errors import UserError, did_you_mean

KINDS = ("channel", "scale", "record", "none")
FLAT = 1e-8  # a standard deviation below this is a flat line, not a signal


class Normalizer:
    """`mean` and `scale` are (channels,) and set for the kinds `channel` and `scale`; `clip` bounds what comes out
    to +-clip (None = unbounded); `records` says on how many it was fitted."""

    def __init__(self, kind: str, mean: np.ndarray | None = None, scale: np.ndarray | None = None,
                 clip: float | None = None, records: int = 0):
        if kind not in KINDS:
            raise UserError(f"unknown normalisation {kind!r}{did_you_mean(kind, KINDS)}", f"known: {', '.join(KINDS)}")
        self.kind, self.clip, self.records = kind, clip, records
        self.mean = None if mean is None else np.asarray(mean, np.float32)
        self.scale = None if scale is None else np.asarray(scale, np.float32)

    @classmethod
    def fit(cls, kind: str, dataset: BaseDataset, rows: np.ndarray, clip: float | None = None) -> Normalizer:
        """Read the records `rows` (the training part) once, in float64, one at a time."""
        if kind not in ("channel", "scale"):
            return cls(kind, clip=clip)
        moments = _Moments(len(dataset.spec.channels))
        for row in np.asarray(rows).tolist():
            for sample in dataset.read(row, None):
                moments.add(sample)
        deviation = moments.deviation()
        mean = moments.mean if kind == "channel" else np.zeros_like(moments.mean)
        return cls(kind, mean, np.where(deviation < FLAT, 1.0, deviation), clip, len(rows))

    def apply(self, sample: Sample) -> Sample:
        """The sample normalised; its array is written to where it may be."""
        if self.kind == "none" and self.clip is None:
            return sample
        writeable = sample.signal.flags.writeable and sample.signal.dtype == np.float32
        signal = sample.signal if writeable else sample.signal.astype(np.float32)
        if self.kind == "record":
            _normalize_record(signal, _present(sample))
        elif self.kind != "none":
            self._normalize_channels(signal)
        if self.clip is not None:
            np.clip(signal, -self.clip, self.clip, out=signal)
        return replace(sample, signal=blank(signal, sample))

    def _normalize_channels(self, signal: np.ndarray) -> None:
        if self.mean is None or self.scale is None:
            raise UserError(f"this {self.kind} normaliser was never fitted")
        if len(signal) != len(self.mean):
            raise UserError(f"the normaliser was fitted on {len(self.mean)} channels, found {len(signal)}")
        if self.kind == "channel":
            signal -= self.mean[:, None]
        signal *= (1 / self.scale)[:, None]

    def describe(self) -> str:
        """One line for `SignalSpec.steps`."""
        words = {"channel": f"minus mean, over standard deviation per channel (of {self.records} training records)",
                 "scale": f"over standard deviation per channel (of {self.records} training records)",
                 "record": "z-score per channel and record", "none": "not normalised"}[self.kind]
        return words if self.clip is None else f"{words}, clipped to +-{self.clip:g}"

    def state_dict(self) -> dict[str, Any]:
        """Plain lists and numbers."""
        return {"kind": self.kind, "clip": self.clip, "records": self.records,
                "mean": None if self.mean is None else self.mean.tolist(),
                "scale": None if self.scale is None else self.scale.tolist()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Normalizer:
        return cls(state["kind"], state["mean"], state["scale"], state.get("clip"), state.get("records", 0))


class _Moments:
    """Count, mean and sum of squared deviations per channel, merged record by record (Chan, Golub, LeVeque 1983)."""

    def __init__(self, channels: int):
        self.count, self.mean, self.squares = np.zeros(channels), np.zeros(channels), np.zeros(channels)

    def add(self, sample: Sample) -> None:
        signal, present = sample.signal.astype(np.float64), _present(sample)
        if present is None:
            count, total = np.full(len(signal), signal.shape[1], float), signal.sum(axis=1)
        else:
            count, total = present.sum(axis=1).astype(float), np.where(present, signal, 0).sum(axis=1)
        mean = total / np.maximum(count, 1)
        away = signal - mean[:, None]
        squares = np.square(away if present is None else np.where(present, away, 0)).sum(axis=1)
        together = np.maximum(self.count + count, 1)
        step = mean - self.mean
        self.squares += squares + step**2 * self.count * count / together
        self.mean += step * count / together
        self.count += count

    def deviation(self) -> np.ndarray:
        return np.sqrt(self.squares / np.maximum(self.count, 1))


def _present(sample: Sample) -> np.ndarray | None:
    """(channels, samples) bool, or None where everything is there."""
    if sample.channel_mask is None and sample.time_mask is None:
        return None
    present = np.ones(sample.signal.shape, bool)
    if sample.channel_mask is not None:
        present &= sample.channel_mask[:, None]
    if sample.time_mask is not None:
        present &= sample.time_mask
    return present


def _normalize_record(signal: np.ndarray, present: np.ndarray | None) -> None:
    kept = np.ones(signal.shape, bool) if present is None else present
    wide = signal.astype(np.float64)
    count = np.maximum(kept.sum(axis=1, keepdims=True), 1)
    mean = np.where(kept, wide, 0).sum(axis=1, keepdims=True) / count
    deviation = np.sqrt(np.square(np.where(kept, wide - mean, 0)).sum(axis=1, keepdims=True) / count)
    np.copyto(signal, (wide - mean) / np.maximum(deviation, FLAT), where=deviation >= FLAT, casting="same_kind")


def blank(signal: np.ndarray, sample: Sample) -> np.ndarray:
    """`signal`, written to: zero where the masks of `sample` say that there is none."""
    if sample.time_mask is not None:
        signal[:, ~sample.time_mask] = 0
    if sample.channel_mask is not None:
        signal[~sample.channel_mask] = 0
    return signal
