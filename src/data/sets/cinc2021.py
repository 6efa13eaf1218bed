"""CinC 2020 and 2021: 12-lead ECGs from eight sources, their diagnoses as SNOMED CT codes in the headers' comments.

The classes are the scored ones, equal codes merged; a record may have none. Sources differ in recorder and in labels,
so a random split says little about a new hospital: `test_source` leaves one of them out. The lead sets of 2021 are
chosen in preparation (`--prepare_args leads=I,II,V2`). Sources: see `snomed`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from src.data.prepare.raw import RawRecord, RawSet
from src.data.sets.raw_files import PublicSet, RawFiles, counted, person
from src.data.sets.snomed import class_of_code, scored_classes
from src.errors import UserError, did_you_mean

CINC2021 = PublicSet("cinc2021", "PhysioNet/CinC Challenge 2021", "https://physionet.org/content/challenge-2021/",
                     "CC BY 4.0", "cinc2021")
SOURCES = ("CPSC", "CPSC_Extra", "StPetersburg", "PTB", "PTB_XL", "Georgia", "Chapman_Shaoxing", "Ningbo")
PREFIXES = {"A": "CPSC", "Q": "CPSC_Extra", "I": "StPetersburg", "S": "PTB", "HR": "PTB_XL", "E": "Georgia"}
LAST_OF_CHAPMAN = 10646  # JS00001 to JS10646; later numbers are Ningbo's
ONLY_2021 = ("Chapman_Shaoxing", "Ningbo")
NAME = re.compile(r"([A-Z]+)(\d{4,5})")
COMMENT = re.compile(r"#\s*(\w+):\s*(.*)")
LONGEST_HEADER = 1 << 16  # bytes that are looked at


@dataclass(frozen=True)
class Options:
    year: int = 2021  # or 2020: whose scored classes and sources: 26 and eight, or 24 and six
    labels: Literal["scored", "all"] = "scored"  # all: every code that occurs is a class, none merged
    sources: tuple[str, ...] = ()  # use only these; empty = all that are there
    test_source: str = ""  # the test part is this source, and nothing of it is trained on

    def __post_init__(self) -> None:
        if self.year not in (2020, 2021):
            raise ValueError(f"year={self.year}: expected 2020 or 2021")
        for name in (*self.sources, *([self.test_source] if self.test_source else [])):
            if name not in SOURCES:
                raise UserError(f"source {name!r}: unknown{did_you_mean(name, SOURCES)}",
                                f"known: {', '.join(SOURCES)}")


def find(root: Path, options: Options) -> RawSet:
    """Every record whose header is there; the headers are read, the signals are not."""
    files = RawFiles(root)
    headers = {stem: path for stem, path in files.stems(".hea").items() if source_of(stem)}
    if not headers:
        raise CINC2021.lacks(f"headers such as A0001.hea, HR00001.hea or JS00001.hea below {root}")
    wanted = _wanted(options)
    records, missing, codes = [], {}, {}
    for stem, path in sorted(headers.items()):
        if source_of(stem) not in wanted:
            continue
        if str(PurePosixPath(path).with_suffix(".mat")) not in files:
            missing[stem] = f"no such file: {stem}.mat"
            continue
        about = header_comments(root / path)
        codes[stem] = diagnosis_codes(about.get("dx", ""))
        subset = "test" if source_of(stem) == options.test_source else "train" if options.test_source else ""
        records.append(RawRecord(stem, path, subset=subset,
                                 info=person(about.get("age", ""), about.get("sex", ""), source=source_of(stem))))
    classes, labels = label(codes, options)
    records = [replace(record, labels=labels[record.name]) for record in records]
    published = replace(CINC2021, protocol=f"cinc{options.year}" if options.labels == "scored" else "")
    return published.raw_set(classes, "multilabel", records, missing, _notes(records, headers, wanted, options))


def source_of(record: str) -> str:
    """The hospital's set that a record is from, by its name; empty where it is no record of the challenge."""
    match = NAME.fullmatch(record)
    if match is None:
        return ""
    if match[1] == "JS":
        return "Chapman_Shaoxing" if int(match[2]) <= LAST_OF_CHAPMAN else "Ningbo"
    return PREFIXES.get(match[1], "")


def header_comments(path: Path) -> dict[str, str]:
    """The comments `# Name: value` of a header by lower-case name."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        lines = stream.read(LONGEST_HEADER).splitlines()
    return {match[1].lower(): match[2].strip() for match in map(COMMENT.match, lines) if match}


def diagnosis_codes(text: str) -> tuple[str, ...]:
    """'426177001,164889003' -> the codes, in order, without what is no code."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip().isdigit()))


def label(codes: dict[str, tuple[str, ...]], options: Options) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """All classes in order, and those of each record; codes that are not scored are ignored."""
    if options.labels == "all":
        return tuple(sorted({code for own in codes.values() for code in own})), codes
    classes, class_of = tuple(scored_classes(options.year)), class_of_code(options.year)
    found = {record: {class_of[code] for code in own if code in class_of} for record, own in codes.items()}
    return classes, {record: tuple(name for name in classes if name in names) for record, names in found.items()}


def _wanted(options: Options) -> tuple[str, ...]:
    known = SOURCES if options.year == 2021 else tuple(name for name in SOURCES if name not in ONLY_2021)
    return tuple(name for name in known if not options.sources or name in (*options.sources, options.test_source))


def _notes(records: list[RawRecord], headers: dict[str, str], wanted: tuple[str, ...],
           options: Options) -> tuple[str, ...]:
    left_out = sum(source_of(stem) not in wanted for stem in headers)
    none = sum(not record.labels for record in records)
    shared = any(record.info["source"] == "PTB_XL" for record in records)
    return (*counted(left_out, "records of other sources left out"),
            *counted(none, "records have none of the classes"),
            *(["PTB_XL records are those of the set ptbxl: after training here a test there means nothing"]
              if shared else []),
            *([f"the test part is the source {options.test_source}"] if options.test_source else []))
