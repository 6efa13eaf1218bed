"""What is constant in one patient: conditions, geometry of the heart, sizes and times of the waves, the recorder.

Flat record numbers map to patients without a table: every ten patients own twenty records.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from src.data.simulated.devices import DEVICES, Device
from src.data.simulated.noise import CONSTANTS, log_normal, stream

CONDITIONS = ("AF", "1AVB", "LBBB", "RBBB", "PVC", "STTC", "LVH", "MI")
AF, AVB, LBBB, RBBB, PVC, STTC, LVH, MI = range(len(CONDITIONS))
RECORDS_OF_TEN = (1, 1, 1, 1, 2, 2, 2, 3, 3, 4)
DEVICE_BOUNDS = np.cumsum([device.share for device in DEVICES[:-1]])
FIRST_OF_TEN = tuple(np.cumsum((0, *RECORDS_OF_TEN)).tolist())  # of 20 records, which is each patient's first


class Severity(NamedTuple):
    """Multipliers: electrode noise, size of the pathological changes, spread between patients."""

    noise: float
    effect: float
    spread: float


DIFFICULTY = {
    "easy": Severity(0.75, 1.0, 1.0),
    "default": Severity(1.5, 0.7, 1.25),
    "hard": Severity(3.0, 0.5, 1.5),
}


@dataclass(frozen=True)
class Patient:
    """Constants of a patient; axes are Frank's x (left), y (down), z (back), times in s, vectors in mV.

    `gain` and `direction` have one row per wave P, Q, R, S, T; `present` and `degree` one entry per condition.
    """

    male: bool
    age: int
    device: Device
    rotation: np.ndarray  # (3, 3)
    size: float
    gain: np.ndarray  # (5,)
    direction: np.ndarray  # (5, 3)
    qrs_width: float
    t_width: float
    rate_bpm: float
    pr: float
    long_pr: float
    qt: float
    breathing_hz: float
    variability: float
    degree: np.ndarray  # (conditions,)
    pvc_direction: np.ndarray  # (3,)
    pvc_coupling: float
    st_direction: np.ndarray  # (3,)
    strain: bool
    anterior: bool
    delayed: bool  # nonspecific conduction delay: neither normal nor labelled
    incomplete_rbbb: float  # 0 or the gain of its terminal wave; counts as normal
    pac_coupling: float  # 0 where the patient has no atrial premature beats
    present: np.ndarray  # (conditions,) bool


def patient_of(record: int) -> tuple[int, int]:
    """Flat record number -> (patient, number of the record within the patient)."""
    block, place = divmod(record, 20)
    member = int(np.searchsorted(FIRST_OF_TEN, place, "right")) - 1
    return 10 * block + member, place - FIRST_OF_TEN[member]


def first_record(patient: int) -> int:
    """The flat number of the patient's first record; also the number of records of all patients before."""
    block, member = divmod(patient, 10)
    return 20 * block + FIRST_OF_TEN[member]


def draw_patient(seed: int, number: int, severity: Severity, include_mi: bool) -> Patient:
    """Patient `number`; nothing but the conditions depends on `include_mi`."""
    rng = stream(seed, CONSTANTS, number)
    spread = severity.spread
    male = rng.random() < 0.52
    age = int(clip(round(60 + 16 * rng.standard_normal()), 18, 95))
    width = log_normal(rng, 0.10 * spread)
    delay, incomplete, pac = rng.random(3)
    wider, terminal, coupling = rng.uniform((1.35, 0.25, 0.52), (1.7, 0.5, 0.72))
    patient = Patient(
        male=male,
        age=age,
        device=DEVICES[int(np.searchsorted(DEVICE_BOUNDS, rng.random()))],
        rotation=rotation(np.radians([12, 14, 14]) * spread * rng.standard_normal(3)),
        size=log_normal(rng, 0.27 * spread) * (1.06 if male else 0.94),
        gain=np.exp(spread * np.array([0.30, 0.30, 0.18, 0.30, 0.25]) * rng.standard_normal(5)),
        direction=0.12 * spread * rng.standard_normal((5, 3)),
        qrs_width=width * (wider if delay < 0.07 else 1),
        t_width=log_normal(rng, 0.10 * spread),
        rate_bpm=clip(70 + 10 * rng.standard_normal(), 46, 105),
        pr=clip(0.155 + 0.018 * rng.standard_normal(), 0.115, 0.195),
        long_pr=rng.uniform(0.215, 0.30),
        qt=0.40 + 0.018 * rng.standard_normal(),
        breathing_hz=rng.uniform(0.18, 0.32),
        variability=log_normal(rng, 0.35) * clip(1.5 - age / 90, 0.4, 1.3),
        degree=rng.uniform(0.7, 1.3, len(CONDITIONS)),
        pvc_direction=_unit(rng.standard_normal(3)),
        pvc_coupling=rng.uniform(0.52, 0.72),
        st_direction=np.array([0.9, 0.5, -0.1]) + 0.25 * rng.standard_normal(3),
        strain=rng.random() < 0.5,
        anterior=rng.random() < 0.5,
        delayed=bool(delay < 0.07),
        incomplete_rbbb=terminal if incomplete < 0.10 else 0.0,
        pac_coupling=coupling if pac < 0.22 else 0.0,
        present=_draw_conditions(rng, age, include_mi),
    )
    if patient.present[LBBB] or patient.present[RBBB]:  # a block has no look-alike beside it
        return replace(patient, qrs_width=width, delayed=False, incomplete_rbbb=0.0)
    return patient


def _draw_conditions(rng: Generator, age: int, include_mi: bool) -> np.ndarray:
    """(conditions,) bool: none in 42 % of the patients, at least one in the others."""
    present = np.zeros(len(CONDITIONS), bool)
    p_af = 0.30 / (1 + np.exp(-(age - 62) / 9))
    healthy = rng.random() < 0.42
    while not (healthy or present.any()):
        rhythm, block, pvc, sttc, lvh, mi = rng.random(6)
        present[AF] = rhythm < p_af + 0.06
        present[AVB] = not present[AF] and rhythm < p_af + 0.26
        present[LBBB] = block < 0.15
        present[RBBB] = 0.15 <= block < 0.33
        present[PVC] = pvc < 0.22
        present[[STTC, LVH, MI]] = np.array([sttc < 0.26, lvh < 0.22, include_mi and mi < 0.20]) & ~present[LBBB]
    return present


def rotation(angles: np.ndarray) -> np.ndarray:
    """Rx @ Ry @ Rz for three angles in radians; (3, 3)."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_x @ about_y @ about_z


def clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
