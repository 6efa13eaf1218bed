"""The random changes of fairseq-signals, for pretraining that is to be comparable with ECG-FM's.

They come before the normaliser, as the original's come after its own preparation: amplitudes are in whatever unit the
signal has. Noises and shifts are added to every lead, then III, aVR, aVL and aVF are computed from the new I and II
(the `dependency` that the original's task asks for). The functions take every draw as an argument; the classes draw, in
the original's order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from src.data.leads import LIMB_LEADS, OF_I_AND_II, STANDARD_12, normalise_leads
from src.data.signal import Sample, SignalSpec
from src.errors import UserError

# Dipole seen from I, II, V1 to V6, the matrix of 3KG (Gopal et al., 2021).
VCG = np.array([[0.156, -0.009, -0.172, -0.073, 0.122, 0.231, 0.239, 0.193],
                [-0.227, 0.886, 0.057, -0.019, -0.106, -0.022, 0.040, 0.048],
                [0.021, 0.102, -0.228, -0.310, -0.245, -0.063, 0.054, 0.108]])
INDEPENDENT = [0, 1, 6, 7, 8, 9, 10, 11]
DEPENDENT = np.stack([OF_I_AND_II[lead] for lead in LIMB_LEADS[2:]])  # (4, 2)
WANDER_HZ, WANDER_WAVES = (0.01, 0.2), 3
SHIFT_SHARE = 0.2  # of the window that a shift lasts, on average


def with_limb_leads(signal: np.ndarray) -> np.ndarray:
    """(12, T) -> the same array, III, aVR, aVL and aVF computed from I and II."""
    signal[2:6] = DEPENDENT @ signal[:2]
    return signal


def powerline(signal: np.ndarray, amplitude: float, hz: float, phase: float, rate_hz: float) -> np.ndarray:
    time = np.arange(signal.shape[1]) / rate_hz
    return signal + amplitude * np.cos(2 * np.pi * hz * time + phase)


def baseline_wander(signal: np.ndarray, lead: np.ndarray, sizes: Sequence[float], hz: Sequence[float],
                    phases: Sequence[float], rate_hz: float) -> np.ndarray:
    """`lead` (12, 1): how much of the waves a lead has."""
    time = np.arange(signal.shape[1]) / rate_hz
    waves = sum(a * np.cos(2 * np.pi * f * time + r) for a, f, r in zip(sizes, hz, phases, strict=True))
    return signal + lead * waves


def baseline_shift(signal: np.ndarray, sign: np.ndarray, size: float, stretches: Sequence[tuple[float, float]]
                   ) -> np.ndarray:
    """`sign` (12, 1) of +-1, `stretches` of (start, length): there a lead is moved by sign - size."""
    box = np.zeros(signal.shape[1])
    for start, length in stretches:
        box[int(start):int(int(start) + length)] = 1
    return signal + (sign - size) * box


def through_vcg(signal: np.ndarray, change: np.ndarray) -> np.ndarray:
    """(12, T) leads of the dipole that the eight independent ones show, after `change` (3, 3)."""
    seen = np.empty_like(signal)
    seen[INDEPENDENT] = np.linalg.pinv(VCG) @ (change @ (VCG @ signal[INDEPENDENT]))
    return with_limb_leads(seen)


def rotation(degrees: Sequence[float]) -> np.ndarray:
    """(3, 3) about the fixed axes z, then y, then x."""
    (cz, cy, cx), (sz, sy, sx) = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    return about_x @ about_y @ about_z


def mask_around(signal: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    """Zeros in `length` samples of each lead from its start on, round the end to the beginning."""
    samples = signal.shape[1]
    hidden = (np.arange(samples) - np.asarray(starts)[:, None]) % samples < length
    signal[hidden] = 0
    return signal


class _OfTwelve:
    """`name` of the augmentation and its number; the leads must be the twelve in their usual order."""

    name = ""
    most = np.inf

    def __init__(self, number: float, spec: SignalSpec):
        if not 0 <= number <= self.most or number == np.inf:
            limit = f" and at most {self.most:g}" if self.most < np.inf else ""
            raise UserError(f"--augmentation {self.name}={number:g}: expected a number of at least 0{limit}")
        if tuple(name.lower() for name in spec.channels) != tuple(name.lower() for name in STANDARD_12):
            raise UserError(f"--augmentation {self.name}: needs the leads {', '.join(STANDARD_12)} in this order; "
                            f"these data have {', '.join(spec.channels)}", "leave it out")
        self.number, self.rate_hz = number, spec.rate_hz

    def __call__(self, sample: Sample, rng: np.random.Generator) -> None:
        sample.signal[:] = self.change(sample.signal, rng)

    def change(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        raise NotImplementedError


class FairseqPowerline(_OfTwelve):
    """Hum of 50 or 60 Hz, the same in all leads, of an amplitude up to the number."""

    name = "fairseq_powerline"

    def change(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        size, hz = rng.uniform(0, self.number), 50 if rng.uniform() > 0.5 else 60
        return with_limb_leads(powerline(signal, size, hz, rng.uniform(0, 2 * np.pi), self.rate_hz))


class FairseqEmg(_OfTwelve):
    """White noise whose deviation is drawn for each lead, up to the number."""

    name = "fairseq_emg"

    def change(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        sizes = rng.uniform(0, self.number, (len(signal), 1))
        return with_limb_leads(signal + sizes * rng.standard_normal(signal.shape))


class FairseqShift(_OfTwelve):
    """A stretch in which each lead is moved by +1 or -1, less a size up to the number (so the original has it)."""

    name = "fairseq_shift"

    def change(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        sign, size = rng.choice([1, -1], (len(signal), 1)), rng.uniform(0, self.number)
        samples = signal.shape[1]
        length = float(np.clip(rng.normal(SHIFT_SHARE * samples, 0.2 * SHIFT_SHARE * samples), 0, samples))
        return with_limb_leads(baseline_shift(signal, sign, size, [(rng.uniform(0, samples - length), length)]))


class FairseqWander(_OfTwelve):
    """Three waves of 0.01 to 0.2 Hz of an amplitude up to the number each."""

    name = "fairseq_wander"

    def change(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        lead = rng.normal(1, 0.5, (len(signal), 1))
        sizes = rng.uniform(0, self.number, WANDER_WAVES).tolist()
        waves = [(rng.uniform(*WANDER_HZ), rng.uniform(0, 2 * np.pi)) for _ in range(WANDER_WAVES)]
        hz, phases = zip(*waves)
        return with_limb_leads(baseline_wander(signal, lead, sizes, hz, phases, self.rate_hz))


class VcgRotation(_OfTwelve):
    """3KG: the dipole turned by up to the number of degrees about each axis; what is no dipole is lost."""

    name, most = "vcg_rotation", 180

    def change(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return through_vcg(signal, rotation(rng.uniform(-self.number, self.number, 3).tolist()))


class VcgScaling(_OfTwelve):
    """3KG: the dipole stretched along each axis by a factor between 1 and the number."""

    name = "vcg_scaling"

    def change(self, signal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return through_vcg(signal, np.diag(rng.uniform(1, max(self.number, 1), 3)))


class LeadTimeMask:
    """3KG: of every lead another stretch of this share of the window is zero, round its end."""

    def __init__(self, share: float, spec: SignalSpec):
        if not 0 <= share <= 1:
            raise UserError(f"--augmentation lead_time_mask={share:g}: expected a share from 0 to 1")
        self.share = share

    def __call__(self, sample: Sample, rng: np.random.Generator) -> None:
        channels, samples = sample.signal.shape
        mask_around(sample.signal, rng.integers(0, samples, channels), int(self.share * samples))


class RandomLeadsMasking:
    """Each lead is zero with probability `p`, all of them perhaps (`channel_dropout` keeps one)."""

    def __init__(self, p: float, spec: SignalSpec):
        if not 0 <= p <= 1:
            raise UserError(f"--augmentation random_leads_masking={p:g}: expected a probability from 0 to 1")
        self.p = p

    def __call__(self, sample: Sample, rng: np.random.Generator) -> None:
        sample.signal[rng.uniform(size=len(sample.signal)) < self.p] = 0


class ConditionalLeadsMasking:
    """Exactly `limb` of the limb leads and `chest` of the chest leads are zero (`mask_leads_condition`, meant so; the
    original stops with an error). Those that stay are drawn."""

    def __init__(self, limb: float, chest: float, spec: SignalSpec):
        names = normalise_leads(spec.channels)
        rows = [np.array([row for row, name in enumerate(names) if name in group], int)
                for group in (LIMB_LEADS, STANDARD_12[6:])]
        if limb not in range(len(rows[0]) + 1) or chest not in range(len(rows[1]) + 1):
            raise UserError(f"--augmentation conditional_leads_masking={limb:g},{chest:g}: expected how many of the "
                            f"{len(rows[0])} limb leads, and of the {len(rows[1])} chest leads, are to be zero",
                            f"these data have {', '.join(spec.channels)}")
        self.groups = [(group, len(group) - int(hidden)) for group, hidden in zip(rows, (limb, chest))]

    def __call__(self, sample: Sample, rng: np.random.Generator) -> None:
        for rows, stay in self.groups:
            sample.signal[np.setdiff1d(rows, rng.choice(rows, stay, replace=False))] = 0


FAIRSEQ: dict[str, Callable[..., Callable[[Sample, np.random.Generator], None]]] = {
    "fairseq_powerline": FairseqPowerline, "fairseq_emg": FairseqEmg, "fairseq_shift": FairseqShift,
    "fairseq_wander": FairseqWander, "random_leads_masking": RandomLeadsMasking,
    "conditional_leads_masking": ConditionalLeadsMasking, "vcg_rotation": VcgRotation, "vcg_scaling": VcgScaling,
    "lead_time_mask": LeadTimeMask,
}
