"""Augmentations of a recording as it is recorded: in its own unit, with its leads, before it is normalised.

Each is made for one `SignalSpec` and one number, is called with a `Sample` whose signal (channels, samples) float32 it
may write to, draws only from the generator it is given, and may say in the masks what is no longer there. Amplitudes
are mV, whatever the unit of the signal. What arises at the electrodes of an ECG (noise, wander, mains) is drawn there,
so that the leads share it as real ones do and Einthoven's law still holds; channels of other recordings are disturbed
one by one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from src.data.lead_maps import dipole_parts, from_electrodes
from src.data.signal import Sample, SignalSpec
from src.data.simulated.noise import sinusoids
from src.data.simulated.patients import rotation
from src.data.units import unit_factor
from src.errors import UserError

WANDER_HZ = (0.05, 0.6)  # of breathing and of electrodes that drift
MAINS_MV = 0.1  # the most of it that `powerline` adds
QUIETER_DB = 20  # `snr` draws between what is asked and this much less noise

RecordedTransform = Callable[[Sample, np.random.Generator], None]


class _AtElectrodes:
    """What adds voltage: `spread` turns voltages at the electrodes into those of the channels."""

    def __init__(self, spec: SignalSpec):
        seen = from_electrodes(spec.channels)
        self.spread = (np.eye(len(spec.channels)) if seen is None else seen).astype(np.float32)
        self.rate_hz = spec.rate_hz

    def white(self, samples: int, rng: np.random.Generator) -> np.ndarray:
        """(channels, samples) white Gaussian noise whose mean variance over the channels is 1."""
        noise = rng.standard_normal((self.spread.shape[1], samples), dtype=np.float32)
        return (self.spread / np.sqrt(np.square(self.spread).sum() / len(self.spread))) @ noise

    def waves(self, hz: tuple[float, ...], samples: int, rng: np.random.Generator) -> np.ndarray:
        """(channels, samples) sinusoids of random phase and of size 1/f; the largest value is 1."""
        sizes = np.tile(1 / np.array(hz, np.float32), 2)
        weights = rng.standard_normal((self.spread.shape[1], len(sizes)), dtype=np.float32) * sizes
        waves = (self.spread @ weights) @ sinusoids(hz, samples, self.rate_hz)
        return waves / max(float(waves.max()), -float(waves.min()), 1e-12)


class Snr(_AtElectrodes):
    """White noise at a signal-to-noise ratio between `db` and 20 dB more, of all channels together: the power of the
    signal is its variance."""

    def __init__(self, db: float, spec: SignalSpec):
        if not -20 <= db <= 60:
            raise UserError(f"--augmentation snr={db:g}: expected a ratio from -20 to 60 dB")
        super().__init__(spec)
        self.db = db

    def __call__(self, sample: Sample, rng: np.random.Generator) -> None:
        self.add(sample, self.db + QUIETER_DB * rng.random(), rng)

    def add(self, sample: Sample, db: float, rng: np.random.Generator) -> None:
        """Noise at exactly `db`."""
        size = np.sqrt(power(sample) / 10 ** (db / 10))
        sample.signal += np.float32(size) * self.white(sample.signal.shape[1], rng)


class NoiseMv(_AtElectrodes):
    """White noise of a root mean square (over the channels) between 0 and `mv`."""

    def __init__(self, mv: float, spec: SignalSpec):
        super().__init__(spec)
        self.size = _in_unit("noise_mv", mv, spec)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> None:
        size = np.float32(self.size * rng.random())
        sample.signal += size * self.white(sample.signal.shape[1], rng)


class BaselineWander(_AtElectrodes):
    """A drifting zero line of 0.05 to 0.6 Hz that leaves it by up to `mv`; how far is drawn between 0 and that."""

    def __init__(self, mv: float, spec: SignalSpec):
        super().__init__(spec)
        self.size = _in_unit("baseline_wander", mv, spec)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> None:
        hz = tuple(np.arange(WANDER_HZ[0], WANDER_HZ[1] + 1e-9, 0.05).round(2).tolist())
        sample.signal += np.float32(self.size * rng.random()) * self.waves(hz, sample.signal.shape[1], rng)


class Powerline(_AtElectrodes):
    """Hum of 50 or 60 `hz` of up to 0.1 mV."""

    def __init__(self, hz: float, spec: SignalSpec):
        if hz not in (50, 60):
            raise UserError(f"--augmentation powerline={hz:g}: expected 50 or 60, the mains frequency in Hz")
        if 2 * hz >= spec.rate_hz:
            raise UserError(f"--augmentation powerline={hz:g}: a signal at {spec.rate_hz:g} Hz cannot hold it",
                            f"it needs more than {2 * hz:g} Hz; leave it out")
        super().__init__(spec)
        self.hz, self.size = hz, _in_unit("powerline", MAINS_MV, spec)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> None:
        self.add(sample, self.size * rng.random(), rng)

    def add(self, sample: Sample, size: float, rng: np.random.Generator) -> None:
        """Hum of exactly `size`, in the signal's unit, in the channel that has most of it."""
        sample.signal += np.float32(size) * self.waves((self.hz,), sample.signal.shape[1], rng)


