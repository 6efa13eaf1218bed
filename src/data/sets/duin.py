"""`--dataset duin`: the word-reading recordings of Du-IN in their published layout (see `duin_layout`).

- A trial lasts from -0.5 s to 2.5 s around the cue. Runs are mapped: of a trial only the used channels are read.
- Each subject's trials are dealt into training, validation and test part, evenly by word; `split_seed` decides, so all
  stages have the same parts. The replica's are the original's, draw by draw.
- One subject is left to `--normalize`. Several are standardised one by one, by their training trials; the replica
  standardises by all trials, those of the test part too, as the original does.
- Subjects with fewer channels are filled with zeros, which the channel mask marks.
Source: Zheng et al., Du-IN, NeurIPS 2024, its code and its release.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from src.data.dataset import BaseDataset, Records
from src.data.sets.duin_channels import CHANNELS
from src.data.sets.duin_layout import EXAMPLE, PRETRAIN, RATE_HZ, Layout, find_layout
from src.data.sets.duin_parts import deal_trials, moments, original_files, original_trials
from src.data.sets.duin_records import STANDARDISED, DuinRecords, Recordings, Trials
from src.data.signal import Sample, SignalSpec, TargetSpec
from src.errors import BadRecord, UserError, did_you_mean

TRIAL_S, CROP_S = 3, 4  # of a trial from -0.5 s on; of an unlabelled recording


class DuinDataset(BaseDataset):
    """Trials of word reading, or with `task=pretrain` crops of the unlabelled recordings (where a release has none:
    the trials without their words)."""

    within_subject = True

    @dataclass(frozen=True)
    class Config:
        task: Literal["words", "pretrain"] = "words"
        subjs: tuple[str, ...] = ()  # folders of subjects; empty = all that are there
        channels: tuple[str, ...] = ("ten",)  # ten (the published choice), all, or names; in this order
        samples: int = 0  # of a trial or crop at resample_hz; 0 = 3 s of a trial, 4 s of an unlabelled recording
        resample_hz: float = RATE_HZ  # sampling rate that a model sees, by Fourier's method as the original's
        version: Literal["unaligned", "aligned"] = "unaligned"  # of the trials; the release has the first only
        unit: Literal["", "V", "mV", "uV"] = ""  # of files that do not say it; empty = V
        classes: tuple[str, ...] = ()  # all words, in order; empty = those found, sorted
        split: Literal["stratified", "none"] = "stratified"  # none leaves it to --split_ratio, --folds
        split_seed: int = 42
        standardize: Literal["auto", "none", "train", "all"] = "auto"  # per subject; auto = train for several subjects
        replica: bool = False  # the original's split and its standardisation

    config: Config

    def __init__(self, config: Config | None = None, data_path: str | Path | None = None):
        self.config = config = config or self.Config()
        layout = find_layout(data_path) if data_path is not None else None
        if layout is None:
            raise UserError(f"{data_path}: no recordings in Du-IN's layout", EXAMPLE)
        self.layout, self.subjs = layout, _choose_subjects(layout, config.subjs)
        self.source, self.notes = f"Du-IN, {len(self.subjs)} of {layout.describe()}", ()
        self._unlabelled = config.task == "pretrain" and self._has_recordings()
        self._files: DuinRecords = Recordings(layout, self.subjs) if self._unlabelled else \
            Trials(layout, self.subjs, config.version, config.unit)
        self._choose_channels()
        self._make_spec()
        self._make_records()
        self._moments = self._standardize()

    def _has_recordings(self) -> bool:
        lacking = [subject for subject in self.subjs if not self.layout.pretraining(subject)[1]]
        if lacking:
            self.notes += (f"no unlabelled recordings ({PRETRAIN}) of subject {', '.join(lacking[:5])}: the trials "
                           "without their words take their place, split as they are for the words",)
        return not lacking

    # ------------------------------------------------------------------------------------------ construction
    def _choose_channels(self) -> None:
        names, missed, wanted = {}, [], self.config.channels
        for subject in self.subjs:
            there, ten = self._files.channels(subject), CHANNELS.get(subject, ())
            if wanted not in (("ten",), _numbered(len(wanted))):
                names[subject] = there if wanted == ("all",) else wanted
            elif ten and set(ten) <= set(there):
                names[subject] = ten
            else:
                names[subject] = there
                missed.append(subject)
        if missed:
            self.notes += (f"subject {', '.join(missed[:5])}: without the ten published channels; all are used",)
        self._channels = names
        self._files.choose(names)

    def _make_spec(self) -> None:
        config, several = self.config, list(self._channels.values())
        names = several[0] if len(set(several)) == 1 else _numbered(max(map(len, several)))
        rate, lengths = float(config.resample_hz), self._files.lengths
        if not 10 <= rate <= RATE_HZ:
            raise UserError(f"resample_hz={rate:g}: expected 10 to {RATE_HZ}, the rate of the recordings")
        samples = config.samples or round((CROP_S if self._unlabelled else TRIAL_S) * rate)
        self._taken = round(samples * RATE_HZ / rate)  # samples as recorded
        shortest = int(np.argmin(lengths))
        if not 0 < self._taken <= lengths[shortest]:
            raise UserError(f"samples={samples} at {rate:g} Hz is {samples / rate:g} s; {self._files.names[shortest]} "
                            f"lasts {lengths[shortest] / RATE_HZ:g} s", "give --dataset_args samples=N")
        steps = () if self._unlabelled else ("from -0.5 s on around the cue",)
        self.spec = SignalSpec(names, rate, self._files.unit, samples, steps, resampling="fourier")

    def _make_records(self) -> None:
        files, pretrain = self._files, self.config.task == "pretrain"
        words = _words(files.words, () if pretrain else self.config.classes)
        place = {word: number for number, word in enumerate(words)}
        label = np.array([place[word] for word in files.words], np.int64)
        self.records = Records(np.array(files.names), np.array(files.subjects), label,
                               np.full(len(label), "", dtype="<U5"), files.lengths)
        rng = np.random.RandomState(self.config.split_seed)  # in place of the original's global generator
        for subject in self.subjs:
            rows = np.flatnonzero(self.records.subject == subject)
            for part, chosen in self._split(rows, rng).items():
                self.records.subset[rows[chosen]] = part
        self.target = TargetSpec("signal", self.spec.channels) if pretrain else TargetSpec("classes", words)
        if pretrain:
            self.records.label = np.zeros_like(label)

    def _split(self, rows: np.ndarray, rng: np.random.RandomState) -> dict[str, np.ndarray]:
        """Part -> places in `rows`, the records of one subject."""
        label = self.records.label[rows]
        if self.config.replica and self._unlabelled:
            return original_files(len(rows), rng)
        if self.config.replica:
            first = np.stack([self._files.first(row)[:self._taken] for row in rows.tolist()]).astype(np.float32)
            return original_trials(label, self._files.source[rows], first, rng)
        return {} if self.config.split == "none" else deal_trials(label, self.config.split_seed)

    def _standardize(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Subject -> mean and deviation (channels, 1); empty where nothing is to be done here."""
        how = "all" if self.config.replica else self.config.standardize
        how = ("train" if len(self.subjs) > 1 else "none") if how == "auto" else how
        if how == "none" or self._unlabelled:  # unlabelled recordings are standardised already
            return {}
        found = {}
        for subject in self.subjs:
            mine = self.records.subject == subject
            mine &= np.isin(self.records.subset, ("train", "")) | (how == "all")
            found[subject] = moments((self._signal(row, 0) for row in np.flatnonzero(mine).tolist()), subject)
        step = f"z-score per subject and channel over {how} trials"
        self.spec = replace(self.spec, unit=STANDARDISED).with_steps(step)
        return found

    # ------------------------------------------------------------------------------------------------ reading
    def channels_of(self, subject: str) -> tuple[str, ...]:
        return self._channels.get(subject, self.spec.channels)

    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        """Record `row`: (channels, samples) float32. Unlabelled recordings begin at random, or without `rng` in the
        middle. Raises BadRecord for what is no finite number."""
        signal = self._signal(row, self._start(row, rng))
        if not np.isfinite(signal).all():
            raise BadRecord(str(self.records.record[row]), "holds what is no finite number", "take it out of its file")
        subject = str(self.records.subject[row])
        if subject in self._moments:
            mean, deviation = self._moments[subject]
            signal = ((signal - mean) / deviation).astype(np.float32)
        mask, width = None, len(self.spec.channels)
        if len(signal) < width:
            mask = np.arange(width) < len(signal)
            signal = np.pad(signal, ((0, width - len(signal)), (0, 0)))
        return [Sample(signal, int(self.records.label[row]), mask)]

    def _start(self, row: int, rng: np.random.Generator | None) -> int:
        spare = int(self.records.length[row]) - self._taken
        if not self._unlabelled or spare == 0:
            return 0
        if rng is None:
            return spare // 2
        return int(rng.integers(spare + (not self.config.replica)))  # the original never draws the last start

    def _signal(self, row: int, start: int) -> np.ndarray:
        """(channels of the subject, samples) float32 in the spec's unit and rate."""
        if self.config.resample_hz == RATE_HZ:
            return self._files.cut(row, start, start + self._taken).astype(np.float32)
        from scipy.signal import resample

        stored = self._files.cut(row, start, start + self._taken if self._unlabelled else None)
        wanted = round(stored.shape[1] * self.config.resample_hz / RATE_HZ)
        return np.asarray(resample(stored, wanted, axis=1))[:, :self.spec.samples].astype(np.float32)

    def content_hash(self, row: int) -> str | None:
        """Of the first channel: enough to know a copy."""
        first = np.ascontiguousarray(self._files.first(row))
        return hashlib.blake2b(first.view(np.uint8).data, digest_size=16).hexdigest()


def _numbered(count: int) -> tuple[str, ...]:
    """Names of channels that differ from subject to subject."""
    return tuple(f"ch{number}" for number in range(1, count + 1))


def _choose_subjects(layout: Layout, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, in the order asked for: the replica draws in this order."""
    for name in wanted:
        if name not in layout.subjects:
            raise UserError(f"{layout.recordings}: no subject {name}{did_you_mean(name, layout.subjects)}",
                            f"it has {', '.join(layout.subjects)}")
    return tuple(dict.fromkeys(wanted)) or layout.subjects


def _words(found: list[str], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """All words, sorted by code point as the original does, or as `wanted`."""
    there = sorted(set(found))
    unknown = [word for word in there if wanted and word not in wanted]
    if unknown:
        near = did_you_mean(unknown[0], wanted)
        raise UserError(f"the word {unknown[0]!r} is not among the {len(wanted)} classes{near}",
                        "leave --dataset_args classes out to take the words that are there")
    return wanted or tuple(there)
