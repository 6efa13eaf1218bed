"""Simulated ECG as MIMIC-IV-ECG lies on a disk: WFDB files of studies and two tables, the machine's statements one."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from src.data.signal import Recording
from src.data.simulated.ecg import SimulatedECG
from src.data.simulated.statements import REPORT_COLUMNS
from src.data.simulated.wfdb_files import record_folder, write_wfdb

LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")  # aVF before aVL
RECORDS, MEASUREMENTS = "record_list.csv", "machine_measurements.csv"


def write_mimic(dataset: SimulatedECG, folder: Path, limit: int | None) -> int:
    """files/p1000/p10000012/s40000001/40000001.{hea,dat}, record_list.csv and machine_measurements.csv."""
    rows = range(len(dataset))[:limit]
    with (folder / RECORDS).open("w", newline="", encoding="utf-8") as records, \
            (folder / MEASUREMENTS).open("w", newline="", encoding="utf-8") as measurements:
        listed, measured = (csv.writer(file, lineterminator="\n") for file in (records, measurements))
        listed.writerow(("subject_id", "study_id", "file_name", "ecg_time", "path"))
        measured.writerow(("subject_id", "study_id", "ecg_time", *(f"report_{n}" for n in range(REPORT_COLUMNS))))
        for row in rows:
            recording = dataset.recording(row)
            place = Path("files") / record_folder(recording)
            (folder / place).mkdir(parents=True, exist_ok=True)
            write_wfdb(_reordered(recording), folder / place)
            meta, name = recording.metadata, recording.name
            time = f"{meta['time']} 12:00:00"
            listed.writerow((meta["patient"], name, name, time, (place / name).as_posix()))
            statements = meta["statements"] + [""] * (REPORT_COLUMNS - len(meta["statements"]))
            measured.writerow((meta["patient"], name, time, *statements))
    return len(rows)


def _reordered(recording: Recording) -> Recording:
    """The recorder's order of leads, as far as they are there."""
    leads = [lead for lead in LEADS if lead in recording.channel_names]
    signal = recording.signal[[recording.channel_names.index(lead) for lead in leads]]
    return replace(recording, signal=signal, channel_names=tuple(leads))
