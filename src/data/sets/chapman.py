"""Chapman-Shaoxing: 12-lead ECGs of 10 s at 500 Hz, one per patient, with eleven rhythms in four usual groups.

AF is atrial flutter here, AFIB fibrillation. The files are CSV in microvolt; some hold missing or empty leads. No
official split. Source: Zheng et al., Scientific Data 7:48, 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from src.data.prepare.raw import RawRecord, RawSet
from src.data.sets.raw_files import PublicSet, RawFiles, person
from src.data.sets.spreadsheet import read_spreadsheet
from src.errors import BadRecord, UserError

CHAPMAN = PublicSet("chapman", "Chapman-Shaoxing",
                    "https://figshare.com/collections/ChapmanECG/4560497", "CC BY 4.0")
TABLES = ("Diagnostics.csv", "Diagnostics.xlsx")
GROUPS = {"SB": ("SB",), "AFIB": ("AFIB", "AF"), "GSVT": ("ST", "SVT", "AT", "AVNRT", "AVRT", "SAAWR"),
          "SR": ("SR", "SI")}
RHYTHMS = tuple(rhythm for rhythms in GROUPS.values() for rhythm in rhythms)
GROUP_OF = {rhythm: group for group, rhythms in GROUPS.items() for rhythm in rhythms}
SPELLINGS = {"SA": "SI"}  # sinus irregularity is written in both ways


@dataclass(frozen=True)
class Options:
    labels: Literal["groups", "rhythms"] = "groups"  # four groups, or all eleven rhythms
    denoised: bool = False  # ECGDataDenoised in place of ECGData


def find(root: Path, options: Options) -> RawSet:
    """The recordings of Diagnostics.csv (saved from the spreadsheet) or Diagnostics.xlsx (extra: xlsx)."""
    files = RawFiles(root)
    path, folder = files.named(*TABLES), "ECGDataDenoised" if options.denoised else "ECGData"
    if path is None:
        raise CHAPMAN.lacks(f"Diagnostics.xlsx below {root}")
    table = read_spreadsheet(root / path)
    lost = [name for name in ("filename", "rhythm", "patientage", "gender") if name not in table]
    if lost:
        raise UserError(f"{root / path} has no column {', '.join(lost)}", "take the table as published")
    recordings = files.stems(".csv", inside=folder)
    records, missing = [], {}
    for name, rhythm, age, sex in zip(table["filename"], table["rhythm"], table["patientage"], table["gender"]):
        label = _label(rhythm, name, options)
        if name in recordings:
            records.append(RawRecord(name, recordings[name], (label,), subject=name, info=person(age, sex)))
        else:
            missing[name] = f"no such file: {folder}/{name}.csv"
    return CHAPMAN.raw_set(tuple(GROUPS) if options.labels == "groups" else RHYTHMS, "classes", records, missing,
                           ("one recording per patient",))


def _label(text: str, record: str, options: Options) -> str:
    rhythm = SPELLINGS.get(text.strip().upper(), text.strip().upper())
    if rhythm not in GROUP_OF:
        raise BadRecord(record, f"rhythm {text!r} is unknown", f"known: {', '.join(RHYTHMS)}")
    return GROUP_OF[rhythm] if options.labels == "groups" else rhythm
