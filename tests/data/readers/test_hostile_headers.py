"""WFDB headers and annotations that mean harm: refused in words, in little time and memory, and nothing outside opened.

The fast suite tries some hundred mutations of valid headers. Many more, by hand:

    python -m tests.data.readers.test_hostile_headers 20000
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from src.data.readers import read_recording
from src.data.readers.wfdb import read
from src.data.readers.wfdb_header import MOST_SIGNALS
from src.errors import BadRecord, UserError

VALID = (
    "r 2 100 10\nr.dat 16 200(3)/mV 16 0 0 0 0 I\nr.dat 16 200/mV 16 0 0 0 0 II\n# Age: 50\n",
    "r 2 360/360(0) 10 10:00:00 01/01/2000\nr.dat 212+1 200 11 1024 995 -22131 0 MLII\nr.dat 212+1 200 11 0 0 0 0 V5\n",
    "r 1 250\nr.dat 24 1000.5(-17)/uV 24 0 0 0 0 X\n", "r 1 250 7\nr.dat 80x2:3+4 200/mV 8 0 0 0 0 X\n",
    "r 1 250 9\nr.dat 310 200/mV 10 0 0 0 0 X\n", "r 1 250 9\nr.dat 8 200/mV 10 0 5 0 0 X\n",
    "r 1 250 9\nr.dat 516 200/mV 10 0 0 0 0 X\n", "r/3 2 100 50\nlay 0\na 20\n~ 20\na 10\n",
    "r/2 2 100 40\na 20\na 20\n", "r 2 100 10\nr.dat 16 200/mV\nb.dat 32 200/mV\n", "r 0 100 10\n",
)
PIECES = ("/etc/passwd", "../../secret", "..", "~", "/", "\\\\host\\share", "s3://bucket/x", "C:\\x", "secret.dat",
          "link.dat", "pipe.dat", "r.hea", "99999999999999", "-1", "0", "1e308", "nan", "inf", "1e400", "-", "", " ",
          "\0", "\n", "\r", "#", "x", ":", "+", "x999999999", ":999999999", "+999999999999", "(9999999999999)", "(",
          ")/", "16x", "212", "0x10", "٣", "é", "a" * 300, "9" * 400, "\u2028", "r.dat 16\n", "a 20\n", "r/2")


def build(folder: Path) -> None:
    """A data folder with files to read, and outside of it a secret that nobody may open."""
    (folder / "secret.dat").write_bytes(b"\x42" * 400)
    data = folder / "data"
    data.mkdir()
    for name in ("r.dat", "b.dat"):
        (data / name).write_bytes(np.random.default_rng(0).bytes(200))
    (data / "a.hea").write_text("a 2 100 20\na.dat 16 200/mV 16 0 0 0 0 I\na.dat 16 200/mV 16 0 0 0 0 II\n")
    (data / "a.dat").write_bytes(bytes(80))
    (data / "lay.hea").write_text("lay 2 100 0\n~ 0 200/mV 0 0 0 0 0 II\n~ 0 200/mV 0 0 0 0 0 V1\n")
    os.symlink(folder / "secret.dat", data / "link.dat")
    if hasattr(os, "mkfifo"):
        os.mkfifo(data / "pipe.dat")


def mutated(rng: np.random.Generator) -> bytes:
    """A valid header in which one to three places were cut, doubled, swapped, or overwritten with something bad."""
    text = VALID[rng.integers(len(VALID))]
    for _ in range(rng.integers(1, 4)):
        first, last = sorted(rng.integers(0, len(text) + 1, 2).tolist())
        last = min(last, first + 8)
        kind, piece = rng.integers(5), PIECES[rng.integers(len(PIECES))]
        words = text.split(" ")
        if kind == 0:
            text = text[:first] + text[last:]
        elif kind == 1:
            text = text[:first] + piece + text[first:]
        elif kind == 2:
            text = text[:first] + piece + text[last:]
        elif kind == 3:
            text = text[:last] + text[first:]
        else:
            words[rng.integers(len(words))] = piece
            text = " ".join(words)
    return text.encode("utf-8", "replace")


def attempt(data: Path, header: bytes) -> str:
    """What became of one header: read, or the beginning of the reason."""
    (data / "r.hea").write_bytes(header)
    try:
        found = read(data / "r.hea", verify=len(header) % 2 == 0)
    except BadRecord as error:
        return " ".join(error.reason.split()[:2])
    assert found.signal.nbytes < 1 << 20
    assert not any((row == 0x4242).any() for row in found.signal)
    return "read"


def fuzz(data: Path, tries: int, seed: int = 0) -> tuple[Counter, float]:
    """Outcomes, and the longest time that one header took."""
    rng, outcomes, longest = np.random.default_rng(seed), Counter(), 0.0
    for _ in range(tries):
        header, begin = mutated(rng), time.perf_counter()
        outcomes[attempt(data, header)] += 1
        longest = max(longest, time.perf_counter() - begin)
    return outcomes, longest


@pytest.fixture
def data(tmp_path):
    build(tmp_path)
    return tmp_path / "data"


@pytest.mark.filterwarnings("ignore")
def test_mutated_headers_are_read_or_refused_in_words_with_bounded_memory(data):
    import wfdb  # noqa: F401  # its import is not to be measured

    tracemalloc.start()
    outcomes, longest = fuzz(data, 300)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert outcomes["read"] > 5
    assert len(outcomes) > 5
    assert peak < 64 << 20
    assert longest < 5


@pytest.mark.parametrize(("header", "reason"), [
    ("r 1 100 10\n/etc/passwd 16\n", "outside"), ("r 1 100 10\n../secret.dat 16\n", "outside"),
    ("r 1 100 10\nlink.dat 16\n", "is a link to"), ("r 1 100 10\n.. 16\n", "outside"),
    ("r 1 100 10\nr\\..\\x.dat 16\n", "outside"), ("r 1 100 10\npipe.dat 16\n", "no regular file"),
    ("r 1 100 1000000000000\nr.dat 16\n", "promises too much"), ("r 1 100 1000000000\nr.dat 16\n", "shorter"),
    ("r 1 100 1000000000\nr.dat 516\n", "no FLAC file"), ("r 1 100 5\nr.dat 16x9999999\n", "formats of"),
    ("r 1 100 5\nr.dat 16:99999999\n", "promises too much"), ("r 1 100 5\nr.dat 16+99999999\n", "shorter"),
    ("r 10000 100 1\n" + "r.dat 16\n" * 10_000, "promises too much"),
    ("r/2 1 100 20\n../a 10\na 10\n", "outside"), ("r/2 1 100 40\na 20\nr 20\n", "segments inside segments"),
    ("r/1 1 100 40\na 40\n", "shorter"), ("r/1 2 100 99999999999\na 99999999999\n", "promises too much"),
    ("r 1 1e400 10\nr.dat 16\n", "sampling rate"), ("r 1 100 10\nr.dat 16 1e400\n", "signal line"),
    ("r 1 100 10\nr.dat 16 200(99999999999999999999)\n", "signal line"), ("r ٣ 100 10\n", "number of signals"),
    ("#" * 2_000_000, "2000000 bytes"),
])
def test_each_known_trick_is_refused(data, header, reason):
    with pytest.raises(BadRecord, match=reason):
        read(_written(data, header))


def _written(data: Path, header: str) -> Path:
    (data / "r.hea").write_bytes(header.encode())
    return data / "r.hea"


def test_as_many_signals_as_are_allowed_take_no_time(data):
    count = MOST_SIGNALS
    (data / "r.dat").write_bytes(bytes(2 * count))
    header = f"r {count} 100 1\n" + "".join(f"r.dat 16 200/mV 16 0 0 0 0 c{number}\n" for number in range(count))
    begin = time.perf_counter()
    assert read(_written(data, header)).signal.shape == (count, 1)
    assert time.perf_counter() - begin < 2


def test_thousands_of_segments_are_read_in_little_time(data):
    begin = time.perf_counter()
    found = read(_written(data, "r/5000 2 100 100000\n" + "a 20\n" * 5000))
    assert found.signal.shape == (2, 100_000)
    assert time.perf_counter() - begin < 5


def test_a_link_among_the_annotations_is_refused(data):
    _written(data, "r 1 100 10\nr.dat 16\n")
    os.symlink(data.parent / "secret.dat", data / "r.atr")
    with pytest.raises(BadRecord, match="is a link to"):
        read(data / "r.hea")


def test_a_link_inside_the_folder_is_followed(data):
    os.symlink(data / "a.dat", data / "same.dat")
    assert read(_written(data, "r 1 100 10\nsame.dat 16\n")).signal.shape == (1, 10)


def test_read_recording_raises_nothing_else_either(data):
    rng = np.random.default_rng(7)
    for _ in range(100):
        (data / "r.hea").write_bytes(mutated(rng))
        for name in ("r", "r.dat"):
            with contextlib.suppress(UserError):
                read_recording(data / name)


if __name__ == "__main__":
    import wfdb  # noqa: F401  # its import is not to be measured

    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder))
        found, worst = fuzz(Path(folder) / "data", int(sys.argv[1]) if len(sys.argv) > 1 else 20_000, seed=1)
    print(f"{sum(found.values())} headers, longest {worst:.2f} s")
    print("\n".join(f"{count:7d}  {outcome}" for outcome, count in found.most_common()))
