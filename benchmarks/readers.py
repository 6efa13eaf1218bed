"""Processor time to read WFDB records: ours against `wfdb.rdrecord`, in turn; and whether both read the same numbers.

    python benchmarks/readers.py [RECORDINGS_DIR] [--rounds 15] [--records 20]

Every kind is written with the wfdb package into a temporary folder; of RECORDINGS_DIR every WFDB record that both read
is timed too, grouped by folder, format, length and rate. In a round each reader reads every record once; a line gives
the medians over all of them and the medians of the ratios. `read_recording` also looks for annotations and
reads them, which `wfdb.rdrecord` does not: "signals alone" is `read_wfdb`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from src.data.readers import read_recording
from src.data.readers.wfdb import is_plain, read_wfdb
from src.data.readers.wfdb_header import parse_header, read_header
from src.errors import UserError


@dataclass(frozen=True)
class Kind:
    about: str
    fmt: str
    rate_hz: int
    leads: int
    samples: int
    wanted: float | None = None  # times as fast as the wfdb package


KINDS = (
    Kind("10 s, 12 leads, 100 Hz", "16", 100, 12, 1000, 20),
    Kind("10 s, 12 leads, 500 Hz", "16", 500, 12, 5000, 10),
    Kind("10 s, 12 leads, 500 Hz", "24", 500, 12, 5000),
    Kind("10 s, 12 leads, 500 Hz", "32", 500, 12, 5000),
    Kind("10 s, 12 leads, 500 Hz", "80", 500, 12, 5000),
    Kind("10 s, 12 leads, 500 Hz", "212", 500, 12, 5000),
    Kind("30 s, 1 lead, 300 Hz", "16", 300, 1, 9000),
    Kind("30 min, 2 leads, 360 Hz", "212", 360, 2, 650_000, 3),
    Kind("30 min, 2 leads, 360 Hz", "16", 360, 2, 650_000, 3),
)


def write(folder: Path, kind: Kind, records: int) -> list[Path]:
    """`records` records of smooth noise, named as in PTB-XL."""
    import wfdb

    rng, top = np.random.default_rng(0), {"80": 100, "212": 1500}.get(kind.fmt, 20_000)
    names = ["I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"][:kind.leads]
    for number in range(records):
        walk = np.cumsum(rng.integers(-3, 4, (kind.samples, kind.leads)), axis=0)
        wfdb.wrsamp(f"{number:05d}_lr", fs=kind.rate_hz, units=["mV"] * kind.leads, sig_name=names,
                    d_signal=(walk + top) % (2 * top) - top, fmt=[kind.fmt] * kind.leads,
                    adc_gain=[1000.0] * kind.leads, baseline=[0] * kind.leads, write_dir=str(folder))
    return sorted(folder.glob("*.hea"))


def readers() -> dict[str, Callable[[Path], np.ndarray]]:
    import wfdb

    return {"wfdb": lambda path: wfdb.rdrecord(str(path.with_suffix("")), return_res=32).p_signal.T,
            "ours": lambda path: read_recording(path).signal,
            "alone": lambda path: read_wfdb(path.parent, path.stem).signal}


def compare(headers: list[Path], rounds: int) -> list[float]:
    """Medians in ms of `read_recording`, `read_wfdb` and the wfdb package; the package's time over that of each."""
    spent: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        for name, read in readers().items():
            for header in headers:
                begin = time.process_time()
                read(header)
                if number:  # the first round warms the caches
                    spent[name].append(1000 * (time.process_time() - begin))
    for header in headers:
        ours, theirs = (readers()[name](header) for name in ("ours", "wfdb"))
        if not np.array_equal(ours, theirs, equal_nan=True):
            raise SystemExit(f"{header}: not what the wfdb package reads")
    medians = [statistics.median(spent[name]) for name in ("ours", "alone", "wfdb")]
    return medians + [statistics.median(np.divide(spent["wfdb"], spent[name])) for name in ("ours", "alone")]


def real_kinds(folder: Path) -> dict[str, list[Path]]:
    """The records below a folder that both readers read, by what they are."""
    import wfdb

    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*.hea")):
        try:
            plain, header = is_plain(parse_header(path.parent, path.stem)), read_header(path.parent, path.stem)
            wfdb.rdrecord(str(path.with_suffix("")))
        except UserError:
            continue
        except Exception:  # what the wfdb package cannot read cannot be compared
            continue
        formats = "+".join(dict.fromkeys(line.fmt for line in header.signals)) or "segments"
        by = "segments" if header.segments else "ours" if plain else "wfdb"
        found[f"{path.parent.relative_to(folder).parts[0]}: {formats} ({by}), {len(header.signals)} x "
              f"{header.samples} at {header.rate_hz:g} Hz"].append(path)
    return found


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="?", type=Path, help="a folder of real WFDB records")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--records", type=int, default=20, help="per kind; a tenth of the half-hour ones")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    print("| record | format | read_recording ms | signals alone ms | wfdb ms | ratio | ratio, alone | wanted |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            few = max(1, args.records // 10) if kind.samples > 100_000 else args.records
            row = compare(write(Path(folder), kind, few), args.rounds)
        print(line(kind.about, kind.fmt, *row, kind.wanted or ""), flush=True)
    for about, headers in (real_kinds(args.recordings) if args.recordings else {}).items():
        print(line(f"{about} ({len(headers)})", "", *compare(headers, args.rounds), ""), flush=True)


def line(*cells: str | float) -> str:
    return "| " + " | ".join(cell if isinstance(cell, str) else f"{cell:.3g}" for cell in cells) + " |"


if __name__ == "__main__":
    main()
