"""One ECG record as WFDB files: format 16, or the MAT (version 4) files of the PhysioNet challenges.

Both store int16 samples lead after lead within a sample; the challenge's file has 24 bytes of header before them.
Sources: WFDB header(5) and signal(5) manual pages; MATLAB level 4 MAT-file format.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from src.data.signal import Recording
from src.data.simulated.devices import to_half_steps
from src.errors import UserError

SNOMED = {"AF": 164889003, "1AVB": 270492004, "LBBB": 164909002, "RBBB": 59118001, "PVC": 427172004,
          "LVH": 164873001, "MI": 164865005}
SINUS, BRADYCARDIA, TACHYCARDIA, PREMATURE_ATRIAL = 426783006, 426177001, 427084000, 284470004
ST_DEPRESSION, T_INVERSION, CONDUCTION_DELAY, INCOMPLETE_RBBB = 429622005, 59931005, 698252002, 713426002
MAT_HEADER_BYTES = 24


def record_folder(recording: Recording) -> Path:
    """p1000/p10000012/s40000001: patients in groups, each record in a folder of its study."""
    patient = str(recording.metadata["patient"])
    return Path(f"p{patient[:4]}") / f"p{patient}" / f"s{recording.name}"


def write_wfdb(recording: Recording, folder: Path) -> None:
    """<name>.hea and <name>.dat; one unit is half a step of the recorder, so the limb leads' identities stay exact."""
    lsb_uv = recording.metadata["lsb_uv"]
    samples = _int16(to_half_steps(recording.signal, lsb_uv), recording.name)
    (folder / f"{recording.name}.dat").write_bytes(_interleave(samples))
    _write_header(recording, folder, samples, f"{recording.name}.dat 16", f"{2000 / lsb_uv!r}(0)/mV")


def write_mat(recording: Recording, folder: Path) -> None:
    """<name>.hea and <name>.mat with the matrix val (leads, samples) in uV."""
    samples = _int16(np.rint(recording.signal * 1000.0), recording.name)
    header = struct.pack("<5i", 30, *samples.shape, 0, 4) + b"val\0"  # little-endian int16, real, length of the name
    assert len(header) == MAT_HEADER_BYTES
    (folder / f"{recording.name}.mat").write_bytes(header + _interleave(samples))
    _write_header(recording, folder, samples, f"{recording.name}.mat 16+{MAT_HEADER_BYTES}", "1000/mV")


def _int16(samples: np.ndarray, name: str) -> np.ndarray:
    """Refuse rather than wrap; -32768 means missing in format 16."""
    if np.abs(samples).max() > 32767:
        raise UserError(f"record {name} exceeds 16 bits", "export it as npz")
    return samples.astype("<i2")


def _interleave(samples: np.ndarray) -> bytes:
    """(leads, samples) -> all leads of the first sample, then of the second, ..."""
    return np.ascontiguousarray(samples.T).tobytes()


def _write_header(recording: Recording, folder: Path, samples: np.ndarray, file: str, gain: str) -> None:
    lines = [f"{recording.name} {len(samples)} {recording.sampling_rate_hz:g} {samples.shape[1]}"]
    for lead, values in zip(recording.channel_names, samples):
        lines.append(f"{file} {gain} 16 0 {values[0]} {_checksum(values)} 0 {lead}")
    meta = recording.metadata
    lines += [f"# Age: {meta['age']}", f"# Sex: {'Male' if meta['sex'] == 'M' else 'Female'}",
              f"# Dx: {','.join(map(str, diagnosis_codes(meta)))}"]
    (folder / f"{recording.name}.hea").write_text("\n".join(lines) + "\n", encoding="ascii")


def _checksum(values: np.ndarray) -> int:
    """The sum of all samples as a signed 16-bit number."""
    return (int(values.sum(dtype=np.int64)) + 32768) % 65536 - 32768


def diagnosis_codes(meta: dict) -> list[int]:
    """SNOMED CT codes of a record's rhythm and findings."""
    labels = meta["labels"]
    codes = [SNOMED[label] for label in labels if label in SNOMED]
    if "AF" not in labels:
        rate = meta["rate_bpm"]
        codes.insert(0, BRADYCARDIA if rate < 60 else TACHYCARDIA if rate > 100 else SINUS)
    if "STTC" in labels:
        codes += [ST_DEPRESSION, T_INVERSION] if meta["inverted_t"] else [ST_DEPRESSION]
    further = {"atrial_premature": PREMATURE_ATRIAL, "conduction_delay": CONDUCTION_DELAY,
               "incomplete_rbbb": INCOMPLETE_RBBB}
    return codes + [code for key, code in further.items() if meta[key]]
