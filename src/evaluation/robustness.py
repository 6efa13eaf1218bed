"""The robustness card: how much of a score is left when ECGs are recorded worse than those of the test part.

Each disturbance changes the recordings before they are normalised, and the model is scored on all of them: white noise
at the electrodes (signal-to-noise ratio over all leads), absent leads (0 and masked), a recorder whose clock is wrong,
hum of the mains, exchanged electrodes (linear maps of the leads, see `src.data.lead_maps`), a wrong gain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from src.data.control import disturbed
from src.data.dataset import BaseDataset
from src.data.lead_maps import exchanged, from_electrodes
from src.data.leads import LIMB_LEADS, normalise_leads
from src.data.signal import Sample, SignalSpec
from src.data.transforms_recorded import MAINS_MV, Powerline, RecordedTransform, Snr
from src.data.units import unit_factor
from src.errors import UserError
from src.evaluation.evaluate import Evaluation
from src.evaluation.intervals import Interval
from src.evaluation.metrics import compute
from src.evaluation.predictions import Predictions, decide

NOISE_DB = (20, 10, 5, 0)
RATE_SHIFTS = (-0.01, 0.01)
GAINS = (-0.2, 0.2)
EXCHANGES = (("RA", "LA"), ("RA", "LL"), ("LA", "LL"), *((f"V{k}", f"V{k + 1}") for k in range(1, 6)))


@dataclass(frozen=True)
class Disturbance:
    """`change` of a sample as recorded; `kind` groups those that belong together."""

    kind: str
    name: str
    change: RecordedTransform


@dataclass(frozen=True)
class Outcome:
    """What a disturbance does: the metric, its change, and the share of decisions that are no longer the same."""

    kind: str
    name: str
    value: float
    change: float
    decided_otherwise: float


@dataclass
class Robustness:
    """`metric` is `clean` without a disturbance; `left_out` says which could not be tried, and why."""

    metric: str
    clean: float
    interval: Interval | None
    outcomes: list[Outcome]
    left_out: list[str] = field(default_factory=list)


def check(spec: SignalSpec) -> None:
    """UserError unless the channels are known ECG leads."""
    if from_electrodes(spec.channels) is None:
        raise UserError(f"--robustness: is for ECG whose leads are known; the channels here are "
                        f"{', '.join(spec.channels[:12])}{' ...' if len(spec.channels) > 12 else ''}", "leave it out")


def measure(predict: Callable[[BaseDataset], Predictions], dataset: BaseDataset, evaluation: Evaluation,
            seed: int = 0) -> Robustness:
    """The headline metric of `evaluation` under every disturbance; `predict` runs the model over a data set's part."""
    check(dataset.spec)
    metric = evaluation.headline
    if not metric:
        raise UserError("--robustness: needs labels to score the predictions", "leave it out")
    found, left_out = disturbances(dataset.spec)
    outcomes = [_outcome(one, predict(disturbed(dataset, one.change, seed)).sorted(), evaluation) for one in found]
    return Robustness(metric, evaluation.scores[metric], evaluation.interval(metric), outcomes, left_out)


def _outcome(one: Disturbance, found: Predictions, clean: Evaluation) -> Outcome:
    thresholds = clean.fitted.thresholds
    value = compute(clean.target, np.asarray(found.labels), found.scores, thresholds)[clean.headline]
    differs = float(np.mean(decide(clean.target.kind, found.scores, thresholds) != clean.decisions))
    return Outcome(one.kind, one.name, value, value - clean.scores[clean.headline], differs)


def disturbances(spec: SignalSpec) -> tuple[list[Disturbance], list[str]]:
    """All that recordings of `spec` can have, and what they cannot with the reason."""
    left_out: list[str] = []
    found = [Disturbance("noise", f"noise at {db} dB", partial(_noise, Snr(0, spec), db)) for db in NOISE_DB]
    found += list(_absences(spec))
    found += [Disturbance("rate", f"clock {share:+.0%}", partial(_stretch, 1 + share)) for share in RATE_SHIFTS]
    found += list(_mains(spec, left_out))
    found += list(_exchanges(spec, left_out))
    found += [Disturbance("gain", f"gain {share:+.0%}", partial(_amplify, 1 + share)) for share in GAINS]
    return found, left_out


