"""When the motifs of a word occur, and the activity of the sources that they cause."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from src.data.simulated.lexicon import SOURCES, Lexicon, Motif
from src.data.simulated.noise import log_normal

RATE_HZ = 1000


class Effect(NamedTuple):
    """How strong and how regular the words are: amplitudes in uV, jitter of the onset in s, deviations of factors."""

    evoked_uv: float
    high_gamma_uv: float
    jitter_s: float
    speed: float
    gain: float


DIFFICULTY = {
    "easy": Effect(60, 13, 0.12, 0.10, 0.25),
    "default": Effect(45, 10, 0.14, 0.10, 0.25),
    "hard": Effect(36, 8, 0.16, 0.14, 0.35),
}


class Spoken(NamedTuple):
    """One motif as it occurs: its number, its time in s, the factor on its durations, its gain (0: missed)."""

    motif: int
    start_s: float
    stop_s: float
    scale: float
    gain: float


def draw_string(rng: Generator, lexicon: Lexicon, motifs: tuple[int, ...], start_s: float,
                effect: Effect) -> list[Spoken]:
    """The motifs one after another from `start_s`, each with its own speed and gain around those of the string."""
    speed, gain = log_normal(rng, effect.speed), log_normal(rng, 0.25)
    spoken = []
    for motif in motifs:
        scale = speed * log_normal(rng, 0.06)
        own_gain = gain * log_normal(rng, effect.gain)
        missed = rng.random() < 0.03
        stop = start_s + lexicon.motifs[motif].length_s * scale
        spoken.append(Spoken(motif, start_s, stop, scale, 0.0 if missed else own_gain))
        start_s = stop
    return spoken


class Sources:
    """`power` (sources, 2 bands, samples), envelopes of high gamma, and `evoked` (sources, samples), slow waves."""

    def __init__(self, samples: int):
        self.power = np.zeros((SOURCES, 2, samples), np.float32)
        self.evoked = np.zeros((SOURCES, samples), np.float32)

    def add(self, spoken: Spoken, motif: Motif) -> None:
        """Add one motif; what falls outside the record is cut."""
        for burst in motif.high_gamma:
            where, _, bell = self._bell(spoken, burst.centre_s, burst.width_s)
            self.power[burst.source, burst.band, where] += spoken.gain * burst.gain * bell
        for wave in motif.evoked:
            where, since, bell = self._bell(spoken, wave.centre_s, wave.width_s)
            # without its mean the wave has no slow remainder that would survive the jitter of the onset
            mean = np.cos(wave.phase) * np.exp(-((2 * np.pi * wave.hz * wave.width_s) ** 2) / 2)
            swing = np.cos(2 * np.pi * wave.hz / spoken.scale * since + wave.phase) - mean
            self.evoked[wave.source, where] += spoken.gain * wave.gain * bell * swing

    def _bell(self, spoken: Spoken, centre_s: float, width_s: float) -> tuple[slice, np.ndarray, np.ndarray]:
        """A Gaussian on its +-4 widths: where it is, the time since its centre in s, its values."""
        centre, width = spoken.start_s + centre_s * spoken.scale, width_s * spoken.scale
        samples = self.evoked.shape[-1]
        first = min(max(int(np.ceil((centre - 4 * width) * RATE_HZ)), 0), samples)
        stop = min(max(int(np.floor((centre + 4 * width) * RATE_HZ)) + 1, first), samples)
        since = np.arange(first, stop) / RATE_HZ - centre
        return slice(first, stop), since, np.exp(-np.square(since / width) / 2)
