"""HL7 annotated ECG (aECG): the rhythm of the first series of an XML file.

Our own reader on the standard library's XML parser: the one package for it asks for a newer Python and brings a data
frame and a plotting library with it. Follows the HL7 aECG implementation guide (Brown and Badilini 2005): a set of
sequences holds times (head and increment) and, for each lead, integers with origin and scale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from src.data.readers.rates import known_rate
from src.data.readers.safe_xml import read_xml, text_of
from src.data.signal import Annotations, Recording
from src.data.units import unit_factor, unit_name
from src.errors import BadRecord

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
LEAD = "MDC_ECG_LEAD_"
AGE, YEARS = "21612-7", ("a", "yr", "y", "")  # LOINC
SEX = {"M": "male", "F": "female"}


def read(path: Path, record: str | None = None) -> Recording:
    """All leads of the first sequence set, in the unit of the first; marks with a place in time as annotations."""
    root = read_xml(path)
    series = next(iter(root.iter("series")), None)
    sets = [] if series is None else list(series.iterfind("component/sequenceSet"))
    if series is None or not sets:
        raise BadRecord(path.name, "holds no series with a set of sequences")
    rate, begin = 0.0, None
    leads: dict[str, tuple[np.ndarray, str]] = {}
    for sequence in sets[0].iter("sequence"):
        code, value = _code(sequence), sequence.find("value")
        if value is None:
            continue
        if code.startswith("TIME_"):
            rate, begin = _rate(value), _attribute(value.find("head"), "value")
        elif value.find("digits") is not None:
            leads[code.removeprefix(LEAD)] = _samples(path, value, code)
    if not leads:
        raise BadRecord(path.name, "holds no lead")
    signal, unit = _stacked(path, leads)
    rate = known_rate(path, rate)
    facts = _facts(root, series) | ({"left_out": f"{len(sets) - 1} further sets of sequences"} if sets[1:] else {})
    return Recording(path.stem, signal, rate, tuple(leads), unit, facts, _marks(series, rate, begin or ""))


def _code(element: Element) -> str:
    return _attribute(element.find("code"), "code")


def _attribute(element: Element | None, name: str) -> str:
    return "" if element is None else element.get(name, "")


def _rate(value: Element) -> float:
    step = value.find("increment")
    seconds = float(_attribute(step, "value") or 0) * SECONDS.get(_attribute(step, "unit"), 0.0)
    return round(1 / seconds, 6) if seconds > 0 else 0.0


def _samples(path: Path, value: Element, code: str) -> tuple[np.ndarray, str]:
    """One lead: (samples,) float32 in its unit."""
    origin, scale = value.find("origin"), value.find("scale")
    try:
        digits = np.array((value.findtext("digits") or "").split(), np.float64)
        offset, step = float(_attribute(origin, "value") or 0), float(_attribute(scale, "value") or 1)
    except ValueError as error:
        raise BadRecord(path.name, f"{code}: {error}") from error
    unit = unit_name(_attribute(scale, "unit"))
    offset *= unit_factor(_attribute(origin, "unit") or unit, unit) or 1.0
    with np.errstate(over="ignore"):  # a damaged digit may be larger than float32
        return (offset + step * digits).astype(np.float32), unit


def _stacked(path: Path, leads: dict[str, tuple[np.ndarray, str]]) -> tuple[np.ndarray, str]:
    """(leads, samples) in the unit of the first lead; a lead that ends early is NaN from there."""
    unit = next(iter(leads.values()))[1]
    signal = np.full((len(leads), max(len(trace) for trace, _ in leads.values())), np.nan, np.float32)
    for row, (name, (trace, own)) in zip(signal, leads.items()):
        if (factor := unit_factor(own, unit)) is None:
            raise BadRecord(path.name, f"lead {name} is in {own or 'no unit'}, the first in {unit or 'no unit'}")
        row[:len(trace)] = trace * np.float32(factor)
    return signal, unit


def _facts(root: Element, series: Element) -> dict[str, Any]:
    facts: dict[str, Any] = {"device": text_of(series, ".//manufacturedSeriesDevice/manufacturerModelName"),
                             "sex": SEX.get(_attribute(next(root.iter("administrativeGenderCode"), None), "code"), "")}
    for observation in root.iter("relatedObservation"):
        value = observation.find("value")
        if _code(observation) == AGE and _attribute(value, "unit") in YEARS:
            facts["age"] = _attribute(value, "value")
    return {name: value for name, value in facts.items() if value}


def _marks(series: Element, rate: float, begin: str) -> Annotations:
    """Annotations of this series with times: code and value as the note (WAVC PWAVE), without their MDC_ECG_."""
    marks = []
    for annotation in series.iterfind("subjectOf/annotationSet//annotation"):
        boundary = next((found for found in annotation.iterfind("support/supportingROI/component/boundary")
                         if _code(found) == "TIME_ABSOLUTE"), None)
        value = None if boundary is None else boundary.find("value")
        if value is None:
            continue
        ends = [_seconds(_attribute(value.find(end), "value"), begin) for end in ("low", "high")]
        known = [end for end in ends if end is not None]
        if known:
            marks.append((min(known), max(known) - min(known), _note(annotation)))
    if not marks:
        return Annotations.none()
    at, length, note = zip(*sorted(marks, key=lambda mark: mark[0]))
    return Annotations(np.round(np.array(at) * rate).astype(np.int64), np.full(len(note), ""), np.array(note),
                       np.round(np.array(length) * rate).astype(np.int64))


def _note(annotation: Element) -> str:
    kind = _code(annotation).removeprefix("MDC_ECG_")
    value = _attribute(annotation.find("value"), "code").removeprefix("MDC_ECG_").removeprefix(f"{kind}_")
    return f"{kind} {value}".strip()


def _seconds(stamp: str, begin: str) -> float | None:
    """Of an HL7 time (YYYYMMDDhhmmss.mmm) after the first sample's."""
    from datetime import datetime

    try:
        times = [datetime.strptime(f"{text.partition('.')[0]:0<14}"[:14], "%Y%m%d%H%M%S").timestamp()
                 + float(f"0.{text.partition('.')[2].partition('-')[0].partition('+')[0] or 0}")
                 for text in (stamp, begin)]
    except ValueError:
        return None
    return round(times[0] - times[1], 6)
