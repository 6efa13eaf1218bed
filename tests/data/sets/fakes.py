"""Small public sets on disk, in their official layouts, with invented signals: `write_<set>(root)`."""

from __future__ import annotations

import csv
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

TWELVE = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")
STATEMENTS = {  # statement: diagnostic, form, rhythm, class, subclass
    "NORM": ("1.0", "", "", "NORM", "NORM"), "IMI": ("1.0", "", "", "MI", "IMI"), "ASMI": ("1.0", "", "", "MI", "AMI"),
    "NDT": ("1.0", "1.0", "", "STTC", "STTC"), "CLBBB": ("1.0", "", "", "CD", "CLBBB"),
    "LVH": ("1.0", "", "", "HYP", "LVH"), "PVC": ("", "1.0", "", "", ""), "SR": ("", "", "1.0", "", ""),
    "AFIB": ("", "", "1.0", "", "")}


def beats(leads: int, samples: int, rate: float, seed: int, bpm: float = 75.0) -> np.ndarray:
    """(leads, samples) float64 mV: a spike per beat, of another height in every lead, and noise; I + III = II."""
    rng = np.random.default_rng(seed)
    spike = np.exp(-0.5 * ((np.arange(samples) / rate) % (60 / bpm) - 0.3) ** 2 / 0.015**2)
    signal = np.linspace(0.4, 1.2, leads)[:, None] * spike + rng.normal(0, 0.02, (leads, samples))
    if leads == 12:
        signal[2] = signal[1] - signal[0]
        signal[3:6] = -(signal[0] + signal[1]) / 2, signal[0] - signal[1] / 2, signal[1] - signal[0] / 2
    return signal


