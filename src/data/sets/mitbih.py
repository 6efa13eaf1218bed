"""MIT-BIH arrhythmia data base: single beats in the five AAMI classes, patients apart.

A beat is a piece of its recording around its annotation. DS1 trains and DS2 tests (the validation part is cut from DS1,
by record); the four paced records are left out, and so is 201, which is in DS1 but of the same person as 202 in DS2.
Sources: Moody & Mark, IEEE EMB Magazine 20(3), 2001; classes: ANSI/AAMI EC57; DS1 and DS2: de Chazal et al., IEEE TBME
51(7), 2004.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from src.data.prepare.raw import RawRecord, RawSet
from src.data.readers import read_recording
from src.data.sets.raw_files import PublicSet, RawFiles, counted
from src.data.signal import Recording

MITBIH = PublicSet("mitbih", "MIT-BIH Arrhythmia Database", "https://physionet.org/content/mitdb/", "ODC-By 1.0",
                   "mitbih")
AAMI = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}  # class -> symbols; all others are no beats
CLASS_OF = {symbol: name for name, symbols in AAMI.items() for symbol in symbols}
DS1 = (101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122, 124, 201, 203, 205, 207, 208, 209, 215, 220, 223, 230)
DS2 = (100, 103, 105, 111, 113, 117, 121, 123, 200, 202, 210, 212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234)
PACED = (102, 104, 107, 217)
SAME_PERSON = (201, 202)


@dataclass(frozen=True)
class Options:
    before_s: float = 0.5  # from the start of a piece to its R peak
    after_s: float = 0.5  # from the R peak to the end
    keep_201: bool = False  # train on it as published, though its person is tested as 202

    def __post_init__(self) -> None:
        if not (0 < self.before_s < 60 and 0 < self.after_s < 60):
            raise ValueError("before_s and after_s: expected more than 0 and less than 60 seconds")


def find(root: Path, options: Options) -> RawSet:
    """Every beat of the records that are there."""
    files = RawFiles(root)
    headers = files.stems(".hea")
    used = [number for number in sorted(DS1 + DS2) if number != SAME_PERSON[0] or options.keep_201]
    if not any(str(number) in headers for number in used):
        raise MITBIH.lacks(f"100.hea and the other records below {root}")
    records, missing = [], {}
    for name in map(str, used):
        if name not in headers:
            missing[name] = f"no such file: {name}.hea"
        elif str(PurePosixPath(headers[name]).with_suffix(".atr")) not in files:
            missing[name] = f"no such file: {name}.atr"
        else:
            records += beats(read_recording(root / headers[name]), headers[name], options)
    there = {name for name in map(str, PACED) if name in headers}
    return MITBIH.raw_set(tuple(AAMI), "classes", records, missing, (
        *counted(len(there), "paced records left out"),
        "201 and 202 are one person: " + ("201 is trained on as published" if options.keep_201 else "201 is left out")))


def beats(recording: Recording, path: str, options: Options) -> list[RawRecord]:
    """A piece around every beat of one recording; what a piece has beyond its ends is missing."""
    name, rate, marks = PurePosixPath(path).stem, recording.sampling_rate_hz, recording.annotations
    before, samples = round(options.before_s * rate), round((options.before_s + options.after_s) * rate)
    subset = "test" if int(name) in DS2 else "train"
    return [RawRecord(f"{name}_{sample:06d}", path, (label,), subject=name, subset=subset, start=sample - before,
                      samples=samples)
            for sample, label in zip(marks.sample.tolist(), aami_classes(marks.symbol.tolist())) if label]


def aami_classes(symbols: list[str]) -> list[str | None]:
    """The AAMI class of every annotation; None where it is no beat."""
    return [CLASS_OF.get(symbol) for symbol in symbols]
