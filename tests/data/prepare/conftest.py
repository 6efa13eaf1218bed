"""Small sets of raw recordings: WFDB files of two leads, and a table of labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from src.data.prepare.raw import RawRecord, RawSet


def write_record(folder: Path, name: str, stored: np.ndarray, rate: float = 100.0, leads: tuple[str, ...] = ("I", "II")
                 ) -> None:
    """Format 16, 1000 steps per mV; `stored` (samples, leads) int16, -32768 where missing."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{path.name} {len(leads)} {rate:g} {len(stored)}"]
    lines += [f"{path.name}.dat 16 1000/mV 16 0 0 0 0 {lead}" for lead in leads]
    path.with_name(path.name + ".hea").write_text("\n".join(lines) + "\n")
    stored.astype("<i2").tofile(path.with_name(path.name + ".dat"))


@pytest.fixture
def write():
    return write_record


@pytest.fixture
def make_raw(tmp_path):
    """(count) -> (folder, RawSet) of records r000, ... of 200 samples at 100 Hz, of count / 2 patients."""

    def make(count: int = 12, bad: tuple[int, ...] = (), name: str = "raw") -> tuple[Path, RawSet]:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        rng = np.random.default_rng(0)
        records = []
        for number in range(count):
            stored = rng.integers(-2000, 2000, (200, 2))
            if number in bad:
                (folder / f"r{number:03d}.hea").write_text("nonsense\n")
            else:
                write_record(folder, f"r{number:03d}", stored)
            records.append(RawRecord(f"r{number:03d}", f"r{number:03d}.hea", (("sick", "well")[number % 2],),
                                     f"p{number // 2}", info={"age": str(40 + number)}))
        return folder, RawSet("tiny", ("sick", "well"), "classes", records, "made for a test", "none")

    return make
