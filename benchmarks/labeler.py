"""A table of simulated machine statements labelled: seconds of the whole stage, and of a process that labels.

    python benchmarks/labeler.py [--rows 100000] [--workers 2] [--labeler_config DIR] [--mode upstream]

The statements are those of the simulated ECG (findings left out, hedged, negated, restyled), with a statement on leads
or signal quality in every twentieth; how many texts differ is printed, since equal texts are labelled once.
"""

from __future__ import annotations

import argparse
import csv
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from src.data.labels.record_splits import make_split  # noqa: E402
from src.data.labels.reports import read_reports  # noqa: E402
from src.data.labels.tables import make_labels  # noqa: E402
from src.data.simulated.noise import RECORD, stream  # noqa: E402
from src.data.simulated.patients import DIFFICULTY, draw_patient, first_record  # noqa: E402
from src.data.simulated.rhythm import draw_rhythm  # noqa: E402
from src.data.simulated.statements import REPORT_COLUMNS, write_statements  # noqa: E402

QUALITY = ("Missing lead(s): {}", "Artifact in lead(s) {}", "Baseline wander in lead(s) {}",
           "--- Warning: Data quality may affect interpretation ---", "Lead(s) unsuitable for analysis: {}")
VISITS = 4  # how often one rhythm of a patient is reported; statements are drawn anew each time
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--labeler_config", type=Path)
    parser.add_argument("--mode", default="upstream")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), args)


def measure(folder: Path, args: argparse.Namespace) -> None:
    table, split = folder / "machine_measurements.csv", folder / "meta_split.csv"
    print(f"table made in {_timed(lambda: write_table(table, args.rows))[0]:.1f} s, {table.stat().st_size >> 20} MiB")
    make_split(table, split)
    seconds, reports = _timed(lambda: read_reports(table))
    print(f"reading alone {seconds:.1f} s, {len(set(reports.texts))} distinct texts of {len(reports.texts)}")
    before = _cpu()
    seconds, made = _timed(lambda: make_labels(table, folder / "out", config=args.labeler_config, meta_split=split,
                                               mode=args.mode, workers=args.workers))
    cpu = _cpu() - before
    print(f"stage labels  {seconds:.1f} s, {cpu:.1f} s of processor time, {args.workers} workers; "
          f"{1e6 * cpu / made.texts:.0f} us per distinct text")
    memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"largest process {memory >> 10} MiB; positives {dict(zip(made.names, made.counts))}")


def write_table(path: Path, rows: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["subject_id", "study_id", *(f"report_{number}" for number in range(REPORT_COLUMNS))])
        for row, (patient, lines) in zip(range(rows), records()):
            writer.writerow([10_000_000 + patient, 40_000_000 + row, *lines, *[""] * (REPORT_COLUMNS - len(lines))])


def records(seed: int = 0) -> Iterator[tuple[int, list[str]]]:
    """(patient, statements) without end; a patient's records share its conditions."""
    severity, number = DIFFICULTY["default"], 0
    while True:
        patient = draw_patient(seed, number, severity, include_mi=True)
        for index in range(first_record(number + 1) - first_record(number)):
            rng = stream(seed, RECORD, number, index)
            rhythm = draw_rhythm(rng, patient, severity)
            normal = not (rhythm.present.any() or patient.delayed)
            for _ in range(VISITS):
                lines = write_statements(rng, patient, rhythm, normal)
                yield number, ([*lines, _quality(rng)] if rng.random() < 0.05 else lines)[:REPORT_COLUMNS]
        number += 1


def _quality(rng: np.random.Generator) -> str:
    leads = rng.choice(LEADS, rng.integers(1, 4), replace=False)
    return QUALITY[rng.integers(len(QUALITY))].format(",".join(leads))


def _timed(call) -> tuple[float, Any]:
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


def _cpu() -> float:
    """Processor seconds of this process and of its finished children."""
    return sum(usage.ru_utime + usage.ru_stime for usage in map(
        resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


if __name__ == "__main__":
    main()
