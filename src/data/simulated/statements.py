"""What the recorder prints about a record, with the faults of such statements: left out, hedged, negated, wrong.

The labels are the truth; the statements are for scoring whatever turns report text into labels.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from src.data.simulated.patients import AF, AVB, CONDITIONS, LBBB, LVH, MI, PVC, RBBB, STTC, Patient
from src.data.simulated.rhythm import Rhythm

REPORT_COLUMNS = 18
LEFT_OUT, HEDGED, NEGATED, RESTYLED, WRONG = 0.03, 0.08, 0.03, 0.05, 0.005
HEDGES = ("Possible", "Probable", "Consider")
REPOLARISATION = ("Lateral ST-T changes may be due to myocardial ischemia", "Nonspecific ST-T wave changes",
                  "T wave inversion in lateral leads", "ST depression - possible ischemia")
PLAIN = {  # a finding as a statement, for those that are wrong or negated
    AF: "Atrial fibrillation", AVB: "First degree A-V block", LBBB: "Left bundle branch block",
    RBBB: "Right bundle branch block", PVC: "Ventricular premature complex(es)",
    STTC: "Nonspecific ST-T wave changes", LVH: "Left ventricular hypertrophy"}


def write_statements(rng: Generator, patient: Patient, rhythm: Rhythm, normal: bool) -> list[str]:
    """The statements in order: rhythm, findings, summary; at most 18."""
    lines, suffix = _rhythm(rng, rhythm)
    findings = [_imperfect(rng, text) for text in _findings(rng, patient, rhythm)]
    if rhythm.present[PVC]:
        wording = ("Ventricular premature complex(es)", "PVC(s)", "")[rng.integers(3)]
        kept = _imperfect(rng, wording)
        lines[0] += " with PVCs" if kept == "" else ""
        findings.insert(0, kept)
    lines[0] += suffix
    lines += [text for text in findings if text] + _mistakes(rng, rhythm)
    lines.append(_summary(patient, rhythm, normal))
    return [_restyle(rng, line) for line in lines]


def _rate_class(rhythm: Rhythm) -> int:
    """-1 below 60 per minute, 1 above 100, else 0."""
    rate = round(rhythm.rate_bpm)
    return int(rate > 100) - int(rate < 60)


def _rhythm(rng: Generator, rhythm: Rhythm) -> tuple[list[str], str]:
    """Statements of the rhythm, and what is appended to the first of them."""
    if rhythm.present[AF]:
        fast = rhythm.rate_bpm > 110
        speed = "rapid" if fast else "slow" if rhythm.rate_bpm < 60 else ""
        return [f"Atrial fibrillation with {speed} ventricular response" if speed else "Atrial fibrillation"], ""
    lines, suffix = [("Sinus rhythm", "Sinus tachycardia", "Sinus bradycardia")[_rate_class(rhythm)]], ""
    own, wording, premature = rng.random(3) < 0.5
    if rhythm.present[AVB] and own:
        lines.append("Prolonged PR interval" if wording else "First degree A-V block")
    elif rhythm.present[AVB]:
        suffix = " with 1st degree A-V block"
    if rhythm.premature_atrial and premature:
        lines.append("Atrial premature complex(es)")
    elif rhythm.premature_atrial:
        suffix += " with PAC(s)"
    return lines, suffix


def _findings(rng: Generator, patient: Patient, rhythm: Rhythm) -> list[str]:
    present, texts = rhythm.present, []
    if present[LBBB]:
        texts.append("Left bundle branch block")
    if present[RBBB]:
        texts.append(("Right bundle branch block", "RBBB")[rng.integers(2)])
    if patient.incomplete_rbbb:
        texts.append("Incomplete right bundle branch block")
    if patient.delayed:
        texts.append("IV conduction defect")
    if present[LVH]:
        strain = "LVH with secondary repolarization abnormality" if patient.strain else "Left ventricular hypertrophy"
        texts.append((strain, "Voltage criteria for left ventricular hypertrophy")[rng.integers(2)])
    if present[MI]:
        texts.append(f"{'Anterior' if patient.anterior else 'Inferior'} infarct - age undetermined")
    if present[STTC]:
        texts.append(REPOLARISATION[rng.integers(len(REPOLARISATION))])
    return texts


def _imperfect(rng: Generator, text: str) -> str | None:
    """None where the finding is left out, hedged now and then."""
    left_out, hedged = rng.random(2) < (LEFT_OUT, HEDGED)
    hedge = HEDGES[rng.integers(len(HEDGES))]
    if left_out:
        return None
    return f"{hedge} {_lower_first(text)}" if hedged and text else text


def _mistakes(rng: Generator, rhythm: Rhythm) -> list[str]:
    """A negated finding or a wrong one, of findings that are absent."""
    negated, wrong = rng.random(2) < (NEGATED, WRONG)
    absent = [number for number in range(len(CONDITIONS)) if number in PLAIN and not rhythm.present[number]]
    first, second = rng.choice(absent, 2, replace=False)
    lines = [f"No evidence of {_lower_first(PLAIN[int(first)])}"] if negated else []
    return lines + ([PLAIN[int(second)]] if wrong else [])


def _summary(patient: Patient, rhythm: Rhythm, normal: bool) -> str:
    if not normal:
        return "Abnormal ECG"
    return "Borderline ECG" if patient.incomplete_rbbb or _rate_class(rhythm) else "Normal ECG"


def _restyle(rng: Generator, line: str) -> str:
    restyled, style = rng.random() < RESTYLED, rng.integers(3)
    return (line.upper(), line.lower(), f"{line}.")[style] if restyled else line


def _lower_first(text: str) -> str:
    """First letter in lower case, except of abbreviations (LVH, ST, T wave)."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def acquisition_day(patient: int, record: int) -> str:
    """The shifted date of a record, ISO 8601."""
    return str(np.datetime64("2150-01-01") + np.timedelta64(patient * 37 + record * 101, "D"))
