"""What data sets of recorded files share: one window of each record, at one rate, in one unit, in one channel order."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from src.data.dataset import BaseDataset
from src.data.signal import Sample, SignalSpec
from src.data.windows import Window, fill_gaps
from src.errors import BadRecord, UserError


@dataclass(frozen=True)
class RecordedConfig:
    """Options of every data set that is read from files (`--dataset_args key=value`)."""

    window_s: float = 0.0  # seconds that a model sees; 0 = the most common length, or the median where none is
    crop: Literal["random", "center", "start"] = "random"  # where the training window lies; evaluation: the centre
    stride_s: float = 0.0  # seconds between the windows of evaluation, aggregated per record; 0 = the centre alone
    views: Literal["one", "same", "adjacent"] = "one"  # pairs for pretraining: a window twice, or it and the next one
    resample_hz: float = 0.0  # sampling rate that a model sees; 0 = the most common one
    to_unit: str = ""  # unit that a model sees (V, mV, uV); empty = the most common one
    channels: tuple[str, ...] = ()  # channels to use, by name and in this order; empty = all
    classes: tuple[str, ...] = ()  # all labels, in order; empty = those found, sorted
    target: Literal["auto", "classes", "multilabel", "value"] = "auto"  # how labels are understood
    on_bad_record: Literal["skip", "error"] = "skip"  # records that cannot be used: leave out, or refuse to start

    def __post_init__(self) -> None:
        for name in ("window_s", "resample_hz", "stride_s"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UserError(f"{name}={getattr(self, name):g}: expected a number above 0, or 0 for the default")


class RecordedDataset(BaseDataset):
    """Subclasses fill `records` (its lengths as recorded) and call `_arrange`, and implement `read_range`."""

    config: RecordedConfig
    gaps = True  # False where it is known that every sample is a finite number

    @abstractmethod
    def read_range(self, row: int, low: int, high: int) -> np.ndarray:
        """Samples [low, high) of record `row` as recorded: a new (channels, high - low) float32 array in the spec's
        channels and unit, NaN where nothing was recorded."""

    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        recorded, window = int(self._recorded[row]), self._windows[self._rates[row]]
        if rng is None and self.config.stride_s:
            starts = window.starts(recorded, max(1, round(self.config.stride_s * self.spec.rate_hz)))
        else:
            starts = [window.start(recorded, self.config.crop, rng)]
        spans = [window.span(recorded, start) for start in starts]
        first = spans[0][0]
        signal = self.read_range(row, first, max(high for _, high, _ in spans))
        alone = len(spans) == 1  # windows that overlap must not share memory: a normaliser writes to them
        found = [self._view(row, window, signal if alone else signal[:, low - first:high - first].copy(), begin)
                 for low, high, begin in spans]
        views = [view for view in found if view is not None]
        if not views:
            raise BadRecord(str(self.records.record[row]), "holds no number in its window",
                            "take it out of the labels, or choose another window_s")
        return [view for whole in views for view in self._pair(whole)]

    def _pair(self, whole: Sample) -> list[Sample]:
        """The views of one window that `views` asks for."""
        if self.config.views == "one":
            return [whole]
        if self.config.views == "same":
            return [whole, replace(whole, signal=whole.signal.copy())]
        samples = self.spec.samples
        halves = [slice(samples), slice(samples, None)]
        return [replace(whole, signal=whole.signal[:, half].copy(),
                        time_mask=None if whole.time_mask is None else whole.time_mask[half]) for half in halves]

    def _view(self, row: int, window: Window, signal: np.ndarray, begin: int) -> Sample | None:
        """One window of the recorded `signal` (channels, recorded); None where it holds no number."""
        length = signal.shape[1]
        signal, present = fill_gaps(signal) if self.gaps else (signal, None)
        if present is not None and not present.any():
            return None
        channel_mask = None if present is None or present.any(axis=1).all() else present.any(axis=1)
        cut = window.cut(signal, begin)
        time_mask = None
        if present is not None or cut.shape[1] < window.samples:
            there = np.ones(length, bool) if present is None else present.any(axis=0)
            time_mask = window.pad(window.cut_mask(there, begin))
            cut = window.pad(cut)
            cut[:, ~time_mask] = 0
        return Sample(cut, self.records.label[row], channel_mask, time_mask)

    def _arrange(self, rates: np.ndarray, channels: tuple[str, ...], unit: str) -> None:
        """Fix rate and window, set `spec`, and restate `records.length` at the rate that a model sees."""
        recorded = self.records.length
        rate = self.config.resample_hz or most_common(rates.tolist())
        parts = 2 if self.config.views == "adjacent" else 1
        seconds = self.config.window_s or usual_length(recorded / rates) / parts
        samples = max(1, round(seconds * rate))
        self._rates, self._recorded = rates, recorded.copy()
        self._windows = {each: Window.between(each, rate, samples * parts) for each in set(rates.tolist())}
        self.records.length = np.array([self._windows[each].length(n)
                                        for each, n in zip(rates.tolist(), recorded.tolist())], np.int64)
        self.spec = SignalSpec(channels, float(rate), unit, samples)
        self.notes += tuple(self._rate_notes(rate)) + tuple(self._window_notes(samples * parts, rate))

    def _rate_notes(self, rate: float) -> list[str]:
        counts = Counter(self._rates.tolist())
        return [f"{count} records resampled from {each:g} to {rate:g} Hz"
                for each, count in counts.most_common() if each != rate]

    def _window_notes(self, samples: int, rate: float) -> list[str]:
        short, long = int((self.records.length < samples).sum()), int((self.records.length > samples).sum())
        judged = f"windows {self.config.stride_s:g} s apart" if self.config.stride_s else "the centre"
        where = {"random": f"a random place in training, {judged} in evaluation", "center": "the centre",
                 "start": "the start"}[self.config.crop]
        if self.config.stride_s and self.config.crop != "random":
            where += f" in training, {judged} in evaluation"
        notes = [f"{long} records are longer than the window of {samples / rate:g} s: {where}"] if long else []
        return notes + ([f"{short} records are shorter: zeros at the end, masked"] if short else [])


def most_common(values: Iterable[Any]) -> Any:
    """The most frequent value; of equally frequent ones the largest."""
    counts = Counter(values)
    return max(counts, key=lambda value: (counts[value], value))


def usual_length(seconds: np.ndarray) -> float:
    """The most common length where half of the records have it, else the median."""
    rounded = np.round(seconds, 3)
    usual = most_common(rounded.tolist())
    return usual if (rounded == usual).mean() >= 0.5 else float(np.median(seconds))