def write_record(folder: Path, name: str, signal: np.ndarray, rate: float, leads: Sequence[str] = TWELVE,
                 comments: Sequence[str] = (), mat: bool = False, first_word: str = "", unit: str = "mV") -> None:
    """A WFDB record of format 16, 1000 per mV, in .dat or in a MAT file of version 4 with the matrix val."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = np.rint(signal * 1000).astype("<i2")
    file, fmt = (f"{name}.mat", "16+24") if mat else (f"{name}.dat", "16")
    head = struct.pack("<5i", 30, *stored.shape, 0, 4) + b"val\0" if mat else b""
    (folder / file).write_bytes(head + np.ascontiguousarray(stored.T).tobytes())
    lines = [f"{first_word or name} {len(stored)} {rate:g} {stored.shape[1]}"]
    for lead, row in zip(leads, stored):
        checksum = (int(row.sum(dtype=np.int64)) + 32768) % 65536 - 32768
        lines.append(f"{file} {fmt} 1000/{unit} 16 0 {row[0]} {checksum} 0 {lead}")
    (folder / f"{name}.hea").write_text("\n".join([*lines, *comments]) + "\n")


def write_table(path: Path, rows: Sequence[Sequence]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


def write_ptbxl(root: Path, records: int = 20, rates: Sequence[int] = (100,)) -> None:
    """Record k is of patient k // 2 in fold k // 2 % 10 + 1; the first has only a rhythm, the last no file."""
    codes = [{"NORM": 100.0, "SR": 0.0}, {"IMI": 50.0, "PVC": 100.0}, {"NDT": 35.0, "SR": 0.0},
             {"CLBBB": 100.0, "ASMI": 15.0}, {"LVH": 80.0, "AFIB": 0.0}]
    rows = []
    for k in range(records):
        own = {"SR": 0.0} if k == 0 else codes[k % len(codes)]
        names = [f"records{rate}/00000/{k + 1:05d}_{'lr' if rate == 100 else 'hr'}" for rate in (100, 500)]
        rows.append([k + 1, f"{10000 + k // 2}.0", 300.0 if k == 1 else 40.0 + k, k % 2, "CS-12", f"a, {k}", own,
                     k // 2 % 10 + 1, *names])
        for rate, name in zip((100, 500), names):
            if rate in rates and k < records - 1:
                write_record(root / Path(name).parent, Path(name).name,
                             beats(12, 10 * rate, rate, k, 60 + 8 * (k % len(codes))), rate)
    write_table(root / "ptbxl_database.csv", [["ecg_id", "patient_id", "age", "sex", "device", "report", "scp_codes",
                                               "strat_fold", "filename_lr", "filename_hr"], *rows])
    write_table(root / "scp_statements.csv", [
        ["", "description", "diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass"],
        *[[code, code.lower(), *row] for code, row in STATEMENTS.items()]])


def write_cinc2017(root: Path, records: int = 8) -> None:
    """training2017/ and its table, and validation/ with copies of the first two."""
    labels = [(f"A{k + 1:05d}", "NAO~"[k % 4]) for k in range(records)]
    write_table(root / "REFERENCE-v3.csv", labels)
    write_table(root / "training2017" / "REFERENCE.csv", [(name, "N") for name, _ in labels])
    for k, (name, _) in enumerate(labels):
        for folder in ("training2017", *(["validation"] if k < 2 else [])):
            write_record(root / folder, name, beats(1, 300 * (9 + k), 300, k), 300, ("ECG",), mat=True)


def write_cinc2021(root: Path) -> None:
    """Six records of five sources, with a Georgia header that names the MAT file and a PTB-XL one in 'mv'."""
    about = {"A0001": ("59118001", "Male", "55"), "Q0001": ("164890007,10370003", "Female", "NaN"),
             "HR00001": ("426783006", "Female", "9"), "E00001": ("63593006,111111", "Male", "78"),
             "JS00001": ("713427006,284470004", "Unknown", "40"), "JS20000": ("67741000119109", "Female", "61")}
    for k, (name, (codes, sex, age)) in enumerate(about.items()):
        comments = [f"#Age: {age}", f"#Sex: {sex}", f"#Dx: {codes}", "#Rx: Unknown"]
        comments = [line.replace("#", "# ") for line in comments] if k % 2 else comments
        write_record(root / f"training/set{k}/g1", name, beats(12, 5000, 500, k), 500, comments=comments, mat=True,
                     first_word=f"{name}.mat" if name.startswith("E") else "",
                     unit="mv" if name.startswith("HR") else "mV")


def write_cpsc2018(root: Path) -> None:
    from scipy.io import savemat

    rows = [("A0001", 1, "", ""), ("A0002", 5, 3, 8), ("A0003", 9, "", ""), ("A0004", 2, 2, ""), ("A0005", 7, "", "")]
    write_table(root / "TrainingSet1" / "REFERENCE.csv", [("Recording", "First_label", "Second_label", "Third_label"),
                                                          *rows])
    for k, (name, *_) in enumerate(rows[:4]):
        savemat(root / "TrainingSet1" / f"{name}.mat",
                {"ECG": {"sex": "Male", "age": 60, "data": beats(12, 500 * (6 + k), 500, k)}})


def write_chapman(root: Path) -> None:
    """Diagnostics.csv, as saved from the spreadsheet, and ECGData in uV."""
    rhythms = ("SB", "AF", "SA", "SVT", "AFIB")
    names = [f"MUSE_20180111_155115_{k:05d}" for k in range(len(rhythms))]
    write_table(root / "Diagnostics.csv", [("FileName", "Rhythm", "Beat", "PatientAge", "Gender"), *[
        (name, rhythm, "NONE", 50 + k, ("MALE", "FEMALE")[k % 2])
        for k, (name, rhythm) in enumerate(zip(names, rhythms))]])
    (root / "ECGData").mkdir()
    for k, name in enumerate(names[:-1]):
        np.savetxt(root / "ECGData" / f"{name}.csv", 1000 * beats(12, 5000, 500, k).T, "%.1f", ",",
                   header=",".join(TWELVE), comments="")


def write_code15(root: Path) -> None:
    """Two exams of one patient and one of another in part 0, an empty one with the number 0, part 1 not there."""
    import h5py

    write_table(root / "exams.csv", [
        ("exam_id", "age", "is_male", "nn_predicted_age", "1dAVb", "RBBB", "LBBB", "SB", "ST", "AF", "patient_id",
         "death", "timey", "normal_ecg", "trace_file"),
        (11, 50, True, 49.1, True, False, False, True, False, False, 7, False, 2.1, False, "exams_part0.hdf5"),
        (12, 51, True, 49.9, False, False, False, False, False, False, 7, "", "", True, "exams_part0.hdf5"),
        (13, 31, False, 30.2, False, False, False, False, False, True, 8, False, 1.0, False, "exams_part0.hdf5"),
        (14, 62, False, 60.2, False, False, False, False, False, True, 9, False, 1.0, False, "exams_part1.hdf5")])
    tracings = np.zeros((4, 4096, 12), np.float32)
    for row, samples in enumerate((4000, 2800, 2800)):
        start = (4096 - samples) // 2
        tracings[row, start:start + samples] = 10 * beats(12, samples, 400, row).T
    with h5py.File(root / "exams_part0.hdf5", "w") as file:
        file["exam_id"], file["tracings"] = np.array([11, 12, 13, 0]), tracings


def write_mitbih(root: Path, records: Sequence[int] = (100, 101, 102, 201, 202), beats_each: int = 20) -> None:
    """30 s each at 360 Hz; the first beat is too near to the start, marks that are no beats lie between."""
    import wfdb

    for number in records:
        leads = ("V5", "MLII") if number == 114 else ("MLII", "V1")
        write_record(root, str(number), beats(2, 360 * 30, 360, number, 60), 360, leads)
        sample = np.array([40, *(108 + 360 * np.arange(1, beats_each))])
        symbol = ["+", *("NVAL/F+fQjx"[k % 11] for k in range(1, beats_each))]
        symbol[0] = "N"
        wfdb.wrann(str(number), "atr", sample, symbol, write_dir=str(root))


def write_unified(root: Path) -> Path:
    """Three sets in a folder and the table of their labels, which is returned."""
    for k in range(4):
        write_record(root / "ptb-xl/rec00", f"r{k:05d}", beats(3, 1000, 100, k), 100, ("I", "II", "V1"))
        write_record(root / "CinC2017/training", f"A{k:05d}", beats(1, 3000, 300, k), 300, ("ECG",), mat=True)
    write_record(root / "other", "A00001", beats(1, 3000, 300, 9), 300, ("ECG",))
    table = root.parent / "logs/unified_label_mapping.csv"
    write_table(table, [("dataset", "record_id", "mapped_label"), ("ptb-xl", "rec00/r00000", "MI"),
                        ("ptb-xl", "rec00\\r00001.hea", "NORM"), ("CinC2017", "A00001", "AF"),
                        ("cinc2017", "training/A00002.mat", "BBB"), ("CinC2017", "A00003", "LVH"),
                        ("somewhere", "A00000", "AF")])
    return table
