"""The heart as one moving dipole: every wave of every beat is a Gaussian along a vector in Frank's axes.

Widths before and after the centre differ; all numbers are seconds and mV. The leads are Dower's projections
(Dower, Machado and Osborne 1980).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from src.data.simulated.devices import BASE_HZ
from src.data.simulated.noise import log_normal
from src.data.simulated.patients import AF, AVB, LBBB, LVH, MI, RBBB, STTC, Patient, Severity, rotation
from src.data.simulated.rhythm import ATRIAL, VENTRICULAR, Rhythm

P, Q, R, S, T = range(5)


class Wave(NamedTuple):
    """A Gaussian at `offset` from the R peak (one number, or one per beat) with a vector (3,) or (beats, 3)."""

    offset: float | np.ndarray
    before: float
    after: float
    vector: np.ndarray
    qrs: bool = False


@dataclass
class Repolarisation:
    """How ST and T of one record look: depth of the ST segment, T (1 upright, negative inverted), strain."""

    st: float
    t: float
    strain: float


@dataclass
class Heart:
    """The electrical activity of one record and what a machine would measure of it."""

    dipole: np.ndarray  # (3, samples) mV
    pr: float  # s
    qrs: float  # s
    inverted_t: bool


def beat_heart(rng: Generator, patient: Patient, rhythm: Rhythm, severity: Severity, samples: int) -> Heart:
    """The dipole of a record at 500 Hz, seen along the axes of the leads."""
    pr = _pr(rng, patient, rhythm, severity)
    tilt = rotation(np.radians(3) * rng.standard_normal(3))
    size = patient.size * (1 + 0.02 * rng.standard_normal(len(rhythm.time)))
    repolarisation = _repolarisation(rng, patient, rhythm, severity)
    ventricular = rhythm.kind == VENTRICULAR
    time = rhythm.time + np.where(ventricular | ~rhythm.present[AVB], 0.0, pr - patient.pr)
    size *= 1 + 0.04 * np.sin(2 * np.pi * patient.breathing_hz * time + rhythm.breathing_phase)
    normal = _normal_beat(patient, rhythm, severity, pr, repolarisation)
    ectopic = _ventricular_beat(patient)
    rows = [_rows(normal, time, size, ~ventricular), _rows(ectopic, time, size, ventricular)]
    dipole = _sum_waves(np.concatenate(rows), samples)
    if rhythm.present[AF]:
        dipole += _fibrillation(rng, patient, severity, samples)
    return Heart(patient.rotation @ tilt @ dipole, pr, _qrs_duration(normal), repolarisation.t < 0)


def _pr(rng: Generator, patient: Patient, rhythm: Rhythm, severity: Severity) -> float:
    normal, factor = patient.pr + 0.004 * rng.standard_normal(), 1 + 0.02 * rng.standard_normal()
    if not rhythm.present[AVB]:
        return normal
    return max(0.205, 0.200 + (patient.long_pr * factor - 0.200) * severity.effect)


def _repolarisation(rng: Generator, patient: Patient, rhythm: Rhythm, severity: Severity) -> Repolarisation:
    factor, changes_t = log_normal(rng, 0.25), rng.random() < 0.75
    degree = patient.degree[STTC] * severity.effect * rhythm.present[STTC]
    strain = 0.5 * severity.effect if rhythm.present[LVH] and patient.strain else 0.0
    return Repolarisation(0.16 * degree * factor, 1 - 1.45 * degree * changes_t, strain)


def _normal_beat(patient: Patient, rhythm: Rhythm, severity: Severity, pr: float,
                 repolarisation: Repolarisation) -> list[Wave]:
    """The waves of a beat that comes from the atria."""
    corrected_qt = patient.qt * np.cbrt(np.clip(rhythm.rr_before, 0.35, 1.5))
    t_peak = (corrected_qt - 0.10) * np.sqrt(patient.t_width)
    waves = [] if rhythm.present[AF] else _atria(patient, rhythm, pr)
    if rhythm.present[LBBB]:
        waves += _left_block(patient, severity, t_peak)
    else:
        waves += _ventricles(patient, rhythm, severity, repolarisation, t_peak)
    return waves + _added_qrs(patient, rhythm, severity)


def _atria(patient: Patient, rhythm: Rhythm, pr: float) -> list[Wave]:
    gain = patient.gain[P] * np.where(rhythm.kind == ATRIAL, 0.8, 1.0)[:, None]
    right = -pr - 0.006 - 0.02 * rhythm.present[LBBB]
    return [Wave(right, 0.018, 0.018, gain * (np.array([0.05, 0.10, -0.06]) + 0.09 * patient.direction[P])),
            Wave(right + 0.035, 0.020, 0.022, gain * np.array([0.075, 0.055, 0.05]))]


def _ventricles(patient: Patient, rhythm: Rhythm, severity: Severity, repolarisation: Repolarisation,
                t_peak: np.ndarray) -> list[Wave]:
    width, gain, e = patient.qrs_width, patient.gain, patient.direction
    large = 1 + 0.62 * patient.degree[LVH] * severity.effect * rhythm.present[LVH]
    q = gain[Q] * (np.array([-0.16, 0, -0.26]) + 0.6 * e[Q])
    r = large * gain[R] * (np.array([1.05, 0.80, 0.25 + 0.18 * (large - 1)]) + e[R])
    s = large**0.7 * gain[S] * (np.array([-0.26, -0.28, 0.50]) + e[S])
    st = -(repolarisation.st + 0.10 * repolarisation.strain) * patient.st_direction
    return [Wave(-0.026 * width, 0.008 * width, 0.008 * width, q, True),
            Wave(0.0, 0.0115 * width, 0.0115 * width, r, True),
            Wave(0.026 * width, 0.011 * width, 0.012 * width, s, True),
            Wave(t_peak, 0.058 * patient.t_width, 0.036 * patient.t_width,
                 _t_vector(patient, rhythm, repolarisation)),
            Wave(0.115, 0.042, 0.05, st)]


def _t_vector(patient: Patient, rhythm: Rhythm, repolarisation: Repolarisation) -> np.ndarray:
    vector = np.array([0.27, 0.21, -0.16]) + 0.5 * patient.direction[T]
    vector += np.array([0.05, 0, 0.22]) * rhythm.present[RBBB]
    if rhythm.present[MI]:
        vector *= (1, 1, -0.5) if patient.anterior else (1, -0.4, 1)
    t = repolarisation.t
    return (patient.gain[T] * vector * (t, t, 0.4 + 0.6 * t)
            - repolarisation.strain * np.array([0.30, 0.12, -0.10]))


def _left_block(patient: Patient, severity: Severity, t_peak: np.ndarray) -> list[Wave]:
    """Left bundle branch block: its own QRS, T against the QRS, ST; changes of STTC and LVH do not apply."""
    width = patient.qrs_width * (1 + 0.18 * (patient.degree[LBBB] - 1))
    gain, e, late = patient.gain, patient.direction, 0.6 + 0.4 * severity.effect
    return [Wave(-0.032, 0.016 * width, 0.016 * width, gain[R] * np.array([0.30, 0.15, 0.15]), True),
            Wave(-0.002, 0.018 * width, 0.020 * width, gain[R] * (np.array([0.85, 0.40, 0.70]) + e[R]), True),
            Wave(0.040 * width, 0.022 * width, 0.020 * width,
                 gain[R] * late * (np.array([0.80, 0.15, 0.85]) + e[S]), True),
            Wave(t_peak + 0.01, 0.07, 0.045, gain[T] * (np.array([-0.28, -0.08, -0.38]) + 0.3 * e[T])),
            Wave(0.14, 0.05, 0.05, np.array([-0.06, -0.02, -0.10]))]


def _added_qrs(patient: Patient, rhythm: Rhythm, severity: Severity) -> list[Wave]:
    """The terminal waves of a (incomplete) right bundle branch block and the early one of an infarct."""
    width, effect, waves = patient.qrs_width, severity.effect, []
    if rhythm.present[RBBB]:
        gain = patient.degree[RBBB] * (0.5 + 0.5 * effect)
        waves.append(Wave(0.060 * width, 0.018, 0.022, gain * np.array([-0.55, -0.08, -0.62]), True))
    if patient.incomplete_rbbb:
        vector = patient.incomplete_rbbb * np.array([-0.35, -0.05, -0.55])
        waves.append(Wave(0.044 * width, 0.011, 0.012, vector, True))
    if rhythm.present[MI]:
        vector = np.array([-0.10, 0.05, 0.52] if patient.anterior else [0, -0.55, 0])
        gain = patient.degree[MI] * (0.4 + 0.6 * effect)
        waves.append(Wave(-0.020 * width, 0.012 * width, 0.012 * width, gain * vector, True))
    return waves


def _ventricular_beat(patient: Patient) -> list[Wave]:
    """A premature ventricular beat: no P, wide QRS, T against it."""
    q = 1.5 * patient.pvc_direction
    t_peak = (patient.qt + 0.04 - 0.10) * np.sqrt(patient.t_width)
    first = 0.8 * q + np.array([0, 0, 0.1]) / patient.size  # the small vector does not grow with the heart
    return [Wave(-0.03, 0.026, 0.026, first), Wave(0.025, 0.028, 0.032, q), Wave(t_peak - 0.02, 0.07, 0.05, -0.45 * q)]


def _qrs_duration(waves: list[Wave]) -> float:
    """First to last QRS wave at two widths, in s."""
    qrs = [wave for wave in waves if wave.qrs]
    return float(max(wave.offset + 2 * wave.after for wave in qrs) - min(wave.offset - 2 * wave.before for wave in qrs))


def _rows(waves: list[Wave], time: np.ndarray, size: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(chosen beats * waves, 6): centre, width before and after, and vector of every wave."""
    rows = np.empty((len(waves), len(time), 6))
    for row, wave in zip(rows, waves):
        row[:, 0] = time + wave.offset
        row[:, 1], row[:, 2] = wave.before, wave.after
        row[:, 3:] = size[:, None] * wave.vector
    return rows[:, chosen].reshape(-1, 6)


