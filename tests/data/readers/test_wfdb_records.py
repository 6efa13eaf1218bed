"""Whole WFDB records: segments, unequal rates, headers as people write them, checksums."""

from __future__ import annotations

import numpy as np
import pytest

from src.data.readers import read_recording
from src.data.readers.wfdb import read, read_wfdb
from src.errors import BadRecord

wfdb = pytest.importorskip("wfdb")


def test_a_header_is_read_with_its_units_comments_and_time(tmp_path, write_wfdb):
    write_wfdb(tmp_path, "r", np.arange(20).reshape(10, 2), units=("mv", "uV"))
    text = (tmp_path / "r.hea").read_text().replace("r 2 100 10", "r 2 100(0)/1 10 09:49:17 05/05/2020")
    text += "\n# Age: 50\n#Sex: Male\n# units: of harm\n# <diagnoses>: (none) <medications>: a, b\n# 69 M 1085\n"
    (tmp_path / "r.hea").write_bytes(text.replace("\n", "\r\n").encode())
    found = read_recording(tmp_path / "r.hea")
    assert found.metadata["units"] == ("mV", "uV")
    assert (found.unit, found.sampling_rate_hz, found.metadata["start"]) == ("mV", 100, "09:49:17 05/05/2020")
    pairs = [found.metadata[key] for key in ("age", "sex", "diagnoses", "medications")]
    assert pairs == ["50", "Male", "(none)", "a, b"]
    assert found.metadata["comments"][-1] == "69 M 1085"


def test_a_first_line_that_names_the_record_with_its_suffix_is_read(tmp_path, write_wfdb):
    """As in the CinC 2021 headers from Georgia, which the wfdb package refuses."""
    write_wfdb(tmp_path, "E1", np.arange(20).reshape(10, 2))
    header = (tmp_path / "E1.hea").read_text().replace("E1 2", "E1.mat 2").replace("E1.dat 16", "E1.mat 16+24")
    (tmp_path / "E1.hea").write_text(header)
    (tmp_path / "E1.mat").write_bytes(bytes(24) + (tmp_path / "E1.dat").read_bytes())
    (tmp_path / "E1.dat").unlink()
    for name in ("E1.mat", "E1.hea", "E1"):
        assert np.allclose(read_recording(tmp_path / name).signal[1], np.arange(1, 20, 2) / 1000)


def segments(folder, write, *names):
    rng = np.random.default_rng(0)
    for name, channels in names:
        write(folder, name, rng.integers(-500, 500, (30, len(channels))), channels=channels)


def test_segments_of_a_fixed_layout_follow_one_another_as_in_the_wfdb_package(tmp_path, write_wfdb):
    segments(tmp_path, write_wfdb, ("a", ("I", "II")), ("b", ("I", "II")))
    (tmp_path / "r.hea").write_text("r/2 2 100 60\na 30\nb 30\n")
    assert np.array_equal(read_wfdb(tmp_path, "r").signal,
                          wfdb.rdrecord(str(tmp_path / "r"), return_res=32).p_signal.T)


def test_segments_of_a_variable_layout_are_placed_by_name_with_nan_in_gaps(tmp_path, write_wfdb):
    segments(tmp_path, write_wfdb, ("a", ("II", "I")), ("b", ("V1",)))
    layout = [f"~ 0 1000/mV 0 0 0 0 0 {name}\n" for name in ("I", "II", "V1")]
    (tmp_path / "lay.hea").write_text("lay 3 100 0\n" + "".join(layout))
    (tmp_path / "r.hea").write_text("r/4 3 100 80\nlay 0\na 30\n~ 20\nb 30\n")
    found, one = read_wfdb(tmp_path, "r"), read_wfdb(tmp_path, "a").signal
    assert found.channel_names == ("I", "II", "V1")
    assert np.array_equal(found.signal[:2, :30], one[::-1])
    assert np.isnan(found.signal[:, 30:50]).all()
    assert np.isnan(found.signal[2, :50]).all()
    assert np.array_equal(found.signal[2, 50:], read_wfdb(tmp_path, "b").signal[0])
    theirs = wfdb.rdrecord(str(tmp_path / "r"), return_res=32)
    assert np.array_equal(found.signal, theirs.p_signal.T, equal_nan=True)


@pytest.mark.parametrize(("segments_lines", "reason"), [
    ("a 30\nb 31\n", "segments of 61 samples"), ("a 30\nb 40\n", "segments of 70"), ("a 29\nc 31\n", "no such file"),
    ("a 10\nb 50\n", "shorter than its header promises"), ("a 30\nr 30\n", "segments inside segments"),
    ("~ 60\n", "no segments"), ("a 30\nb -30\n", "length of a segment"), ("a 30\none 30\n", "has 1 signals"),
    ("a 30\nuv 30\n", "I is in uV in uv"), ("a 30\nfast 30\n", "has 500 Hz"),
])
def test_segments_that_do_not_fit_are_refused(tmp_path, write_wfdb, segments_lines, reason):
    segments(tmp_path, write_wfdb, ("a", ("I", "II")), ("b", ("I", "II")), ("one", ("I",)))
    write_wfdb(tmp_path, "uv", np.zeros((30, 2)), units=("uV", "uV"))
    write_wfdb(tmp_path, "fast", np.zeros((30, 2)), rate="500")
    (tmp_path / "r.hea").write_text(f"r/2 2 100 60\n{segments_lines}")
    with pytest.raises(BadRecord, match=reason):
        read_wfdb(tmp_path, "r")


