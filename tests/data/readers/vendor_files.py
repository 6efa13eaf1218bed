"""Small DICOM, HL7 and Sierra files that the tests of these readers write."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def write_dicom(path: Path, stored: np.ndarray, names=("Lead I", "Lead II"), rate: float = 500.0, step: float = 1.25,
                unit: str = "uV", label: str = "RHYTHM", more=(), **changes) -> None:
    """(channels, samples) int16 as one multiplex group; `more` are further groups (label, stored)."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.9.1.1"
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID, file.Modality = meta.MediaStorageSOPClassUID, "1.2.3", "ECG"
    file.PatientName, file.PatientID, file.PatientSex, file.PatientAge = "Doe^Jane", "secret", "F", "042Y"
    file.WaveformSequence = [_group(name, values, names, rate, step, unit) for name, values in
                             ((label, stored), *more)]
    for name, value in changes.items():
        setattr(file.WaveformSequence[0], name, value)
    file.save_as(path, enforce_file_format=True)


def _group(label, stored, names, rate, step, unit):
    from pydicom.dataset import Dataset

    group = Dataset()
    group.MultiplexGroupLabel, group.SamplingFrequency = label, rate
    group.WaveformOriginality = "ORIGINAL" if label == "RHYTHM" else "DERIVED"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = stored.shape
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    group.ChannelDefinitionSequence = [_channel(name, step, unit) for name in names]
    group.WaveformData = np.ascontiguousarray(stored.T.astype("<i2")).tobytes()
    return group


def _channel(name, step, unit):
    from pydicom.dataset import Dataset

    def code(value, meaning):
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "X", meaning
        return item

    channel = Dataset()
    channel.ChannelSourceSequence = [code("1", name)]
    channel.ChannelSensitivity, channel.ChannelSensitivityCorrectionFactor, channel.ChannelBaseline = step, 1, 0
    channel.ChannelSensitivityUnitsSequence = [code(unit, unit)]
    channel.WaveformBitsStored = 16
    return channel


def aecg(leads: dict[str, list[int]], step: str = '<increment value="0.002" unit="s"/>', scale: float = 2.5,
         unit: str = "uV", before: str = "", after: str = "") -> str:
    """An HL7 aECG document of one series, with one P wave at 0.122-0.224 s."""
    sequences = "".join(
        f'<component><sequence><code code="MDC_ECG_LEAD_{name}"/><value><origin value="0" unit="{unit}"/>'
        f'<scale value="{scale}" unit="{unit}"/><digits>{" ".join(map(str, values))}</digits></value></sequence>'
        "</component>" for name, values in leads.items())
    wave = ('<annotation><code code="MDC_ECG_WAVC"/><value code="MDC_ECG_WAVC_PWAVE"/><support><supportingROI>'
            '<component><boundary><code code="TIME_ABSOLUTE"/><value><low value="20021122091000.122"/>'
            '<high value="20021122091000.224"/></value></boundary></component></supportingROI></support></annotation>')
    return (f'<?xml version="1.0" encoding="UTF-8"?>{before}<!-- a comment --><AnnotatedECG xmlns="urn:hl7-org:v3">'
            '<administrativeGenderCode code="F"/><component><series><code code="RHYTHM"/><component><sequenceSet>'
            '<component><sequence><code code="TIME_ABSOLUTE"/><value><head value="20021122091000.000"/>'
            f"{step}</value></sequence></component>{sequences}</sequenceSet></component><subjectOf><annotationSet>"
            f"<component><annotation><code code='MDC_ECG_BEAT'/><component>{wave}</component></annotation></component>"
            f"</annotationSet></subjectOf>{after}</series></component></AnnotatedECG>")


def sierra(stored: np.ndarray, packing: str = "XLI", data: bytes | None = None, rate: int = 500,
           version: str = "1.04") -> str:
    """A Sierra document of 12 leads whose (12, samples) int16 are stored as given."""
    packed = data if data is not None else b"".join(map(xli, stored)) if packing == "XLI" else stored.astype(
        "<i2").tobytes()
    milliseconds = stored.shape[1] * 1000 // rate
    return (f'<?xml version="1.0"?><restingecgdata xmlns="http://www3.medical.philips.com"><documentinfo>'
            f"<documenttype>PhilipsECG</documenttype><documentversion>{version}</documentversion></documentinfo>"
            f"<dataacquisition><signalcharacteristics><samplingrate>{rate}</samplingrate><resolution>5</resolution>"
            "</signalcharacteristics></dataacquisition><patient><generalpatientdata><sex>Male</sex></generalpatientdata>"
            f'</patient><waveforms><parsedwaveforms dataencoding="Base64" compression="{packing}" numberofleads="12" '
            f'leadlabels="{" ".join(LEADS)}" durationperchannel="{milliseconds}" resolution="5">'
            f"{base64.b64encode(packed).decode()}</parsedwaveforms></waveforms></restingecgdata>")


def xli(lead: np.ndarray) -> bytes:
    """One lead: second differences, high bytes before low bytes, each byte a code of 10 bits."""
    values = lead.astype(int).tolist()
    last = [2 * values[k - 1] - values[k - 2] - values[k] for k in range(2, len(values))] + [0]
    words = [value & 0xFFFF for value in [*values[:2], *(value + 64 for value in last[1:])]]
    plain = bytes(word >> 8 for word in words) + bytes(word & 0xFF for word in words)
    packed = pack_codes(plain)
    return len(packed).to_bytes(4, "little") + b"\0\0" + (last[0] & 0xFFFF).to_bytes(2, "little") + packed


def pack_codes(codes) -> bytes:
    bits = "".join(f"{code:010b}" for code in codes)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def as_stored(leads: np.ndarray) -> np.ndarray:
    """(12, samples) int -> with III, aVR, aVL and aVF as Sierra files keep them."""
    one, two, three, avr, avl, avf = leads[:6].astype(int)
    return np.stack([one, two, two - one - three, -avr - (one + two) // 2, (one - three) // 2 - avl,
                     (two + three) // 2 - avf, *leads[6:]])
