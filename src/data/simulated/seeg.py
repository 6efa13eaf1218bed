"""`SimulatedSEEG`: one person after another reads words; ten contacts of a depth electrode record it.

Three tasks: `words` tells the word of a trial, `phonemes` initials and finals of its 0.1 s patches, and `pretrain`
gives crops of unlabelled stretches of 10 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from src.data.cache import RecordCache
from src.data.dataset import BaseDataset, Records
from src.data.signal import Recording, Sample, SignalSpec, TargetSpec
from src.data.simulated.checks import check_choice, check_no_path, check_range
from src.data.simulated.contacts import record_contacts
from src.data.simulated.lexicon import MAX_WORDS, MOTIFS, draw_lexicon
from src.data.simulated.noise import RECORD, STRETCH, decimate, stream
from src.data.simulated.phonemes import FINALS, INITIALS, PATCH_S, phonemes
from src.data.simulated.speech import DIFFICULTY, RATE_HZ, Sources, Spoken, draw_string
from src.data.simulated.subjects import Subject, draw_subject
from src.errors import UserError

TASKS = ("words", "pretrain", "phonemes")
STRETCH_S = 10


class SimulatedSEEG(BaseDataset):
    """Trials of word reading in uV: a cue at 0.5 s, then one of `words` words around 0.85 s.

    Trial `index` of a subject is word `index % words`, repetition `index // words`. The last tenth of the
    `trials_per_word` repetitions is the validation part, the `test_trials_per_word` after them are the test part.
    With `task=pretrain` the records are the stretches instead: the first 80 % train, 10 % validate, 10 % test. A crop
    of `samples` begins at random in training, and in the middle where nothing may be random.
    """

    within_subject = True
    initials = INITIALS  # what the numbers in `extra` stand for; the finals are the target's names

    @dataclass(frozen=True)
    class Config:
        task: str = "words"  # words, phonemes (per 0.1 s patch), or pretrain (unlabelled)
        words: int = 12  # classes, 2..61
        channels: int = 10  # contacts, at least 4
        samples: int = 3000  # per trial or crop, at rate_hz
        subjects: int = 1  # the first ones; words are common to all, mixing and rhythms are not
        trials_per_word: int = 40  # training and validation
        test_trials_per_word: int = 20
        stretches: int = 240  # unlabelled stretches of 10 s per subject
        difficulty: str = "default"  # easy, default, hard
        seed: int = 0  # lexicon, subjects and trials
        rate_hz: int = 1000  # made at 1000 Hz, then decimated
        cache_mb: int = 256  # memory for trials that were made already

    def __init__(self, config: Config | None = None, data_path: str | None = None):
        check_no_path("simulated_seeg", data_path)
        self.config = config = config or self.Config()
        check_config(config)
        self.lexicon = draw_lexicon(config.words, config.seed)
        self.effect = DIFFICULTY[config.difficulty]
        self.records = make_stretch_records(config) if config.task == "pretrain" else make_records(config)
        self.spec = SignalSpec(tuple(f"A{number + 1}" for number in range(config.channels)), float(config.rate_hz),
                               "uV", config.samples, steps=(f"simulated at {RATE_HZ} Hz",))
        self.target = {"words": TargetSpec("classes", self.lexicon.names), "phonemes": TargetSpec("tokens", FINALS),
                       "pretrain": TargetSpec("signal", self.spec.channels)}[config.task]
        what = {"words": "", "phonemes": " by their phonemes", "pretrain": ", unlabelled stretches"}[config.task]
        self.source = (f"simulated sEEG, {config.words} words{what}, {config.subjects} subject(s), "
                       f"difficulty {config.difficulty}, seed {config.seed}")
        self._subjects: dict[int, Subject] = {}
        self._cache = RecordCache(config.cache_mb)

    @classmethod
    def options_for(cls, subjects: Sequence[str]) -> dict[str, Any]:
        """As many subjects as reach to the last of these."""
        numbers = [int(name) for name in subjects if name.isdigit()]
        return {"subjects": max(numbers)} if numbers and max(numbers) > 0 else {}

    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        """Record `row`: (channels, samples) float32 in uV and its word; phonemes are in `extra`; crops have label 0."""
        signal = self._cache.get(row, lambda row: self.recording(row).signal)
        if self.config.task == "pretrain":
            signal = self._crop(signal, rng)
        extra = {}
        if self.config.task == "phonemes":
            extra = phonemes(self._speak(row)[1], round(self.spec.seconds / PATCH_S))
        return [Sample(signal, int(self.records.label[row]), extra=extra)]

    def _crop(self, signal: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
        spare = signal.shape[1] - self.config.samples
        start = spare // 2 if rng is None else int(rng.integers(spare + 1))
        return np.ascontiguousarray(signal[:, start:start + self.config.samples])

    def recording(self, row: int) -> Recording:
        """Trial `row` made anew; `meta` holds word, repetition and the motifs as spoken. With `task=pretrain` the
        whole stretch, as `stretch` describes it."""
        subject, index = self._where(row)
        if self.config.task == "pretrain":
            return self.stretch(subject, index)
        repetition, word = divmod(index, self.config.words)
        rng, spoken = self._speak(row)
        signal = self._render(rng, subject, spoken, self.config.samples, cue=True)
        meta = {"word": self.lexicon.names[word], "repetition": repetition, "motifs": spoken}
        return self._recording(str(self.records.record[row]), signal, meta)

    def _speak(self, row: int) -> tuple[np.random.Generator, list[Spoken]]:
        """The motifs of trial `row`, and the random numbers that come after them."""
        subject, index = self._where(row)
        rng = stream(self.config.seed, RECORD, subject, index)
        onset = min(max(0.85 + self.effect.jitter_s * rng.standard_normal(), 0.55), 1.6)
        return rng, draw_string(rng, self.lexicon, self.lexicon.words[index % self.config.words], onset, self.effect)

    def metadata(self, row: int) -> dict:
        """Word, repetition and the motifs as spoken (number, start and stop in s, scale, gain) of trial `row`."""
        return self.recording(row).metadata

    def stretch(self, subject: int, index: int) -> Recording:
        """Unlabelled stretch `index` of a subject, 10 s in uV: words and free strings of motifs, no cue.

        `meta["words"]` lists (word name or "", start_s, stop_s), `meta["motifs"]` the motifs as spoken: for
        inspection and upper bounds, never labels for pretraining.
        """
        check_range("subject", subject, 0, self.config.subjects - 1)
        check_range("stretch", index, 0, self.config.stretches - 1)
        rng = stream(self.config.seed, STRETCH, subject, index)
        words, motifs = self._draw_strings(rng, seconds=STRETCH_S)
        signal = self._render(rng, subject, motifs, STRETCH_S * self.config.rate_hz, cue=False)
        return self._recording(stretch_name(subject, index), signal, {"words": words, "motifs": motifs})

    def _draw_strings(self, rng: np.random.Generator, seconds: float) -> tuple[list, list[Spoken]]:
        words, motifs, time = [], [], rng.uniform(-0.5, 0.5)
        while time < seconds:
            if rng.random() < 0.7:
                word = int(rng.integers(self.config.words))
                name, string = self.lexicon.names[word], self.lexicon.words[word]
            else:
                name, string = "", tuple(rng.integers(MOTIFS, size=rng.integers(1, 5)).tolist())
            spoken = draw_string(rng, self.lexicon, string, time, self.effect)
            words.append((name, time, spoken[-1].stop_s))
            motifs += spoken
            time = spoken[-1].stop_s + rng.uniform(0.3, 1.2)
        return words, motifs

    def _render(self, rng: np.random.Generator, subject: int, spoken: list[Spoken], samples: int,
                cue: bool) -> np.ndarray:
        factor = RATE_HZ // self.config.rate_hz
        sources = Sources(samples * factor)
        for motif in spoken:
            sources.add(motif, self.lexicon.motifs[motif.motif])
        if subject not in self._subjects:
            self._subjects[subject] = draw_subject(self.config.seed, subject, self.config.channels)
        return decimate(record_contacts(rng, self._subjects[subject], sources, self.effect, cue), factor)

    def _recording(self, name: str, signal: np.ndarray, meta: dict) -> Recording:
        return Recording(name, signal, self.spec.rate_hz, self.spec.channels, self.spec.unit, meta)

    def _where(self, row: int) -> tuple[int, int]:
        """Row -> (subject, trial or stretch of this subject)."""
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)} records")
        return divmod(row, len(self) // self.config.subjects)


def subject_name(subject: int) -> str:
    """Subject 0 is "001"."""
    return f"{subject + 1:03d}"


def stretch_name(subject: int, index: int) -> str:
    return f"sub-{subject_name(subject)}_stretch-{index:05d}"


def check_config(config: SimulatedSEEG.Config) -> None:
    """Raise UserError for options that these data cannot have."""
    check_choice("task", config.task, TASKS)
    check_choice("difficulty", config.difficulty, DIFFICULTY)
    for name, low, high in (("words", 2, MAX_WORDS), ("channels", 4, 256), ("subjects", 1, 1000),
                            ("trials_per_word", 2, 10_000), ("test_trials_per_word", 0, 10_000),
                            ("stretches", 3 if config.task == "pretrain" else 0, 100_000), ("seed", 0, 2**63),
                            ("cache_mb", 0, 1e6)):
        check_range(name, getattr(config, name), low, high)
    check_choice("rate_hz", config.rate_hz, (1000, 500, 250, 200))
    seconds, longest = config.samples / config.rate_hz, STRETCH_S if config.task == "pretrain" else 60
    if not 0.4 <= seconds <= longest:
        raise UserError(f"samples={config.samples} at {config.rate_hz} Hz is {seconds:g} s; it must last 0.4 to "
                        f"{longest} s (a word ends at about 2 s)", f"--dataset_args samples={3 * config.rate_hz}")
    if config.task == "phonemes" and config.samples * 10 % config.rate_hz:
        raise UserError(f"samples={config.samples} at {config.rate_hz} Hz is no whole number of 0.1 s patches",
                        f"--dataset_args samples={3 * config.rate_hz}")


def make_records(config: SimulatedSEEG.Config) -> Records:
    """The table of all trials, subject after subject."""
    repetitions = config.trials_per_word + config.test_trials_per_word
    trials = config.words * repetitions
    index = np.tile(np.arange(trials), config.subjects)
    subject = np.repeat([subject_name(number) for number in range(config.subjects)], trials)
    repetition = index // config.words
    held_out = max(1, config.trials_per_word // 10)
    subset = np.select([repetition < config.trials_per_word - held_out, repetition < config.trials_per_word],
                       ["train", "valid"], "test")
    name = np.array([f"sub-{who}_trial-{number:05d}" for who, number in zip(subject, index)])
    return Records(name, subject, index % config.words, subset, np.full(len(index), config.samples))


def make_stretch_records(config: SimulatedSEEG.Config) -> Records:
    """The table of all unlabelled stretches, subject after subject."""
    index = np.tile(np.arange(config.stretches), config.subjects)
    subject = np.repeat([subject_name(number) for number in range(config.subjects)], config.stretches)
    held_out = max(1, config.stretches // 10)
    subset = np.select([index < config.stretches - 2 * held_out, index < config.stretches - held_out],
                       ["train", "valid"], "test")
    name = np.array([stretch_name(row // config.stretches, row % config.stretches) for row in range(len(index))])
    return Records(name, subject, np.zeros(len(index), np.int64), subset,
                   np.full(len(index), STRETCH_S * config.rate_hz))