def _absences(spec: SignalSpec) -> Iterator[Disturbance]:
    leads = normalise_leads(spec.channels)
    limb = np.array([lead in LIMB_LEADS for lead in leads])
    if len(leads) > 1:
        for place, lead in enumerate(leads):
            yield Disturbance("absent leads", f"without {lead}", partial(_absent, np.arange(len(leads)) == place))
    if limb.any() and not limb.all():
        yield Disturbance("absent leads", "without limb leads", partial(_absent, limb))
        yield Disturbance("absent leads", "without chest leads", partial(_absent, ~limb))


def _mains(spec: SignalSpec, left_out: list[str]) -> Iterator[Disturbance]:
    factor = unit_factor("mV", spec.unit)
    for hz in (50, 60):
        if factor is None:
            left_out.append(f"mains of {hz} Hz: the signals are in {spec.unit or 'no known unit'}, not in volts")
        elif 2 * hz >= spec.rate_hz:
            left_out.append(f"mains of {hz} Hz: a signal at {spec.rate_hz:g} Hz cannot hold it")
        else:
            yield Disturbance("mains", f"mains {hz} Hz, {MAINS_MV:g} mV",
                              partial(_hum, Powerline(hz, spec), MAINS_MV * factor))


def _exchanges(spec: SignalSpec, left_out: list[str]) -> Iterator[Disturbance]:
    for first, second in EXCHANGES:
        matrix = exchanged(spec.channels, first, second)
        if matrix is None:
            left_out.append(f"{first} and {second} exchanged: these leads do not tell what that gives")
        elif not np.allclose(matrix, np.eye(len(matrix))):
            yield Disturbance("electrodes", f"{first} and {second} exchanged", partial(_mix, matrix.astype(np.float32)))


def _noise(noise: Snr, db: float, sample: Sample, rng: np.random.Generator) -> None:
    noise.add(sample, db, rng)


def _hum(mains: Powerline, size: float, sample: Sample, rng: np.random.Generator) -> None:
    mains.add(sample, size, rng)


def _amplify(factor: float, sample: Sample, rng: np.random.Generator) -> None:
    sample.signal *= np.float32(factor)


def _absent(leads: np.ndarray, sample: Sample, rng: np.random.Generator) -> None:
    sample.channel_mask = ~leads if sample.channel_mask is None else sample.channel_mask & ~leads


def _mix(matrix: np.ndarray, sample: Sample, rng: np.random.Generator) -> None:
    """A lead made of one that is absent is absent."""
    sample.signal[:] = matrix @ sample.signal
    if sample.channel_mask is not None:
        sample.channel_mask = ~((np.abs(matrix) > 1e-6) & ~sample.channel_mask).any(1)


def _stretch(factor: float, sample: Sample, rng: np.random.Generator) -> None:
    """As a clock that runs `factor` times as fast records it, about the middle of the window; the ends are held."""
    from scipy.interpolate import CubicSpline

    time = np.arange(sample.signal.shape[1])
    middle = time[-1] / 2
    places = np.clip(middle + (time - middle) / factor, 0, time[-1])
    sample.signal[:] = CubicSpline(time, sample.signal, axis=1)(places)
    if sample.time_mask is not None:
        sample.time_mask = sample.time_mask[np.rint(places).astype(int)]


def worst(found: Robustness, lower_is_better: bool = False) -> Outcome | None:
    """The disturbance that costs the most; None where no value is defined."""
    known = [outcome for outcome in found.outcomes if math.isfinite(outcome.change)]
    return (max if lower_is_better else min)(known, key=lambda outcome: outcome.change, default=None)