def test_signals_of_unequal_rates_come_at_the_frame_rate_averaged_to_a_stored_step(tmp_path):
    stored = np.arange(30, dtype="<i2")  # frames of one sample of I and two of II
    stored.tofile(tmp_path / "r.dat")
    (tmp_path / "r.hea").write_text("r 2 100 10\nr.dat 16 1 16 0 0 0 0 I\nr.dat 16x2 1 16 0 0 0 0 II\n")
    found, frames = read_recording(tmp_path / "r"), stored.reshape(10, 3)
    assert np.array_equal(found.signal, [frames[:, 0], frames[:, 1:].sum(axis=1) // 2])
    assert np.array_equal(found.signal, wfdb.rdrecord(str(tmp_path / "r")).p_signal.T)
    assert (found.sampling_rate_hz, found.metadata["samples_per_frame"]) == (100, (1, 2))


def test_a_record_without_a_stated_length_is_as_long_as_its_file(tmp_path, write_wfdb):
    write_wfdb(tmp_path, "r", np.arange(20).reshape(10, 2))
    (tmp_path / "r.hea").write_text((tmp_path / "r.hea").read_text().replace("100 10", "100"))
    assert read_recording(tmp_path / "r").signal.shape == (2, 10)


@pytest.mark.parametrize("header", ["r 0 360\n", "r 0 360 1000\n"])
def test_a_header_without_signals_opens_empty(tmp_path, header):
    (tmp_path / "r.hea").write_text(header)
    assert read_recording(tmp_path / "r.hea").signal.shape == (0, 0)


def test_annotations_of_a_record_whose_signals_are_missing_still_open(tmp_path, write_wfdb):
    write_wfdb(tmp_path, "r", np.zeros((10, 2)), rate="360")
    (tmp_path / "r.dat").unlink()
    with pytest.raises(BadRecord, match=r"no such file: r\.dat"):
        read_recording(tmp_path / "r.hea")
    wfdb.wrann("r", "atr", np.array([3, 9]), symbol=["N", "V"], write_dir=str(tmp_path))
    for name in ("r.hea", "r.atr", "r"):
        found = read_recording(tmp_path / name)
        assert found.signal.shape == (0, 0)
        assert (found.sampling_rate_hz, found.annotations.symbol.tolist()) == (360, ["N", "V"])


@pytest.mark.parametrize("fmt", ["16", "24", "32", "80", "212"])
def test_a_damaged_bit_is_found_by_the_checksum(tmp_path, fmt):
    stored = np.random.default_rng(0).integers(-100, 100, (50, 2))
    wfdb.wrsamp("r", fs=250, units=["mV"] * 2, sig_name=["I", "II"], d_signal=stored, fmt=[fmt] * 2,
                adc_gain=[200.0] * 2, baseline=[0] * 2, write_dir=str(tmp_path))
    assert read(tmp_path / "r.hea", verify=True).signal.shape == (2, 50)
    data = bytearray((tmp_path / "r.dat").read_bytes())
    data[len(data) // 2] ^= 4
    (tmp_path / "r.dat").write_bytes(data)
    with pytest.raises(BadRecord, match=r"the checksum of II? is [0-9]+, its header says [0-9]+"):
        read(tmp_path / "r.hea", verify=True)
    assert read(tmp_path / "r.hea").signal.shape == (2, 50)


def test_the_checksums_of_compressed_signals_are_verified(tmp_path):
    pytest.importorskip("soundfile")
    stored = np.random.default_rng(0).integers(-100, 100, (50, 2))
    wfdb.wrsamp("r", fs=250, units=["mV"] * 2, sig_name=["I", "II"], d_signal=stored, fmt=["516"] * 2,
                adc_gain=[200.0] * 2, baseline=[0] * 2, write_dir=str(tmp_path))
    assert np.allclose(read(tmp_path / "r.hea", verify=True).signal, stored.T / 200)
    header = (tmp_path / "r.hea").read_text()
    (tmp_path / "r.hea").write_text(header.replace(" 50\n", " 51\n"))
    with pytest.raises(BadRecord, match="holds 50 of 51 samples"):
        read(tmp_path / "r.hea")


def test_a_checksum_of_zero_counts_as_not_given_and_the_first_sample_stands_for_it(tmp_path, write_wfdb):
    write_wfdb(tmp_path, "r", np.arange(20).reshape(10, 2))  # its header says 0 for both
    with pytest.raises(BadRecord, match="the first sample of II is 1, its header says 0"):
        read(tmp_path / "r.hea", verify=True)


@pytest.mark.filterwarnings("ignore")
def test_every_real_record_is_read_as_the_wfdb_package_reads_it_and_its_checksums_hold(recordings):
    headers = sorted(recordings.rglob("*.hea"))
    compared = 0
    for header in headers:
        ours = read(header, verify=True)
        try:
            theirs = wfdb.rdrecord(str(header.with_suffix("")), return_res=32)
        except Exception:
            continue  # what the wfdb package refuses: names with suffix, no signal file, a layout
        assert np.array_equal(ours.signal, theirs.p_signal.T.astype(np.float32), equal_nan=True), header.name
        compared += 1
    assert compared >= 0.9 * len(headers)
