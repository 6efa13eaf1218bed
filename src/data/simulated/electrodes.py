"""Noise at the nine electrodes of an ECG, in mV: wander, breathing, muscle, mains, motion.

Noise is added where it arises, so the leads share it as real ones do.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from src.data.lead_maps import ELECTRODES, TO_EIGHT
from src.data.simulated.devices import BASE_HZ
from src.data.simulated.noise import log_normal, put_band, sinusoids, to_signal
from src.data.simulated.patients import Patient
from src.data.simulated.rhythm import Rhythm

TO_LEADS = TO_EIGHT.astype(np.float32)


def electrode_noise(rng: Generator, patient: Patient, rhythm: Rhythm, noise: float, samples: int) -> np.ndarray:
    """(8, samples) float32 in mV at 500 Hz: what the electrodes add to I, II, V1..V6; `noise` 1 is a fair record."""
    level = noise * log_normal(rng, 0.45)
    voltage = _muscle(rng, level, samples) + _slow_and_mains(rng, patient, rhythm, level, samples)
    if rng.random() < 0.15 * min(noise, 2):
        for _ in range(rng.integers(1, 4)):
            voltage[rng.integers(len(ELECTRODES))] += _motion(rng, samples)
    return TO_LEADS @ voltage


def _muscle(rng: Generator, level: float, samples: int) -> np.ndarray:
    """(9, samples) noise of 20 to 200 Hz, in 30 % of the records with a stronger spell."""
    spectrum = np.zeros((len(ELECTRODES), samples // 2 + 1), np.complex64)
    put_band(rng, spectrum, 20.0, 200.0, samples, BASE_HZ)
    size = 0.012 * level * log_normal(rng, 0.5) * log_normal(rng, 0.5, (len(ELECTRODES), 1))
    tense, centre = rng.random() < 0.3, rng.uniform(0, 10)
    voltage = to_signal(spectrum * size.astype(np.float32), samples, samples)
    if tense:
        time = np.arange(samples, dtype=np.float32) / BASE_HZ
        voltage *= 1 + np.float32(1.5) * np.exp(-np.square(time - np.float32(centre)) / 2)
    return voltage


def _slow_and_mains(rng: Generator, patient: Patient, rhythm: Rhythm, level: float, samples: int) -> np.ndarray:
    """(9, samples): wander of 0.05 to 0.6 Hz with amplitudes 1 / f, breathing, mains; all of them sinusoids."""
    count = len(ELECTRODES)
    hz = np.arange(1, int(0.6 * samples / BASE_HZ) + 1) * BASE_HZ / samples
    hz = hz[hz >= 0.05]
    amplitude = 1 / hz / np.sqrt(np.square(1 / hz).sum())
    wander = 0.05 * level * log_normal(rng, 0.5, (count, 1, 1)) * rng.standard_normal((count, 2, len(hz))) * amplitude
    breathing = _sinusoid(0.04 * level * log_normal(rng, 0.5, (count,)),
                          rhythm.breathing_phase + 0.4 * rng.standard_normal(count))
    mains = _sinusoid(0.007 * level * log_normal(rng, 0.6, (count,)), rng.uniform(0, 2 * np.pi, count))
    angle = (2 * np.pi * patient.breathing_hz / BASE_HZ) * np.arange(samples)
    basis = np.concatenate([
        sinusoids(tuple(hz.tolist()), samples, BASE_HZ),
        sinusoids((patient.device.mains_hz,), samples, BASE_HZ),
        np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)])
    return np.concatenate([wander.reshape(count, -1), mains, breathing], axis=1).astype(np.float32) @ basis


def _sinusoid(amplitude: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """(n,) amplitudes and phases of a sine -> (n, 2) weights of cosine and sine."""
    return np.stack([amplitude * np.sin(phase), amplitude * np.cos(phase)], axis=1)


def _motion(rng: Generator, samples: int) -> np.ndarray:
    """(samples,) one electrode that moves: a quick rise, a slow return."""
    since = np.arange(samples) / BASE_HZ - rng.uniform(0, 10)
    size = rng.choice([-1, 1]) * rng.uniform(0.2, 0.9)
    rise, back = np.exp(-np.square(since / 0.03) / 2), np.exp(-np.maximum(since, 0) / rng.uniform(0.1, 0.8))
    return (size * np.where(since < 0, rise, back)).astype(np.float32)
