"""`read_recording`: what a file is is told by its content first, and every refusal is in words."""

from __future__ import annotations

import inspect
from importlib import import_module

import numpy as np
import pytest

from src.data.readers import read_recording, recording_names
from src.data.readers.recording import FORMATS, format_of
from src.errors import BadRecord, UserError


@pytest.fixture
def record(tmp_path, write_wfdb):
    write_wfdb(tmp_path, "r", np.arange(20).reshape(10, 2), channels=("Lead I", "AVR"))
    return tmp_path


@pytest.mark.parametrize("name", ["r", "r.hea", "r.dat"])
def test_a_wfdb_record_may_be_named_in_any_way(record, name):
    found = read_recording(record / name)
    assert np.allclose(found.signal, np.arange(20).reshape(10, 2).T / 1000)
    assert found.signal.dtype == np.float32
    assert (found.name, found.unit, found.sampling_rate_hz) == ("r", "mV", 100)
    assert found.channel_names == ("I", "aVR")


def test_a_record_is_found_beside_a_folder_of_its_name(record):
    (record / "r").mkdir()
    assert read_recording(str(record / "r")).signal.shape == (2, 10)


def test_a_signal_file_of_another_name_belongs_to_its_header(record):
    text = (record / "r.hea").read_text()
    (record / "r.d0").write_bytes((record / "r.dat").read_bytes())
    (record / "r.hea").write_text(text.replace("r.dat", "r.d0"))
    assert format_of(record / "r.d0") == "wfdb"
    assert len(read_recording(record / "r.d0").annotations) == 0


def test_numbers_without_their_header_say_what_is_missing(tmp_path):
    (tmp_path / "lost.dat").write_bytes(bytes(100))
    with pytest.raises(BadRecord, match=r"no such file: lost\.hea"):
        read_recording(tmp_path / "lost.dat")


def test_the_content_of_a_file_counts_more_than_its_suffix(tmp_path):
    (tmp_path / "a.dat").write_bytes(b"0       " + b" " * 248)
    np.savez(tmp_path / "b.npz", signal=np.zeros((2, 10)))
    (tmp_path / "b.npz").rename(tmp_path / "b.edf")
    (tmp_path / "c.bin").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert [format_of(tmp_path / name) for name in ("a.dat", "b.edf", "c.bin")] == ["edf", "npz", "hdf5"]


def test_what_is_no_recording_is_refused_with_what_is_read(tmp_path):
    (tmp_path / "a.docx").write_bytes(b"text")
    with pytest.raises(UserError, match="no known kind") as caught:
        read_recording(tmp_path / "a.docx")
    assert all(kind.about in caught.value.hint for kind in FORMATS.values())
    with pytest.raises(UserError, match="is a folder"):
        read_recording(tmp_path)
    for name in ("none", "none.hea", "none.edf", "no\0ne"):
        with pytest.raises(UserError, match="no such file"):
            read_recording(tmp_path / name)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_reader_imports_without_its_library_and_takes_a_path_and_a_record(kind):
    module = import_module(FORMATS[kind].module)
    assert list(inspect.signature(module.read).parameters)[:2] == ["path", "record"]


def test_a_missing_package_names_the_extra_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.edf").write_bytes(b"0       ")

    def lacking(path, record=None):
        raise ModuleNotFoundError("No module named 'edfio'", name="edfio")

    monkeypatch.setattr("src.data.readers.edf.read", lacking)
    with pytest.raises(UserError, match=r"not installed \(edfio\)") as caught:
        read_recording(tmp_path / "a.edf")
    assert "--extra edf" in caught.value.hint


@pytest.mark.parametrize("error", [ValueError("odd"), KeyError("odd"), MemoryError(), RecursionError(), OSError("odd")])
def test_whatever_a_library_raises_becomes_a_bad_record(record, monkeypatch, error):
    def fails(path, record=None):
        raise error

    monkeypatch.setattr("src.data.readers.wfdb.read", fails)
    with pytest.raises(BadRecord, match=f"cannot be read as wfdb: {type(error).__name__}"):
        read_recording(record / "r.hea")


def test_a_file_that_is_one_recording_has_no_others(record):
    assert recording_names(record / "r.hea") == []
    assert read_recording(record / "r.hea", "r").name == "r"
    with pytest.raises(BadRecord, match="holds no record 'q'"):
        read_recording(record / "r.hea", "q")
