"""What is constant in one sEEG subject: mixing of the sources into the contacts, noise levels and rhythms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.data.simulated.lexicon import SOURCES
from src.data.simulated.noise import CONSTANTS, log_normal, stream


@dataclass(frozen=True)
class Subject:
    """Constants of a subject with C contacts; levels in uV."""

    mixing: np.ndarray  # (C, sources)
    rhythms: np.ndarray  # (C, 3) alpha, alpha, beta
    shared: np.ndarray  # (C, 2), rows of length 1
    level_uv: np.ndarray  # (C,) background
    exponent: tuple[float, ...]  # (C,) of the background's power spectrum
    line_uv: np.ndarray  # (C,)
    line_phase: np.ndarray  # (C,)
    alpha_hz: float
    beta_hz: float


def draw_subject(seed: int, subject: int, channels: int) -> Subject:
    """Subject number `subject` as seen by `channels` contacts on one line."""
    rng = stream(seed, CONSTANTS, subject)
    mixing = _draw_mixing(rng, channels)
    shared = rng.standard_normal((channels, 2))
    return Subject(
        mixing=mixing.astype(np.float32),
        rhythms=(0.5 * rng.standard_normal((channels, 3))).astype(np.float32),
        shared=(shared / np.linalg.norm(shared, axis=1, keepdims=True)).astype(np.float32),
        level_uv=30 * log_normal(rng, 0.2, (channels,)),
        exponent=tuple(rng.uniform(0.9, 1.3, channels).tolist()),
        line_uv=4 * log_normal(rng, 0.4, (channels,)),
        line_phase=rng.uniform(0, 2 * np.pi, channels),
        alpha_hz=rng.uniform(8, 12),
        beta_hz=rng.uniform(16, 24),
    )


def _draw_mixing(rng: np.random.Generator, channels: int) -> np.ndarray:
    """(channels, sources): each source is seen around its place on the line, with its own sign and gain."""
    place = (rng.permutation(SOURCES) + rng.uniform(0.25, 0.75, SOURCES)) * (channels - 1) / SOURCES
    sign = rng.choice([-1.0, 1.0], SOURCES)
    distance = np.arange(channels)[:, None] - place
    spread = rng.standard_normal((channels, SOURCES))
    return (sign * np.exp(-np.square(distance) / (2 * 1.2**2)) + 0.1 * spread) * log_normal(rng, 0.15, (SOURCES,))
