"""The simulated data as files: `export(dataset, folder, layout, limit)`. What each layout writes is in its writer.

- npz: sEEG `sub-001.npz` and `unlabelled/sub-001_unlabelled.npz`; ECG `records_00000.npz`, ... and `metadata.csv`;
- wfdb: ECG as .hea and .dat, a folder per patient, and `labels.csv` (record, label, subject, subset);
- mat: ECG as .hea and .mat of the PhysioNet challenges, and `labels.csv`;
- duin: sEEG in the layout of Du-IN's release;
- mimic: ECG as .hea and .dat with the tables of MIMIC-IV-ECG: record_list.csv, machine_measurements.csv;
- tensor_pipeline: ECG as three data sets of WFDB and MAT files and one table of labels.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from src.data.dataset import BaseDataset
from src.data.signal import Recording
from src.data.simulated.checks import check_choice
from src.data.simulated.ecg import SimulatedECG
from src.data.simulated.export_duin import write_duin
from src.data.simulated.export_unified import write_unified
from src.data.simulated.mimic_files import write_mimic
from src.data.simulated.seeg import SimulatedSEEG, subject_name
from src.data.simulated.statements import REPORT_COLUMNS
from src.data.simulated.wfdb_files import record_folder, write_mat, write_wfdb
from src.errors import UserError

RECORDS_PER_FILE = 1000


def export(dataset: BaseDataset, folder: str | Path, layout: str, limit: int | None = None) -> int:
    """Write the first `limit` records (None: all; of sEEG per subject) as files; returns how many.

    Raises UserError for a folder that holds something already and for a layout that these data do not have.
    """
    writers = LAYOUTS.get(type(dataset), {})
    if not writers:
        raise UserError(f"{type(dataset).__name__} cannot be exported", "simulated_seeg and simulated_ecg can")
    check_choice("layout", layout, writers)
    if limit is not None and limit < 1:
        raise UserError(f"limit={limit} leaves nothing to write", "give 1 or more")
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not an empty folder", "name a new one; nothing is overwritten")
    folder.mkdir(parents=True, exist_ok=True)
    return writers[layout](dataset, folder, limit)


def _seeg_npz(dataset: SimulatedSEEG, folder: Path, limit: int | None) -> int:
    """Per subject X (N, C, T) float32 uV, y, words, rep, ...; U (M, C, 10 s) float32 of the unlabelled stretches."""
    dataset, written = SimulatedSEEG(replace(dataset.config, task="words")), 0  # all there is
    for subject in range(dataset.config.subjects):
        name = subject_name(subject)
        rows = np.flatnonzero(dataset.records.subject == name)[:limit]
        _save_records(folder / f"sub-{name}.npz", dataset, rows, y=dataset.records.label[rows],
                      words=np.array(dataset.target.names)[dataset.records.label[rows]],
                      rep=np.arange(len(rows)) // dataset.config.words)
        _save_stretches(folder / "unlabelled" / f"sub-{name}_unlabelled.npz", dataset, subject, limit)
        written += len(rows)
    return written


def _save_stretches(path: Path, dataset: SimulatedSEEG, subject: int, limit: int | None) -> None:
    stretches = [dataset.stretch(subject, index).signal for index in range(dataset.config.stretches)[:limit]]
    if stretches:
        path.parent.mkdir(exist_ok=True)
        np.savez(path, U=np.stack(stretches), fs=dataset.spec.rate_hz, unit="uV", ch_names=list(dataset.spec.channels))


def _save_records(path: Path, dataset: BaseDataset, rows: np.ndarray, **columns: np.ndarray) -> None:
    """One file that `--dataset arrays` reads; `columns` beside those of every data set."""
    records, spec = dataset.records.take(rows), dataset.spec
    signal = np.stack([dataset.read(int(row))[0].signal for row in rows])
    shared = {"X": signal, "record": records.record, "subject": records.subject, "split": records.subset,
              "classes": np.array(dataset.target.names), "fs": np.array(spec.rate_hz), "unit": np.array(spec.unit),
              "ch_names": np.array(spec.channels)}
    np.savez(path, allow_pickle=False, **shared, **columns)


def _ecg_npz(dataset: SimulatedECG, folder: Path, limit: int | None) -> int:
    """Files of 1,000 records, X (n, leads, samples) float32 mV, y (n, K) uint8, and a table of what is known."""
    rows = np.arange(len(dataset))[:limit]
    for number, first in enumerate(range(0, len(rows), RECORDS_PER_FILE)):
        chosen = rows[first:first + RECORDS_PER_FILE]
        _save_records(folder / f"records_{number:05d}.npz", dataset, chosen,
                      y=dataset.records.label[chosen].astype(np.uint8))
    # not called labels: the labels in the files count, also where no record of a small export has two
    header = ("record", "patient", "age", "sex", "device", "time", "findings",
              *(f"report_{number}" for number in range(REPORT_COLUMNS)))
    _write_table(folder / "metadata.csv", header, (_metadata_line(dataset.recording(int(row))) for row in rows))
    return len(rows)


def _metadata_line(recording: Recording) -> list[str]:
    meta = recording.metadata
    statements = meta["statements"] + [""] * (REPORT_COLUMNS - len(meta["statements"]))
    return [recording.name, *(str(meta[key]) for key in ("patient", "age", "sex", "device", "time")),
            ";".join(meta["labels"]), *statements]


def _ecg_wfdb(dataset: SimulatedECG, folder: Path, limit: int | None) -> int:
    return _ecg_files(dataset, folder, limit, write_wfdb, by_patient=True)


def _ecg_mat(dataset: SimulatedECG, folder: Path, limit: int | None) -> int:
    return _ecg_files(dataset, folder, limit, write_mat, by_patient=False)


def _ecg_files(dataset: SimulatedECG, folder: Path, limit: int | None, write, by_patient: bool) -> int:
    rows, lines, records = range(len(dataset))[:limit], [], dataset.records
    for row in rows:
        recording = dataset.recording(row)
        place = record_folder(recording) if by_patient else Path()
        (folder / place).mkdir(parents=True, exist_ok=True)
        write(recording, folder / place)
        lines.append([(place / recording.name).as_posix(), ";".join(recording.metadata["labels"]),
                      str(records.subject[row]), str(records.subset[row])])
    _write_table(folder / "labels.csv", ("record", "label", "subject", "subset"), lines)
    return len(rows)


def _write_table(path: Path, header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


LAYOUTS = {
    SimulatedSEEG: {"npz": _seeg_npz, "duin": write_duin},
    SimulatedECG: {"npz": _ecg_npz, "wfdb": _ecg_wfdb, "mat": _ecg_mat, "mimic": write_mimic,
                   "tensor_pipeline": write_unified},
}
