"""Our own header parser and format-16 path against the wfdb package, and headers that mean harm."""

from __future__ import annotations

import os

import numpy as np
import pytest

from src.data.readers.wfdb import read_range, read_wfdb
from src.data.readers.wfdb_header import read_header
from src.errors import BadRecord


def test_what_the_wfdb_package_writes_is_read_as_it_reads_it(tmp_path):
    import wfdb

    signal = np.random.default_rng(0).normal(size=(500, 3)).cumsum(axis=0)
    for fmt in ("16", "212", "24"):
        wfdb.wrsamp(f"r{fmt}", fs=257, units=["mV", "uV", "mV"], sig_name=["I", "II", "V1"], p_signal=signal,
                    fmt=[fmt] * 3, write_dir=str(tmp_path))
        read, theirs = read_wfdb(tmp_path, f"r{fmt}"), wfdb.rdrecord(str(tmp_path / f"r{fmt}"))
        assert np.allclose(read.signal, theirs.p_signal.T, atol=1e-5)
        assert (read.sampling_rate_hz, read.channel_names) == (257, ("I", "II", "V1"))
        assert read.metadata["units"] == ("mV", "uV", "mV")
        header = read_header(tmp_path, f"r{fmt}")
        assert np.allclose(read_range(header, 100, 140), read.signal[:, 100:140])


def test_channels_of_one_name_are_told_apart(tmp_path):
    (tmp_path / "r.hea").write_text("r 2 100 10\n" + "r.dat 16 200/mV 16 0 0 0 0 ECG\n" * 2)
    (tmp_path / "r.dat").write_bytes(bytes(40))
    assert read_wfdb(tmp_path, "r").channel_names == ("ECG", "ECG_2")


def refused(folder, header, reason, **files):
    (folder / "r.hea").write_text(header)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)
    with pytest.raises(BadRecord, match=reason) as caught:
        read_wfdb(folder, "r")
    assert caught.value.record.startswith("r")


@pytest.mark.parametrize(("header", "reason"), [
    ("r 1 100 10\n/etc/passwd 16 200/mV 16 0 0 0 0 I\n", "outside the data folder"),
    ("r 1 100 10\n../secret.dat 16 200/mV 16 0 0 0 0 I\n", "outside the data folder"),
    ("r/2 1 100 20\n../a 10\nb 10\n", "outside the data folder"),
    ("r 1 100 99999999999\nr.dat 16 200/mV 16 0 0 0 0 I\n", "promises too much"),
    ("r 1 100 1000\nr.dat 16 200/mV 16 0 0 0 0 I\n", "shorter than its header promises"),
    ("r 100000 100 1\nr.dat 16 200/mV 16 0 0 0 0 I\n", "promises too much: 1 samples of 100000 signals"),
    ("r 1 nan 10\nr.dat 16 200/mV 16 0 0 0 0 I\n", "sampling rate nan"),
    ("r 1 0 10\nr.dat 16 200/mV 16 0 0 0 0 I\n", "sampling rate 0"),
    ("r 1000 100 1\nr.dat 16 200/mV 16 0 0 0 0 I\n", "it promises 1000 signals"),
    ("r -1 100 10\n", "number of signals"), ("", "it is empty"), ("r\n", "its first line"),
    ("r 1 100 10\nr.dat 77 200/mV 16 0 0 0 0 I\n", "signal line"),
    ("r 1 100 10\nr.dat 16x0 200/mV 16 0 0 0 0 I\n", "formats of r.dat"),
    ("r 1 100 10\nr.dat\n", "signal line"), ("r 1 100 10\nno.dat 16\n", "no such file"),
    ("r/1 1 100 10\nr 10\n", "segments inside segments"), ("r 1 100 10\nr.dat 212+-5\n", "signal line"),
])
def test_headers_that_lie_or_reach_outside_are_refused(tmp_path, header, reason):
    refused(tmp_path, header, reason, r_dat=bytes(20))


def test_links_out_of_the_folder_are_refused(tmp_path):
    inner = tmp_path / "data"
    inner.mkdir()
    (tmp_path / "secret").write_bytes(bytes(100))
    os.symlink(tmp_path / "secret", inner / "r.dat")
    refused(inner, "r 1 100 10\nr.dat 16 200/mV 16 0 0 0 0 I\n", "is a link to")


def test_random_bytes_in_place_of_a_header_never_escape_as_another_error(tmp_path):
    rng = np.random.default_rng(0)
    good = b"r 2 100 10\nr.dat 16 200(3)/mV 16 0 0 0 0 I\nr.dat 16+4 200/mV 16 0 0 0 0 II\n"
    (tmp_path / "r.dat").write_bytes(bytes(44))
    outcomes = set()
    for _ in range(300):
        broken = bytearray(good)
        for place in rng.integers(0, len(good), 3):
            broken[place] = rng.integers(32, 127)
        (tmp_path / "r.hea").write_bytes(bytes(broken))
        try:
            read_wfdb(tmp_path, "r")
            outcomes.add("read")
        except BadRecord:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
