"""CPSC 2018: 12-lead ECGs of 6 to 60 s at 500 Hz with one to three of nine labels.

The challenge takes the first label as the reference and any of them as right. No official split of the public part.
Source: Liu et al., Journal of Medical Imaging and Health Informatics 8(7):1368, 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from src.data.prepare.raw import RawRecord, RawSet
from src.data.sets.raw_files import PublicSet, RawFiles, counted, whole
from src.errors import BadRecord

CPSC2018 = PublicSet("cpsc2018", "CPSC 2018 (China Physiological Signal Challenge)",
                     "http://2018.icbeb.org/Challenge.html",
                     "none stated; the same recordings in CinC 2021, source CPSC, are CC BY 4.0", "cpsc2018")
CLASSES = ("Normal", "AF", "I-AVB", "LBBB", "RBBB", "PAC", "PVC", "STD", "STE")
COLUMNS = ("first_label", "second_label", "third_label")


@dataclass(frozen=True)
class Options:
    labels: Literal["first", "all"] = "first"  # one class per record, or all of its labels


def find(root: Path, options: Options) -> RawSet:
    """The records of REFERENCE.csv; BadRecord where a label is not 1 to 9."""
    files = RawFiles(root)
    path = files.named("REFERENCE.csv")
    if path is None:
        raise CPSC2018.lacks(f"REFERENCE.csv below {root}")
    table, recordings = files.read(path, ["recording", *COLUMNS]), files.stems(".mat")
    records, missing, several = [], {}, 0
    for row, name in enumerate(table["recording"].tolist()):
        labels = class_names([table[column][row] for column in COLUMNS], name)
        several += len(labels) > 1
        if name in recordings:
            records.append(RawRecord(name, recordings[name], labels if options.labels == "all" else labels[:1],
                                     info={"first_label": labels[0], "all_labels": ";".join(labels)}))
        else:
            missing[name] = f"no such file: {name}.mat"
    kind = "multilabel" if options.labels == "all" else "classes"
    notes = counted(several, "records have two or three labels, of which the first counts")
    return CPSC2018.raw_set(CLASSES, kind, records, missing, notes if options.labels == "first" else ())


def class_names(cells: list[str], record: str) -> tuple[str, ...]:
    """The numbers of a line of REFERENCE.csv, as far as there are any -> names, the first label first."""
    numbers = [whole(cell) for cell in cells if cell]
    known = {str(number): name for number, name in enumerate(CLASSES, start=1)}
    if not numbers or any(number not in known for number in numbers):
        raise BadRecord(record, f"labels {','.join(cells)!r} in REFERENCE.csv", "expected one to three of 1 to 9")
    return tuple(dict.fromkeys(known[number] for number in numbers))
