"""Philips Sierra XML 1.03 and 1.04 (PageWriter and others), uncompressed or XLI.

The package sierraecg (the extra `sierra`) unpacks XLI; the XML is read by our own bounded parser, and what a lead
unpacks to is bounded by what the header promises. As stored, III, aVR, aVL and aVF are only what they differ from the
sums of I and II by, which is undone here with the format's own rounding. The calibration pulse at the end of all leads
is no signal and left out.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from src.data.leads import STANDARD_12
from src.data.readers.rates import known_rate
from src.data.readers.safe_xml import read_xml, text_of
from src.data.signal import Recording
from src.errors import BadRecord

MOST_LEADS, MOST_SAMPLES = 18, 1 << 18
VERSIONS = ("1.03", "1.04", "1.04.01", "1.04.02")
CODE_BITS = 10
CHUNK_HEADER = 8  # bytes: size of the packed lead (4), unused (2), first sample (2)


def read(path: Path, record: str | None = None) -> Recording:
    """The leads in uV; BadRecord for versions and encodings that are not known."""
    root = read_xml(path)
    version = text_of(root, "documentinfo/documentversion")
    wave = next(root.iter("parsedwaveforms"), None)
    details = next(root.iter("signalcharacteristics"), None)
    if wave is None or details is None:
        raise BadRecord(path.name, "holds no waveforms")
    if version not in VERSIONS or wave.get("dataencoding") != "Base64":
        raise BadRecord(path.name, f"Sierra {version}, {wave.get('dataencoding')}: not read here",
                        f"known: versions {', '.join(VERSIONS)} in Base64")
    rate = known_rate(path, float(text_of(details, "samplingrate") or 0))
    names = _names(wave, details)
    samples = round(float(wave.get("durationperchannel", 0)) / 1000 * rate)
    if not (0 < len(names) <= MOST_LEADS and 0 < samples <= MOST_SAMPLES):
        raise BadRecord(path.name, f"promises {len(names)} leads of {samples} samples")
    stored = _stored(path, wave, len(names), samples)
    microvolts = float(wave.get("resolution") or text_of(details, "signalresolution") or text_of(details, "resolution"))
    signal = _without_pulse(_whole_leads(stored, names) * microvolts).astype(np.float32)
    pulse = {"left_out": f"calibration pulse: the last {samples - signal.shape[1]} samples"}
    return Recording(path.stem, signal, rate, names, "uV", _facts(root) | (pulse if signal.shape[1] < samples else {}))


def _names(wave: Element, details: Element) -> tuple[str, ...]:
    labels = tuple((wave.get("leadlabels") or "").split())[:int(wave.get("numberofleads") or MOST_LEADS)]
    if labels:
        return labels
    count = int(text_of(details, "numberchannelsallocated") or 0)
    return tuple([*STANDARD_12, *(f"channel {k}" for k in range(13, MOST_LEADS + 2))][:count])


def _stored(path: Path, wave: Element, leads: int, samples: int) -> np.ndarray:
    """(leads, samples) int64 as in the file."""
    try:
        data = b64decode(wave.text or "", validate=False)
    except binascii.Error as error:
        raise BadRecord(path.name, f"its waveforms are no Base64: {error}") from error
    packing = wave.get("compressmethod") or wave.get("compression") or "Uncompressed"
    if packing == "XLI":
        rows = list(islice(_unpacked(path, data, samples), leads))
    elif packing == "Uncompressed":
        plain = np.frombuffer(data[:len(data) // 2 * 2], "<i2")
        rows = [plain[k * samples:(k + 1) * samples] for k in range(leads)]
    else:
        raise BadRecord(path.name, f"packed as {packing}, which is not known", "known: XLI, Uncompressed")
    if len(rows) < leads or any(len(row) < samples for row in rows):
        raise BadRecord(path.name, f"shorter than its header promises: {leads} leads of {samples} samples")
    return np.stack([row[:samples] for row in rows]).astype(np.int64)


def _unpacked(path: Path, data: bytes, samples: int) -> Iterator[np.ndarray]:
    """Each lead of XLI data; a lead that unpacks to more than it should is refused before memory is asked for."""
    from sierraecg.lzw import LzwDecoder
    from sierraecg.xli import xli_decode_deltas

    limit = 2 * samples + 64
    while data:
        size, first = int.from_bytes(data[:4], "little"), int.from_bytes(data[6:8], "little", signed=True)
        decoder = LzwDecoder(data[CHUNK_HEADER:CHUNK_HEADER + size], bits=CODE_BITS)
        found = list(islice(iter(decoder.read, -1), limit + 1))
        if len(found) > limit:
            raise BadRecord(path.name, f"a lead unpacks to more than its {samples} samples")
        if len(found) < 2 * samples:
            raise BadRecord(path.name, f"shorter than its header promises: {len(found) // 2} of {samples} samples")
        yield xli_decode_deltas(found + [0] * (len(found) % 2), first)
        data = data[CHUNK_HEADER + max(size, 0):]


def _whole_leads(stored: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """The six limb leads from their differences, where the first six are they."""
    if names[:6] != STANDARD_12[:6]:
        return stored
    one, two, three, avr, avl, avf = stored[:6]
    three = two - one - three
    return np.stack([one, two, three, -avr - (one + two) // 2, (one - three) // 2 - avl, (two + three) // 2 - avf,
                     *stored[6:]])


def _without_pulse(signal: np.ndarray) -> np.ndarray:
    """Without the end where all leads are the same and not all 0."""
    differ = np.flatnonzero((signal != signal[0]).any(axis=0))
    end = differ[-1] + 1 if len(differ) else signal.shape[1]
    return signal[:, :end] if len(signal) > 1 and signal[:, end:].any() else signal


def _facts(root: Element) -> dict[str, str]:
    sex = text_of(root, "patient/generalpatientdata/sex").lower()
    facts = {"age": text_of(root, "patient/generalpatientdata/age/years"),
             "sex": sex if sex in ("male", "female") else "",
             "statements": "; ".join(filter(None, (text_of(found, "leftstatement")
                                                   for found in root.iter("statement")))),
             "start": "T".join(filter(None, (root.find("reportinfo").get(part)  # type: ignore[union-attr]
                                             for part in ("date", "time")))) if root.find("reportinfo") is not None
             else ""}
    return {name: value for name, value in facts.items() if value}