class Gain:
    """All channels times one factor between 1 - `share` and 1 + `share`: an amplifier that is not calibrated."""

    def __init__(self, share: float, spec: SignalSpec):
        self.share = _share("gain", share)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> None:
        sample.signal *= np.float32(1 + self.share * rng.uniform(-1, 1))


class LeadDropout:
    """Each channel is absent (zeros, and False in the mask) with probability `p`; one at random always stays."""

    def __init__(self, p: float, spec: SignalSpec):
        self.p = _share("lead_dropout", p)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> None:
        channels = len(sample.signal)
        kept = rng.random(channels) >= self.p
        there = np.ones(channels, bool) if sample.channel_mask is None else sample.channel_mask
        kept[rng.choice(np.flatnonzero(there)) if there.any() else 0] = True
        if not kept.all():
            sample.channel_mask = there & kept


class Crop:
    """A random stretch of at least `share` of the window stays; what is around it is absent."""

    def __init__(self, share: float, spec: SignalSpec):
        if not 0 < share <= 1:
            raise UserError(f"--augmentation crop={share:g}: expected the share of the window that stays, above 0 and "
                            "at most 1")
        self.share = share

    def __call__(self, sample: Sample, rng: np.random.Generator) -> None:
        samples = sample.signal.shape[1]
        length = max(1, round(samples * rng.uniform(self.share, 1)))
        start = int(rng.integers(0, samples - length + 1))
        kept = np.zeros(samples, bool)
        kept[start:start + length] = True
        sample.time_mask = kept if sample.time_mask is None else sample.time_mask & kept


class _OfDipole:
    """What moves or stretches the heart: the part of the leads that one dipole explains is changed, the rest stays.

    The dipole is estimated with the inverse Dower matrix and seen again through Dower's (`lead_maps`). A record that
    lacks leads is left as it is.
    """

    def __init__(self, name: str, spec: SignalSpec):
        parts = dipole_parts(spec.channels)
        if parts is None:
            raise UserError(f"--augmentation {name}: needs the leads I, II and V1 to V6; these data have "
                            f"{', '.join(spec.channels)}", "leave it out")
        self.parts = [part.astype(np.float32) for part in parts]

    def change(self, sample: Sample, matrix: np.ndarray) -> None:
        if sample.channel_mask is None or sample.channel_mask.all():
            leads, dipole = self.parts
            sample.signal += leads @ ((matrix - np.eye(3)).astype(np.float32) @ (dipole @ sample.signal))


class AxisRotation(_OfDipole):
    """The heart turns by up to `degrees` about each of its three axes, as posture, breathing and build do."""

    def __init__(self, degrees: float, spec: SignalSpec):
        super().__init__("axis_rotation", spec)
        if not 0 <= degrees <= 180:
            raise UserError(f"--augmentation axis_rotation={degrees:g}: expected 0 to 180 degrees")
        self.radians = np.radians(degrees)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> None:
        self.change(sample, rotation(self.radians * rng.uniform(-1, 1, 3)))


class AxisScaling(_OfDipole):
    """The dipole grows or shrinks by up to `share` along each of x, y and z."""

    def __init__(self, share: float, spec: SignalSpec):
        super().__init__("axis_scaling", spec)
        self.share = _share("axis_scaling", share)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> None:
        self.change(sample, np.diag(1 + self.share * rng.uniform(-1, 1, 3)))


RECORDED: dict[str, Callable[[float, SignalSpec], RecordedTransform]] = {
    "snr": Snr, "noise_mv": NoiseMv, "baseline_wander": BaselineWander, "powerline": Powerline, "gain": Gain,
    "lead_dropout": LeadDropout, "crop": Crop, "axis_rotation": AxisRotation, "axis_scaling": AxisScaling,
}


def power(sample: Sample) -> float:
    """Variance over time, averaged over the channels that are there."""
    signal = sample.signal if sample.time_mask is None else sample.signal[:, sample.time_mask]
    signal = signal if sample.channel_mask is None else signal[sample.channel_mask]
    return float(signal.var(axis=1).mean()) if signal.size else 0.0


def _in_unit(name: str, mv: float, spec: SignalSpec) -> float:
    factor = unit_factor("mV", spec.unit)
    if factor is None:
        raise UserError(f"--augmentation {name}: is in mV, and these signals are in {spec.unit or 'no known unit'}",
                        "use one that needs no unit: snr=20 noise=0.1")
    if not 0 <= mv < float("inf"):
        raise UserError(f"--augmentation {name}={mv:g}: expected mV, a number of at least 0")
    return mv * factor


def _share(name: str, value: float) -> float:
    if not 0 <= value < 1:
        raise UserError(f"--augmentation {name}={value:g}: expected a share, at least 0 and below 1")
    return value
