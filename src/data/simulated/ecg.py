"""`SimulatedECG`: ten seconds of twelve leads from patients with none, one or several findings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from src.data.cache import RecordCache
from src.data.dataset import BaseDataset, Records
from src.data.lead_maps import DOWER
from src.data.signal import Recording, Sample, SignalSpec, TargetSpec
from src.data.simulated.checks import check_choice, check_no_path, check_range
from src.data.simulated.devices import BASE_HZ, LEADS, acquire, to_millivolts
from src.data.simulated.dipole import Heart, beat_heart
from src.data.simulated.electrodes import electrode_noise
from src.data.simulated.noise import RECORD, stream
from src.data.simulated.patients import (
    AF,
    CONDITIONS,
    DIFFICULTY,
    MI,
    Patient,
    Severity,
    draw_patient,
    first_record,
    patient_of,
)
from src.data.simulated.rhythm import Rhythm, draw_rhythm
from src.data.simulated.statements import acquisition_day, write_statements
from src.errors import UserError

SECONDS = 10
VIEWS = ("one", "adjacent", "same")
NOT_MEASURED = 29999  # what recorders write where there is nothing to measure


class SimulatedECG(BaseDataset):
    """Records of 10 s in mV with the labels NORM, AF, 1AVB, LBBB, RBBB, PVC, STTC, LVH (and MI on request).

    Ten patients own twenty records. Parts are whole patients: 4/7 train, 1/7 valid, 2/7 test, so of the default
    1,750 patients 0-999, 1000-1249 and 1250-1749. About 3 % of the records carry no label at all.
    """

    @dataclass(frozen=True)
    class Config:
        patients: int = 1750  # twice as many records
        rate_hz: int = 100  # 500, 250 or 100; made at 500 Hz, then decimated
        difficulty: str = "default"  # easy, default, hard
        seed: int = 0  # patients and records
        include_mi: bool = False  # a ninth label, myocardial infarction
        leads: str | tuple[str, ...] = "12"  # all twelve, or names: I,II,V5
        views: str = "one"  # of each record; adjacent = its two halves, same = the whole twice: pairs for pretraining
        cache_mb: int = 256  # memory for records that were made already

    def __init__(self, config: Config | None = None, data_path: str | None = None):
        check_no_path("simulated_ecg", data_path)
        self.config = config = config or self.Config()
        check_config(config)
        self.leads = chosen_leads(config.leads)
        self.severity = DIFFICULTY[config.difficulty]
        patients = [draw_patient(config.seed, number, self.severity, config.include_mi)
                    for number in range(config.patients)]
        self.records = make_records(config, patients)
        self.info = describe_patients(patients, self.records.subject)
        samples = SECONDS * config.rate_hz // (2 if config.views == "adjacent" else 1)
        self.spec = SignalSpec(self.leads, float(config.rate_hz), "mV", samples,
                               steps=(f"simulated at {BASE_HZ} Hz",))
        self.target = TargetSpec("multilabel", ("NORM", *CONDITIONS[:None if config.include_mi else MI]))
        self.source = (f"simulated ECG, {config.patients} patients, {len(self.leads)} leads at {config.rate_hz} Hz, "
                       f"difficulty {config.difficulty}, seed {config.seed}")
        self._cache = RecordCache(config.cache_mb)

    def read(self, row: int, rng: np.random.Generator | None = None) -> list[Sample]:
        """Record `row`: (leads, samples) float32 in mV and its labels (K,) float32, once or in two views."""
        signal, label = self._cache.get(row, lambda row: self.recording(row).signal), self.records.label[row]
        if self.config.views == "adjacent":
            return [Sample(half.copy(), label) for half in np.split(signal, 2, axis=1)]
        return [Sample(signal, label)] if self.config.views == "one" else [Sample(signal, label),
                                                                           Sample(signal.copy(), label)]

    def recording(self, row: int) -> Recording:
        """Record `row` made anew, with its metadata in `meta`."""
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)} records")
        number, index = patient_of(row)
        patient = draw_patient(self.config.seed, number, self.severity, self.config.include_mi)
        rng = stream(self.config.seed, RECORD, number, index)
        rhythm = draw_rhythm(rng, patient, self.severity)
        samples = SECONDS * BASE_HZ
        heart = beat_heart(rng, patient, rhythm, self.severity, samples)
        voltage = DOWER.astype(np.float32) @ heart.dipole.astype(np.float32)
        voltage += electrode_noise(rng, patient, rhythm, self.severity.noise, samples)
        steps = acquire(rng, patient.device, voltage, self.config.rate_hz)
        signal = to_millivolts(steps[[LEADS.index(lead) for lead in self.leads]], patient.device.lsb_uv)
        normal = not (rhythm.present.any() or patient.delayed)
        meta = {"patient": 10_000_000 + number, "record_of_patient": index, "time": acquisition_day(number, index),
                **_describe(patient, rhythm, heart), "labels": self.label_names(row),
                "statements": write_statements(rng, patient, rhythm, normal)}
        return Recording(str(self.records.record[row]), signal, self.spec.rate_hz, self.leads, "mV", meta)

    def metadata(self, row: int) -> dict:
        """Patient, age, sex, device, time, intervals (29999: not measured), labels, statements of record `row`."""
        return self.recording(row).metadata

    def label_names(self, row: int) -> tuple[str, ...]:
        """The names of the labels of record `row`; empty for the few that have none."""
        return tuple(name for name, present in zip(self.target.names, self.records.label[row]) if present)


def _describe(patient: Patient, rhythm: Rhythm, heart: Heart) -> dict:
    return {"age": patient.age, "sex": "M" if patient.male else "F", "device": patient.device.name,
            "lsb_uv": patient.device.lsb_uv, "rate_bpm": round(rhythm.rate_bpm, 1),
            "pr_ms": NOT_MEASURED if rhythm.present[AF] else round(1000 * heart.pr),
            "qrs_ms": round(1000 * heart.qrs), "inverted_t": heart.inverted_t,
            "atrial_premature": rhythm.premature_atrial, "conduction_delay": patient.delayed,
            "incomplete_rbbb": patient.incomplete_rbbb > 0}


def chosen_leads(leads: str | tuple[str, ...]) -> tuple[str, ...]:
    """"12" or names, as a tuple or joined with commas -> names in the order given."""
    if leads in ("12", 12):
        return LEADS
    names = tuple(name.strip() for name in leads.split(",")) if isinstance(leads, str) else tuple(leads)
    for name in names:
        check_choice("leads", name, LEADS)
    if not names or len(set(names)) < len(names):
        raise UserError(f"leads={leads!r} names no lead, or one of them twice", "--dataset_args leads=I,II,V5")
    return names


def check_config(config: SimulatedECG.Config) -> None:
    """Raise UserError for options that these data cannot have."""
    check_choice("difficulty", config.difficulty, DIFFICULTY)
    check_choice("views", config.views, VIEWS)
    check_choice("rate_hz", config.rate_hz, (500, 250, 100))
    for name, low, high in (("patients", 3, 1_000_000), ("seed", 0, 2**63), ("cache_mb", 0, 1e6)):
        check_range(name, getattr(config, name), low, high)


def make_records(config: SimulatedECG.Config, patients: list[Patient]) -> Records:
    """The table of all records: only rhythms are drawn, no signal is made."""
    count, severity = first_record(config.patients), DIFFICULTY[config.difficulty]
    patient = np.array([patient_of(row)[0] for row in range(count)])
    bounds = [max(1, round(config.patients * share / 7)) for share in (4, 5)]
    subset = np.select([patient < bounds[0], patient < bounds[1]], ["train", "valid"], "test")
    labels = np.concatenate([_patient_labels(config, severity, one, number) for number, one in enumerate(patients)])
    name = np.array([f"{40_000_000 + row}" for row in range(count)])
    subject = np.array([f"p{10_000_000 + number}" for number in patient])
    return Records(name, subject, labels, subset, np.full(count, SECONDS * config.rate_hz))


def describe_patients(patients: list[Patient], subject: np.ndarray) -> dict[str, np.ndarray]:
    """Age, sex and device behind each record, whose patient `subject` (n,) names."""
    _, owner = np.unique(subject, return_inverse=True)  # names sort as numbers do: all have eight digits
    columns = {"age": [str(patient.age) for patient in patients], "sex": ["M" if one.male else "F" for one in patients],
               "device": [patient.device.name for patient in patients]}
    return {name: np.array(column)[owner] for name, column in columns.items()}


def _patient_labels(config: SimulatedECG.Config, severity: Severity, patient: Patient, number: int) -> np.ndarray:
    """(records of this patient, K) float32."""
    records = first_record(number + 1) - first_record(number)
    present = [draw_rhythm(stream(config.seed, RECORD, number, index), patient, severity).present
               for index in range(records)]
    present = np.array(present)
    normal = ~present.any(axis=1, keepdims=True) & (not patient.delayed)
    return np.concatenate([normal, present[:, :None if config.include_mi else MI]], axis=1).astype(np.float32)
