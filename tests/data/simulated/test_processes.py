from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import hashlib
from src.data.simulated.ecg import SimulatedECG
from src.data.simulated.seeg import SimulatedSEEG
digest = hashlib.sha256()
seeg, ecg = SimulatedSEEG(), SimulatedECG(SimulatedECG.Config(patients=60))
rows = [0, 17, 55] if {forward} else [55, 17, 0]
signals = {{row: (seeg.read(row)[0].signal, seeg.stretch(0, row).signal, ecg.read(row)[0].signal) for row in rows}}
for row in sorted(rows):
    for signal in signals[row]:
        digest.update(signal.tobytes())
    digest.update(repr(ecg.metadata(row)["statements"]).encode())
digest.update(ecg.records.label.tobytes())
print(digest.hexdigest(), seeg.target.names)
"""


@pytest.mark.slow
def test_processes_with_other_hash_seeds_and_orders_make_equal_bytes():
    outputs = set()
    for hash_seed, forward in (("1", True), ("2", False)):
        result = subprocess.run([sys.executable, "-c", SCRIPT.format(forward=forward)], cwd=ROOT, check=True,
                                capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": hash_seed})
        outputs.add(result.stdout)
    assert len(outputs) == 1


def test_workers_of_a_loader_make_the_records_of_one_process():
    from multiprocessing import get_context

    from src.data.simulated.ecg import SimulatedECG

    data = SimulatedECG(SimulatedECG.Config(patients=10))
    with get_context("fork").Pool(2) as pool:
        digests = pool.map(_digest, [(data, row) for row in range(6)])
    assert digests == [_digest((data, row)) for row in range(6)]


def _digest(of) -> bytes:
    data, row = of
    return data.read(row)[0].signal.tobytes()
