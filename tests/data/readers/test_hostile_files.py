"""Damaged files of every format but WFDB: bytes changed, cut, repeated. What comes is a recording or a UserError, soon.
By hand: python -m tests.data.readers.test_hostile_files COUNT [SECONDS]"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from src.data.readers import read_recording
from src.errors import UserError
from tests.data.continuous_files import write_edf
from tests.data.readers.vendor_files import aecg, sierra, write_dicom

SECONDS = 5.0  # one file, on a busy machine
FEW = 25  # of each format in the fast suite


def seeds(folder: Path) -> list[Path]:
    """One small valid file of each format."""
    import h5py
    from scipy.io import savemat

    rng = np.random.default_rng(0)
    signal = rng.integers(-500, 500, (12, 200)).astype(np.int16)
    write_edf(folder / "a.edf", ("A1", "A2"), seconds=4, rate=50, events=[(1.0, 0.5, "go")])
    write_edf(folder / "b.bdf", ("A1", "A2"), seconds=4, rate=50, events=[(1.0, 0.5, "go")], stored="Bdf")
    write_dicom(folder / "a.dcm", signal[:2])
    (folder / "aecg.xml").write_text(aecg({"I": signal[0].tolist(), "II": signal[1].tolist()}))
    (folder / "xli.xml").write_text(sierra(signal, rate=500))
    (folder / "plain.xml").write_text(sierra(signal, "Uncompressed"))
    np.savez(folder / "stored.npz", signal=signal, fs=100.0)
    np.savez_compressed(folder / "packed.npz", signal=signal, fs=100.0)
    np.save(folder / "a.npy", signal)
    savemat(folder / "a.mat", {"ECG": {"sex": "Male", "age": 74, "data": signal}})
    savemat(folder / "packed.mat", {"feats": signal, "curr_sample_rate": 400}, do_compression=True)
    with h5py.File(folder / "a.hdf5", "w") as file:
        file["tracings"], file["exam_id"] = np.ones((2, 64, 12), np.float32), np.arange(2)
    (folder / "a.csv").write_text("time,I,II\n" + "".join(f"{k / 100},{k},{-k}\n" for k in range(100)))
    return sorted(path for path in folder.iterdir() if path.is_file())


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes; the beginning, where headers are, is hit most."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        size = len(changed)
        if size == 0:
            break
        at = int(rng.integers(min(size, int(rng.choice([64, 400, 4000, size])))))
        kind = rng.integers(6)
        if kind == 0:
            changed[at] = rng.integers(256)
        elif kind == 1:
            changed[at:at + 8] = rng.integers(0, 256, 8, np.uint8).tobytes()
        elif kind == 2:
            changed[at:at + 4] = bytes([255] * 4)
        elif kind == 3:
            del changed[at:at + int(rng.integers(1, 50))]
        elif kind == 4:
            changed[at:at] = changed[at:at + int(rng.integers(1, 200))]
        else:
            changed[at] = int(rng.choice(list(b"09-+.eE<>&/\0,;\n")))
    return bytes(changed)


def attack(seed: Path, number: int, folder: Path) -> str:
    """What came of reading one damaged copy; raises what it must not raise."""
    rng = np.random.default_rng([number, *seed.name.encode()])
    path = folder / f"x{seed.suffix}"
    path.write_bytes(damage(seed.read_bytes(), rng))
    begin = time.perf_counter()
    try:
        read_recording(path, rate_hz=100)
        outcome = "read"
    except UserError:
        outcome = "refused"
    took = time.perf_counter() - begin
    assert took < SECONDS, f"{seed.name} {number} took {took:.1f} s"
    return outcome


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    for package in ("edfio", "pydicom", "sierraecg", "h5py"):
        pytest.importorskip(package)
    return seeds(tmp_path_factory.mktemp("valid"))


def test_the_undamaged_files_are_read(valid):
    assert len(valid) == 13
    assert all(read_recording(path, rate_hz=100).signal.size for path in valid)


def test_damaged_files_are_read_or_refused(valid, tmp_path):
    outcomes = Counter(attack(seed, number, tmp_path) for seed in valid for number in range(FEW))
    assert outcomes.total() == FEW * len(valid)
    assert outcomes["refused"] > FEW


def main(count: int, limit_s: float) -> None:
    begin, outcomes, number = time.perf_counter(), Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "seeds").mkdir()
        valid = seeds(Path(folder) / "seeds")
        while number < count and time.perf_counter() - begin < limit_s:
            for seed in valid:
                outcomes[attack(seed, number, Path(folder))] += 1
            number += 1
    print(f"{outcomes.total()} files, {dict(outcomes)}, {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 600.0)
