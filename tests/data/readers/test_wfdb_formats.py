"""The plain formats are bit-equal to the wfdb package, in any range, in any number of files."""

from __future__ import annotations

import numpy as np
import pytest

from src.data.readers.wfdb import is_plain, read_range, read_wfdb
from src.data.readers.wfdb_header import read_header
from src.errors import BadRecord

wfdb = pytest.importorskip("wfdb")
BITS = {"16": 16, "24": 24, "32": 32, "61": 16, "80": 8, "160": 16, "212": 12}


def write(folder, fmt, signals, samples=301, gain=200.0, baseline=0):
    """A record of random whole numbers, some of them the invalid one, some the largest."""
    rng, low = np.random.default_rng(signals), -(1 << BITS[fmt] - 1)
    stored = rng.integers(low + 1, -low, (samples, signals))
    stored[3, 0], stored[4, 0], stored[5, -1] = low, -low - 1, low
    written = "16" if fmt in ("61", "160") else fmt  # which the wfdb package does not write
    wfdb.wrsamp("r", fs=250, units=["mV"] * signals, sig_name=[f"s{n}" for n in range(signals)], d_signal=stored,
                fmt=[written] * signals, adc_gain=[gain] * signals, baseline=[baseline] * signals,
                write_dir=str(folder))
    if fmt != written:
        np.array(stored if fmt == "61" else stored + 32768, ">i2" if fmt == "61" else "<u2").tofile(folder / "r.dat")
        header = folder / "r.hea"
        header.write_text(header.read_text().replace("r.dat 16 ", f"r.dat {fmt} "))


def same_bits(ours, theirs):
    return np.array_equal(np.ascontiguousarray(ours).view(np.int32),
                          np.ascontiguousarray(theirs.T, np.float32).view(np.int32))


@pytest.mark.parametrize("signals", [1, 2, 3])
@pytest.mark.parametrize("fmt", BITS)
def test_a_plain_format_is_bit_equal_to_the_wfdb_package(tmp_path, fmt, signals):
    for gain, baseline in ((200.0, 0), (28125.927889713683, -138858), (1000.5, 7)):
        write(tmp_path, fmt, signals, gain=gain, baseline=baseline)
        ours, path = read_wfdb(tmp_path, "r").signal, str(tmp_path / "r")
        assert same_bits(ours, wfdb.rdrecord(path, return_res=32).p_signal)
        if fmt != "32":  # whose numbers float32 cannot hold: the wfdb package rounds them first there too
            assert np.array_equal(ours, wfdb.rdrecord(path).p_signal.T.astype(np.float32), equal_nan=True)
        assert np.isnan(ours[0, 3])
        assert np.isnan(ours[-1, 5])
        assert not np.isnan(ours[0, 4])


@pytest.mark.parametrize("fmt", BITS)
def test_any_range_is_that_part_of_the_whole(tmp_path, fmt):
    write(tmp_path, fmt, 3)
    header = read_header(tmp_path, "r")
    assert is_plain(header)
    whole = read_range(header, 0, header.samples)
    for low, high in ((0, 1), (1, 2), (7, 250), (100, 301), (300, 301), (5, 5)):
        assert np.array_equal(read_range(header, low, high), whole[:, low:high], equal_nan=True)


def test_a_long_record_is_read_in_chunks_as_in_one(tmp_path, monkeypatch):
    write(tmp_path, "212", 3)
    whole = read_wfdb(tmp_path, "r").signal
    monkeypatch.setattr("src.data.readers.wfdb.CHUNK", 40)
    assert np.array_equal(read_wfdb(tmp_path, "r").signal, whole, equal_nan=True)


def test_signals_in_several_files_with_offsets_are_put_in_the_order_of_the_header(tmp_path):
    first, second = np.arange(20, dtype="<i2"), np.arange(100, 140, dtype="<i2")
    (tmp_path / "a.dat").write_bytes(b"xx" + first.tobytes())
    (tmp_path / "b.dat").write_bytes(bytes(24) + second.tobytes())
    (tmp_path / "r.hea").write_text("r 3 100 20\nb.dat 16+24 1 16 0 0 0 0 I\na.dat 16+2 1 16 0 0 0 0 II\n"
                                    "b.dat 16+24 1 16 0 0 0 0 III\n")
    expected = np.stack([second[::2], first, second[1::2]])
    assert np.array_equal(read_wfdb(tmp_path, "r").signal, expected)


def test_a_file_that_ends_early_is_refused_even_after_its_header_was_checked(tmp_path):
    write(tmp_path, "16", 2)
    header = read_header(tmp_path, "r")
    (tmp_path / "r.dat").write_bytes((tmp_path / "r.dat").read_bytes()[:-4])
    with pytest.raises(BadRecord, match="became shorter"):
        read_range(header, 0, 301)
    with pytest.raises(BadRecord, match="holds 300 of 301 samples"):
        read_header(tmp_path, "r")


def test_an_unpaired_last_sample_of_format_212_may_lack_its_padding(tmp_path):
    write(tmp_path, "212", 1)
    whole = read_wfdb(tmp_path, "r").signal
    (tmp_path / "r.dat").write_bytes((tmp_path / "r.dat").read_bytes()[:452])  # 301 samples: 150 pairs and 2 bytes
    assert np.array_equal(read_wfdb(tmp_path, "r").signal, whole, equal_nan=True)
