"""Random streams and Gaussian noise made in the frequency domain.

All spectra are complex64 and all signals float32. A row of noise with amplitude spectrum a(f) is the inverse real FFT
of length n of complex normal numbers z (E|z|^2 = 2) times a(f) * n / 2 / sqrt(sum a^2): its expected variance is 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random import Generator, Philox, SeedSequence

LEXICON, CONSTANTS, RECORD, STRETCH = range(4)  # what a stream is for; the second number of its key


def stream(seed: int, purpose: int, *key: int) -> Generator:
    """The random numbers of one thing; equal on every machine, independent of all other keys."""
    return Generator(Philox(SeedSequence([seed, purpose, *key])))


def log_normal(rng: Generator, deviation: float, shape: tuple[int, ...] | None = None) -> Any:
    """exp(deviation * N): a factor around 1."""
    return np.exp(deviation * rng.standard_normal(shape))


def complex_normal(rng: Generator, rows: int, bins: int) -> np.ndarray:
    """(rows, bins) complex64 with E|z|^2 = 2."""
    return rng.standard_normal((rows, 2 * bins), dtype=np.float32).view(np.complex64)


def frequencies(n: int, rate_hz: float) -> np.ndarray:
    """The bins of a real FFT of n samples, in Hz."""
    return np.fft.rfftfreq(n, 1 / rate_hz)


def unit_variance(amplitude: np.ndarray, n: int) -> np.ndarray:
    """The amplitude spectrum (..., bins) scaled so that noise of length n made with it has variance 1; float32."""
    power = np.sum(np.square(amplitude), axis=-1, keepdims=True)
    return (amplitude * (n / 2) / np.sqrt(power)).astype(np.float32)


@lru_cache(maxsize=256)
def band_bins(low_hz: float, high_hz: float, n: int, rate_hz: float) -> slice:
    """The bins inside [low, high] Hz; the nearest one where the band falls between two bins."""
    hz = frequencies(n, rate_hz)
    first, last = np.searchsorted(hz, low_hz, "left"), np.searchsorted(hz, high_hz, "right")
    if first >= last:
        first = int(np.abs(hz - (low_hz + high_hz) / 2).argmin())
        last = first + 1
    return slice(int(first), int(last))


def put_band(rng: Generator, spectrum: np.ndarray, low_hz: float, high_hz: float, n: int, rate_hz: float) -> None:
    """Fill the rows of an empty spectrum (rows, bins) with noise of variance 1 in [low, high] Hz."""
    bins = band_bins(low_hz, high_hz, n, rate_hz)
    count = bins.stop - bins.start
    spectrum[:, bins] = complex_normal(rng, len(spectrum), count) * np.float32(n / 2 / count**0.5)


def to_signal(spectrum: np.ndarray, n: int, samples: int) -> np.ndarray:
    """(rows, bins) spectrum -> (rows, samples) float32, the first `samples` of n."""
    return np.fft.irfft(spectrum, n, axis=-1)[:, :samples]


@lru_cache(maxsize=16)
def sinusoids(hz: tuple[float, ...], samples: int, rate_hz: float) -> np.ndarray:
    """(2 * len(hz), samples) float32: all cosines, then all sines; treat as constant."""
    angle = 2 * np.pi * np.outer(hz, np.arange(samples) / rate_hz)
    return np.concatenate([np.cos(angle), np.sin(angle)]).astype(np.float32)


@lru_cache(maxsize=16)
def _decimation_filter(factor: int) -> np.ndarray:
    """(factor, 21) float32: a low-pass at half the new rate, Kaiser window of beta 5; column k is its k-th piece."""
    taps = np.arange(-10 * factor, 11 * factor)
    low_pass = np.sinc(taps / factor) * np.append(np.kaiser(20 * factor + 1, 5.0), np.zeros(factor - 1))
    return (low_pass / low_pass.sum()).reshape(21, factor).T.astype(np.float32)


def decimate(signal: np.ndarray, factor: int) -> np.ndarray:
    """(channels, samples) -> (channels, samples / factor) float32 by a polyphase filter, zeros beyond the ends.

    Equal to scipy's `resample_poly`, without the second that importing scipy.signal takes, and twice as fast.
    """
    if factor == 1:
        return signal
    channels, samples = signal.shape
    kept = -(-samples // factor)
    padded = np.zeros((channels, (kept + 20) * factor), np.float32)
    padded[:, 10 * factor:10 * factor + samples] = signal
    pieces = padded.reshape(channels, kept + 20, factor) @ _decimation_filter(factor)  # (channels, kept + 20, 21)
    decimated = np.zeros((channels, kept), np.float32)
    for piece in range(21):
        decimated += pieces[:, piece:piece + kept, piece]
    return decimated
