"""Small data for the tests of the data path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from src.data.dataset import BaseDataset, Records
from src.data.signal import Sample, SignalSpec, TargetSpec


class TinyDataset(BaseDataset):
    """Record i of `count` is constant i in two channels of 8 samples, plus noise where a generator is given."""

    def __init__(self, count: int = 12, subjects: int = 4, views: int = 1):
        row = np.arange(count)
        self.records = Records(np.array([f"r{i:03d}" for i in row]), np.array([f"s{i % subjects}" for i in row]),
                               row % 3, np.full(count, ""), np.full(count, 8))
        self.spec = SignalSpec(("a", "b"), 100.0, "mV", 8)
        self.target = TargetSpec("classes", ("x", "y", "z"))
        self.views = views

    def read(self, row, rng=None):
        noise = 0.0 if rng is None else rng.standard_normal((2, 8))
        return [Sample((np.full((2, 8), row) + noise + 100 * view).astype(np.float32), self.records.label[row])
                for view in range(self.views)]


@pytest.fixture
def tiny() -> TinyDataset:
    return TinyDataset()


@pytest.fixture
def make_tiny():
    return TinyDataset


@pytest.fixture
def write_wfdb():
    """(folder, name, stored (samples, signals) int16, options) -> a record of format 16."""

    def write(folder: Path, name: str, stored: np.ndarray, rate: str = "100", units: tuple[str, ...] = (),
              channels: tuple[str, ...] = (), gain: float = 1000) -> None:
        width = stored.shape[1]
        channels, units = channels or ("I", "II", "III")[:width], units or ("mV",) * width
        lines = [f"{name} {width} {rate} {len(stored)}"]
        lines += [f"{name}.dat 16 {gain}/{unit} 16 0 0 0 0 {channel}" for unit, channel in zip(units, channels)]
        (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")
        stored.astype("<i2").tofile(folder / f"{name}.dat")

    return write


@pytest.fixture
def recordings(request) -> Path:
    folder = request.config.getoption("--recordings", default=None)
    if not folder or not Path(folder).is_dir():
        pytest.skip("no real recordings: give --recordings DIR or the variable VAGUS_RECORDINGS")
    return Path(folder)
