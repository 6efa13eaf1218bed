"""From the activity of the sources to what the contacts of a subject record: carriers, background, mains, artefacts.

All at 1000 Hz. Noise is made 5/4 as long as the record, so that no record is periodic.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.random import Generator

from src.data.simulated.lexicon import SOURCES
from src.data.simulated.noise import (
    complex_normal,
    frequencies,
    log_normal,
    put_band,
    sinusoids,
    to_signal,
    unit_variance,
)
from src.data.simulated.speech import RATE_HZ, Effect, Sources
from src.data.simulated.subjects import Subject

HIGH_GAMMA_HZ = ((70.0, 105.0), (105.0, 150.0))
MAINS_HZ, MAINS_WEIGHTS = (50.0, 100.0, 150.0), np.array([1.0, 0.3, 0.5])
SENSOR_UV, RHYTHM_UV, SHARED_EXPONENT = 1.5, 10.0, 1.2


def record_contacts(rng: Generator, subject: Subject, sources: Sources, effect: Effect, cue: bool) -> np.ndarray:
    """(channels, samples) float32 in uV; `cue` adds the response to a cue at 0.5 s."""
    samples = sources.evoked.shape[-1]
    n = samples + samples // 4
    activity = effect.evoked_uv * sources.evoked
    if cue:
        activity[0] += _cue_response(rng, samples)
    activity += np.float32(effect.high_gamma_uv) * np.sum(sources.power * _carriers(rng, n, samples), axis=1)
    signal = to_signal(_background(rng, subject, n), n, samples)
    signal = signal + np.concatenate([subject.mixing, _mains_weights(rng, subject)], axis=1) @ np.concatenate(
        [activity, sinusoids(MAINS_HZ, samples, RATE_HZ)])
    signal *= _drift(rng, len(signal), samples)
    _add_artefact(rng, subject, signal)
    return signal


def _cue_response(rng: Generator, samples: int) -> np.ndarray:
    """(samples,) uV, the same for every word."""
    since = np.maximum(np.arange(samples) / RATE_HZ - 0.5, 0)
    return 20 * log_normal(rng, 0.2) * since / 0.1 * np.exp(1 - since / 0.1) * np.cos(2 * np.pi * 3 * since)



def _carriers(rng: Generator, n: int, samples: int) -> np.ndarray:
    """(sources, 2, samples): high gamma of random phase, so that only its power says something."""
    spectrum = np.zeros((2, SOURCES, n // 2 + 1), np.complex64)
    for band, (low, high) in enumerate(HIGH_GAMMA_HZ):
        put_band(rng, spectrum[band], low, high, n, RATE_HZ)
    return to_signal(spectrum.reshape(2 * SOURCES, -1), n, samples).reshape(2, SOURCES, samples).swapaxes(0, 1)


@lru_cache(maxsize=32)
def _colours(exponents: tuple[float, ...], n: int) -> np.ndarray:
    """(rows, bins) float32 amplitudes max(f, 1 Hz)^(-exponent / 2) of variance 1, nothing below 0.5 Hz."""
    hz = frequencies(n, RATE_HZ)
    amplitude = np.maximum(hz, 1.0) ** (-np.array(exponents)[:, None] / 2)
    return unit_variance(np.where(hz >= 0.5, amplitude, 0.0), n)


def _background(rng: Generator, subject: Subject, n: int) -> np.ndarray:
    """(channels, bins) spectrum of coloured, shared and sensor noise and of the rhythms.

    Own and sensor noise of a contact are independent, so one draw with the sum of their powers is both.
    """
    level = subject.level_uv[:, None].astype(np.float32)
    white = unit_variance(np.ones((1, n // 2 + 1)), n)
    own = np.sqrt(0.6 * np.square(level * _colours(subject.exponent, n)) + np.square(np.float32(SENSOR_UV) * white))
    spectrum = own * complex_normal(rng, *own.shape)
    common = np.zeros((5, own.shape[1]), np.complex64)
    common[:2] = _colours((SHARED_EXPONENT,) * 2, n) * complex_normal(rng, 2, own.shape[1])
    put_band(rng, common[2:4], subject.alpha_hz - 1.5, subject.alpha_hz + 1.5, n, RATE_HZ)
    put_band(rng, common[4:], subject.beta_hz - 3, subject.beta_hz + 3, n, RATE_HZ)
    rhythms = np.float32(RHYTHM_UV) * subject.rhythms * np.array([1, 1, 0.7], np.float32)
    return spectrum + np.concatenate([np.float32(0.4**0.5) * level * subject.shared, rhythms], axis=1) @ common


def _mains_weights(rng: Generator, subject: Subject) -> np.ndarray:
    """(channels, 6): weights of the cosines and sines of the mains and two harmonics."""
    phase = (rng.uniform(0, 2 * np.pi) + subject.line_phase)[:, None] * np.array([1, 2, 3])
    size = subject.line_uv[:, None] * MAINS_WEIGHTS
    return np.concatenate([size * np.cos(phase), -size * np.sin(phase)], axis=1).astype(np.float32)


def _drift(rng: Generator, channels: int, samples: int) -> np.ndarray:
    """(channels, samples) gain that differs from record to record and drifts within it."""
    offset, slope = 0.10 * rng.standard_normal((2, channels, 1), dtype=np.float32)
    return np.exp(offset + slope * np.linspace(-1, 1, samples, dtype=np.float32))


def _add_artefact(rng: Generator, subject: Subject, signal: np.ndarray) -> None:
    """In 6 % of the records: a step that returns, a spike or a burst of noise on one to three contacts."""
    if rng.random() >= 0.06:
        return
    channels = rng.choice(len(signal), rng.integers(1, 4), replace=False)
    size = rng.uniform(3, 8, len(channels)) * rng.choice([-1, 1], len(channels)) * subject.level_uv[channels]
    samples = signal.shape[1]
    since = np.arange(samples) / RATE_HZ - rng.uniform(0, samples / RATE_HZ)
    kind, decay_s = rng.integers(3), rng.uniform(0.05, 0.4)
    if kind == 0:
        shape = np.where(since >= 0, np.exp(-np.maximum(since, 0) / decay_s), 0)
    elif kind == 1:
        shape = np.exp(-np.square(since / 0.02) / 2)
    else:
        shape = np.where((since >= 0) & (since < 0.3), rng.standard_normal((len(channels), samples)), 0)
    signal[channels] += size[:, None] * shape
