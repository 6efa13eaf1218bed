"""The recorders: their filters, gain and rounding, and the four limb leads that follow from two."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from src.data.simulated.noise import decimate, frequencies, log_normal

BASE_HZ = 500
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


class Device(NamedTuple):
    """A recorder; `share` is how many of the patients it records, `lsb_uv` one step of its converter."""

    name: str
    share: float
    lsb_uv: float
    mains_hz: int
    high_pass_hz: float
    low_pass_hz: float
    gain: float


DEVICES = (
    Device("CardioSim A", 0.35, 5, 50, 0.05, 150, 1.00),
    Device("CardioSim B", 0.30, 2.5, 60, 0.5, 100, 1.02),
    Device("PageSim S", 0.20, 4.88, 50, 0.05, 100, 0.98),
    Device("MiniTrace", 0.15, 10, 60, 0.5, 40, 1.00),
)


def acquire(rng: Generator, device: Device, leads: np.ndarray, rate_hz: int) -> np.ndarray:
    """(8, samples) I, II, V1..V6 in mV at 500 Hz -> (12, samples) int32 at `rate_hz` in half steps of the converter.

    In half steps all twelve are whole numbers, so Einthoven's and Goldberger's identities hold exactly.
    """
    n = leads.shape[1]
    filtered = np.fft.irfft(np.fft.rfft(leads) * _pass_band(device, n), n)
    filtered = decimate(filtered * np.float32(device.gain * log_normal(rng, 0.02)), BASE_HZ // rate_hz)
    steps = np.rint(filtered.astype(np.float64) * (1000 / device.lsb_uv)).astype(np.int32)
    one, two = steps[:2]
    limb = np.stack([2 * one, 2 * two, 2 * (two - one), -(one + two), 2 * one - two, 2 * two - one])
    return np.concatenate([limb, 2 * steps[2:]])


def to_millivolts(half_steps: np.ndarray, lsb_uv: float) -> np.ndarray:
    """Half steps of the converter -> float32 mV."""
    return (half_steps * (lsb_uv / 2000)).astype(np.float32)


def to_half_steps(signal: np.ndarray, lsb_uv: float) -> np.ndarray:
    """The inverse of `to_millivolts`, exact for signals below 40 V."""
    return np.rint(signal.astype(np.float64) * (2000 / lsb_uv)).astype(np.int32)


@lru_cache(maxsize=len(DEVICES))
def _pass_band(device: Device, n: int) -> np.ndarray:
    """(bins,) complex64: a first-order high-pass and a low-pass without phase."""
    hz = frequencies(n, BASE_HZ)
    high = 1j * hz / (1j * hz + device.high_pass_hz)
    return (high / np.sqrt(1 + (hz / device.low_pass_hz) ** 8)).astype(np.complex64)
