"""Annotation files as the wfdb package writes and reads them, and damaged ones."""

from __future__ import annotations

import numpy as np
import pytest

from src.data.readers import read_recording
from src.data.readers.wfdb_annotations import read_annotations
from src.errors import BadRecord

wfdb = pytest.importorskip("wfdb")


def test_what_the_wfdb_package_writes_is_read_as_it_reads_it(tmp_path):
    rng = np.random.default_rng(0)
    sample = np.cumsum(rng.integers(1, 3000, 400))
    symbol = rng.choice(list("NVA/+~\"["), 400).tolist()
    note = rng.choice(["", "(AFIB", "(N", "odd", "MISSB"], 400).tolist()
    wfdb.wrann("r", "atr", sample, symbol=symbol, aux_note=note, num=rng.integers(0, 5, 400),
               chan=rng.integers(0, 2, 400), subtype=rng.integers(0, 3, 400), write_dir=str(tmp_path))
    found, _ = read_annotations(str(tmp_path), "r.atr")
    theirs = wfdb.rdann(str(tmp_path / "r"), "atr")
    assert np.array_equal(found.sample, theirs.sample)
    assert found.symbol.tolist() == theirs.symbol == symbol
    assert found.note.tolist() == theirs.aux_note == note
    assert (found.length == 0).all()


def test_huge_times_that_need_several_skips_are_read(tmp_path):
    sample = np.array([2**31 + 5, 10**10])
    skips = b"\x00\xec\xff\x7f\xff\xff" * 4
    rest = 10**10 - 4 * (2**31 - 1)
    data = skips + b"\x00\xec" + (rest >> 16).to_bytes(2, "little") + (rest & 0xFFFF).to_bytes(2, "little")
    (tmp_path / "huge.qrs").write_bytes(data + b"\x00\x04\x00\x00")
    found = read_recording(tmp_path / "huge.qrs")
    assert found.annotations.sample.tolist() == [sample[1]]
    assert found.signal.shape == (0, 0)


def test_a_note_of_the_literal_text_none_is_no_note(tmp_path):
    wfdb.wrann("r", "atr", np.array([5, 9]), symbol=["N", "+"], aux_note=["None", "(AFIB"], write_dir=str(tmp_path))
    assert read_annotations(str(tmp_path), "r.atr")[0].note.tolist() == ["", "(AFIB"]


def test_a_time_resolution_other_than_the_signals_is_converted(tmp_path, write_wfdb):
    write_wfdb(tmp_path, "r", np.zeros((100, 1)), rate="100")
    wfdb.wrann("r", "atr", np.array([250, 500]), symbol=["N", "N"], fs=500, write_dir=str(tmp_path))
    assert read_recording(tmp_path / "r.hea").annotations.sample.tolist() == [50, 100]
    assert read_annotations(str(tmp_path), "r.atr")[1] == 500


def test_kinds_that_a_file_defines_itself_have_its_symbols(tmp_path):
    wfdb.wrann("r", "atr", np.array([5]), symbol=["z"], custom_labels=[(45, "z", "zigzag")], write_dir=str(tmp_path))
    assert read_annotations(str(tmp_path), "r.atr")[0].symbol.tolist() == ["z"]


def test_the_annotations_beside_a_record_come_with_it_and_others_when_they_are_named(tmp_path, write_wfdb):
    write_wfdb(tmp_path, "r", np.zeros((100, 1)))
    wfdb.wrann("r", "atr", np.array([5, 6]), symbol=["N", "V"], write_dir=str(tmp_path))
    wfdb.wrann("r", "wqrs", np.array([7]), symbol=["N"], write_dir=str(tmp_path))
    for name, count in (("r", 2), ("r.hea", 2), ("r.dat", 2), ("r.atr", 2), ("r.wqrs", 1)):
        found = read_recording(tmp_path / name)
        assert (found.signal.shape, len(found.annotations)) == ((1, 100), count)


@pytest.mark.parametrize("data", [b"\x00\xec\x01", b"\x00\xec\x01\x00", b"\x05\x04\x20\xfcab", b"\x05\x04\x03\xfcab"])
def test_a_file_that_ends_in_the_middle_of_a_mark_is_refused(tmp_path, data):
    (tmp_path / "r.atr").write_bytes(data)
    with pytest.raises(BadRecord, match="ends in the middle"):
        read_annotations(str(tmp_path), "r.atr")


def test_random_bytes_are_read_or_refused(tmp_path):
    rng, outcomes = np.random.default_rng(0), set()
    for _ in range(200):
        (tmp_path / "r.atr").write_bytes(rng.bytes(int(rng.integers(0, 80))))
        try:
            found, _ = read_annotations(str(tmp_path), "r.atr")
            assert (np.diff(found.sample) >= 0).all()
            outcomes.add("read")
        except BadRecord:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_real_annotations_are_those_of_the_wfdb_package(recordings):
    files = [path for suffix in ("atr", "qrs", "anI") for path in recordings.rglob(f"*.{suffix}")]
    for path in files:
        found, _ = read_annotations(str(path.parent), path.name)
        theirs = wfdb.rdann(str(path.with_suffix("")), path.suffix[1:])
        assert np.array_equal(found.sample, theirs.sample)
        assert found.symbol.tolist() == theirs.symbol
        assert found.note.tolist() == [note.rstrip("\0").replace("None", "") for note in theirs.aux_note]
    assert len(files) >= 1