def _sum_waves(rows: np.ndarray, samples: int) -> np.ndarray:
    """(rows, 6) -> (3, samples): all Gaussians on their +-4 widths with one `exp`."""
    reach = 4 * np.maximum(rows[:, 1], rows[:, 2])
    first = np.clip(np.ceil((rows[:, 0] - reach) * BASE_HZ), 0, samples).astype(np.int64)
    stop = np.clip(np.floor((rows[:, 0] + reach) * BASE_HZ) + 1, first, samples).astype(np.int64)
    count = stop - first
    row = np.repeat(np.arange(len(rows)), count)
    sample = np.arange(len(row)) + np.repeat(first - np.cumsum(count) + count, count)
    since = sample / BASE_HZ - rows[row, 0]
    bell = np.exp(-0.5 * np.square(since / np.where(since < 0, rows[row, 1], rows[row, 2])))
    return np.stack([np.bincount(sample, bell * rows[row, axis], minlength=samples) for axis in (3, 4, 5)])


def _fibrillation(rng: Generator, patient: Patient, severity: Severity, samples: int) -> np.ndarray:
    """(3, samples) fibrillatory waves of 5 to 7.5 Hz that wander in frequency and size."""
    time = np.arange(samples) / BASE_HZ
    base_hz, drift_hz, swell_hz = rng.uniform((5, 0.2, 0.3), (7.5, 0.5, 0.8))
    phases = rng.uniform(0, 2 * np.pi, 2)
    knots = rng.standard_normal(samples // BASE_HZ + 1)
    size = 0.055 * severity.effect * patient.degree[AF] * log_normal(rng, 0.35)
    hz = base_hz * (1 + 0.08 * np.sin(2 * np.pi * drift_hz * time + phases[0])
                    + 0.03 * np.interp(time, np.arange(len(knots)), knots))
    angle = 2 * np.pi * np.cumsum(hz) / BASE_HZ
    size = size * (1 + 0.35 * np.sin(2 * np.pi * swell_hz * time + phases[1]))
    main = np.outer([0.35, 0.6, -0.8], np.sin(angle) + 0.35 * np.sin(2 * angle + 0.7))
    return size * (main + np.outer([0.12, -0.3, 0.18], np.sin(0.93 * angle + 1)))
