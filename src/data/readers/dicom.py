"""DICOM waveforms (12-lead, general and ambulatory ECG), by pydicom (the extra `dicom`).

Of the multiplex groups of a file the first original one is read; `record` names another by its label (MEDIAN BEAT).
Names, identifiers and dates of birth of patients are not taken over.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from src.data.readers.memory import check_memory
from src.data.readers.rates import known_rate
from src.data.signal import Annotations, Recording
from src.data.units import unit_name
from src.errors import BadRecord

DEFLATED = "1.2.840.10008.1.2.1.99"
SEX = {"M": "male", "F": "female"}
MOST_CHANNELS = 512


def read(path: Path, record: str | None = None) -> Recording:
    """One multiplex group: (channels, samples) float32, each channel in its own unit of sensitivity."""
    check_memory(path.stat().st_size * 8, path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # devices write identifiers and names that the standard does not allow
        return _read(path, record)


def _read(path: Path, record: str | None) -> Recording:
    import pydicom

    if _syntax(path) == DEFLATED:
        raise BadRecord(path.name, "is stored deflated, whose size is known only after unpacking",
                        "store it with the transfer syntax Explicit VR Little Endian")
    file = pydicom.dcmread(path)
    groups = list(file.get("WaveformSequence", []))
    if not groups:
        raise BadRecord(path.name, "holds no waveform", f"it is a {file.get('Modality', 'DICOM')} object")
    number = _chosen(path, groups, record)
    group = groups[number]
    _check(path, group)
    channels = list(group.ChannelDefinitionSequence)
    signal = np.ascontiguousarray(np.asarray(file.waveform_array(number), np.float32).T)
    units = tuple(_unit(channel) for channel in channels)
    rate = known_rate(path, float(group.get("SamplingFrequency") or 0))
    names = tuple(_name(channel, place) for place, channel in enumerate(channels, start=1))
    facts = _facts(file, groups, number) | ({"units": units} if len(set(units)) > 1 else {})
    return Recording(path.stem, signal, rate, names, units[0], facts, _marks(file, number))


def _syntax(path: Path) -> str:
    from pydicom.filereader import read_file_meta_info

    return str(read_file_meta_info(path).get("TransferSyntaxUID", ""))


def _label(group: Any) -> str:
    return str(group.get("MultiplexGroupLabel") or "")


def _chosen(path: Path, groups: list[Any], record: str | None) -> int:
    labels = [_label(group) for group in groups]
    if record is not None:
        if record not in labels:
            raise BadRecord(path.name, f"has no group {record!r}", f"it has {', '.join(labels)}")
        return labels.index(record)
    original = [k for k, group in enumerate(groups) if str(group.get("WaveformOriginality", "")) == "ORIGINAL"]
    return (original or [0])[0]


def _check(path: Path, group: Any) -> None:
    """What the header promises is what the data are."""
    channels, samples = int(group.NumberOfWaveformChannels), int(group.NumberOfWaveformSamples)
    size = channels * samples * int(group.WaveformBitsAllocated) // 8
    if not 0 < channels <= MOST_CHANNELS or samples < 1 or len(group.ChannelDefinitionSequence) != channels:
        raise BadRecord(path.name, f"damaged header: {channels} channels of {samples} samples, "
                                   f"{len(group.ChannelDefinitionSequence)} described")
    if len(group.WaveformData) < size:
        raise BadRecord(path.name, f"shorter than its header promises: {len(group.WaveformData)} of {size} bytes")


def _unit(channel: Any) -> str:
    codes = channel.get("ChannelSensitivityUnitsSequence") or []
    return unit_name(str(codes[0].CodeValue)) if codes else ""


def _name(channel: Any, place: int) -> str:
    codes = channel.get("ChannelSourceSequence") or []
    return str(codes[0].get("CodeMeaning") or channel.get("ChannelLabel") or f"ch{place}") if codes \
        else str(channel.get("ChannelLabel") or f"ch{place}")


def _facts(file: Any, groups: list[Any], number: int) -> dict[str, Any]:
    age, stated = str(file.get("PatientAge") or ""), str(file.get("AcquisitionDateTime") or "")
    facts = {"age": age[:-1].lstrip("0") if age.endswith("Y") else "",
             "sex": SEX.get(str(file.get("PatientSex") or ""), ""),
             "device": " ".join(str(file.get(tag) or "") for tag in ("Manufacturer", "ManufacturerModelName")).strip(),
             "start": stated,
             "left_out": tuple(_label(group) or f"group {k + 1}" for k, group in enumerate(groups) if k != number),
             "statements": "; ".join(str(found.UnformattedTextValue) for found in _annotations(file)
                                     if found.get("UnformattedTextValue") and not found.get(
                                         "ReferencedSamplePositions"))}
    return {name: value for name, value in facts.items() if value}


def _annotations(file: Any) -> list[Any]:
    return list(file.get("WaveformAnnotationSequence") or [])


def _marks(file: Any, number: int) -> Annotations:
    """Annotations at sample positions of this group: what they are called, from the first position to the last."""
    marks = []
    for found in _annotations(file):
        group = (found.get("ReferencedWaveformChannels") or [number + 1])[0]
        places = np.atleast_1d(found.get("ReferencedSamplePositions") or []).astype(np.int64)
        if len(places) and group == number + 1:
            concept = found.get("ConceptNameCodeSequence") or []
            text = found.get("UnformattedTextValue") or (concept[0].get("CodeMeaning") if concept else "")
            marks.append((places.min() - 1, places.max() - places.min(), str(text or "")))
    if not marks:
        return Annotations.none()
    at, length, note = zip(*sorted(marks))
    return Annotations(np.array(at, np.int64), np.full(len(at), ""), np.array(note), np.array(length, np.int64))
