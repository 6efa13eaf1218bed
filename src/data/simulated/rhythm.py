"""Which conditions a record shows and when its beats occur: all that its labels need, without a signal."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, pi, sin

import numpy as np
from numpy.random import Generator

from src.data.simulated.patients import AF, PVC, Patient, Severity, clip

PRESENCE = np.array([0.88, 0.88, 0.88, 0.88, 0.75, 0.75, 0.88, 0.97])  # of a patient's condition in one record
MAX_BEATS = 64
NORMAL, VENTRICULAR, ATRIAL = range(3)  # kinds of beats


@dataclass
class Rhythm:
    """`time` of the beats in s from -1.5 to 11, their `kind`, and the phase of breathing at time 0."""

    present: np.ndarray  # (conditions,) bool
    time: np.ndarray  # (beats,)
    kind: np.ndarray  # (beats,)
    breathing_phase: float
    rr0: float  # s

    @property
    def rr_before(self) -> np.ndarray:
        """(beats,) the interval that ends with each beat, in s."""
        return np.diff(self.time, prepend=self.time[0] - self.rr0)

    @property
    def rate_bpm(self) -> float:
        """60 over the mean interval within the ten seconds, premature beats included."""
        inside = self.time[(self.time >= 0) & (self.time <= 10)]
        return 60 / float(np.diff(inside).mean())

    @property
    def premature_atrial(self) -> bool:
        return bool((self.kind == ATRIAL).any())


def draw_rhythm(rng: Generator, patient: Patient, severity: Severity) -> Rhythm:
    """The first draws of a record's stream."""
    present = (rng.random(len(PRESENCE)) < PRESENCE) & patient.present
    rate = clip(patient.rate_bpm + 6 * rng.standard_normal() + 12 * present[AF], 42, 140)
    start, atrial = rng.random(2)
    phases = rng.uniform(0, 2 * pi, 2).tolist()
    rr0 = 60 / rate
    draws = rng.standard_normal(MAX_BEATS).tolist()
    time = _beats(patient, present[AF], severity, rr0, -1.5 + rr0 * start, phases, draws)
    rhythm = Rhythm(present, time, np.zeros(len(time), int), phases[0], rr0)
    if present[PVC]:
        _add_ventricular(rng, rhythm, patient)
    if patient.pac_coupling and atrial < 0.80 and not present[AF]:
        _add_atrial(rng, rhythm, patient)
    return rhythm


def _beats(patient: Patient, fibrillates: bool, severity: Severity, rr0: float, time: float, phases: list[float],
           draws: list[float]) -> np.ndarray:
    """Times of the beats up to 11 s; sinus rhythm follows breathing and Mayer waves, AF follows nothing."""
    times = []
    for draw in draws:
        if time >= 11:
            break
        times.append(time)
        if fibrillates:
            time += max(0.32, rr0 * exp(0.20 * severity.effect**0.5 * draw - 0.02))
        else:
            waves = (0.030 * sin(2 * pi * patient.breathing_hz * time + phases[0])
                     + 0.018 * sin(2 * pi * 0.1 * time + phases[1]))
            time += rr0 * (1 + patient.variability * waves + 0.008 * draw)
    return np.array(times)


def _choose(rng: Generator, candidates: np.ndarray, count: int) -> list[int]:
    """At most `count` beats at random, never two neighbours, in order of time."""
    chosen: list[int] = []
    for beat in rng.permutation(candidates).tolist():
        if len(chosen) < count and not {beat - 1, beat + 1} & set(chosen):
            chosen.append(beat)
    return sorted(chosen)


def _add_ventricular(rng: Generator, rhythm: Rhythm, patient: Patient) -> None:
    """Premature ventricular beats with a full pause: the beat after stays where it was."""
    time = rhythm.time
    count = max(1, int(rng.poisson(1.8)))
    factor = patient.pvc_coupling * np.exp(0.03 * rng.standard_normal(MAX_BEATS))
    candidates = np.flatnonzero((time > 0.6) & (time < 9.2))
    chosen = np.array(_choose(rng, candidates[candidates > 0], count), int)
    before = time[chosen - 1]
    if rhythm.present[AF]:
        time[chosen] = before + max(0.34, 0.55 * rhythm.rr0)
    else:
        time[chosen] = before + (time[chosen] - before) * factor[chosen]
    rhythm.kind[chosen] = VENTRICULAR
    rhythm.present[PVC] = len(chosen) > 0


def _add_atrial(rng: Generator, rhythm: Rhythm, patient: Patient) -> None:
    """Premature atrial beats between sinus beats; the pause after them is not or only partly compensatory."""
    time, kind = rhythm.time, rhythm.kind
    count = 1 + int(rng.poisson(1.2))
    factor = 1 - patient.pac_coupling * np.exp(0.04 * rng.standard_normal(MAX_BEATS))
    shift = rng.uniform(-0.05, 0.5, MAX_BEATS)
    inner = np.arange(1, len(time) - 1)
    sinus = (kind[inner - 1] == NORMAL) & (kind[inner] == NORMAL) & (kind[inner + 1] == NORMAL)
    candidates = inner[sinus & (time[inner] > 0.6) & (time[inner] < 9.2)]
    for beat in _choose(rng, candidates, count):
        earlier = (time[beat] - time[beat - 1]) * factor[beat]
        time[beat] -= earlier
        time[beat + 1:] -= earlier * shift[beat]
        kind[beat] = ATRIAL
