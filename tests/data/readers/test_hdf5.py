from __future__ import annotations

import numpy as np
import pytest

from src.data.leads import STANDARD_12
from src.data.readers import read_recording, recording_names
from src.errors import BadRecord, UserError

h5py = pytest.importorskip("h5py")


@pytest.fixture
def code15(tmp_path):
    """Three exams of 12 leads, time first: one of full length, one padded, one empty."""
    tracings = np.zeros((3, 4096, 12), np.float32)
    tracings[0] = np.random.default_rng(0).normal(size=(4096, 12))
    tracings[1, 581:3515] = 2.0
    with h5py.File(tmp_path / "exams_part0.hdf5", "w") as file:
        file["tracings"], file["exam_id"] = tracings, np.array([1169160, 2873686, 0])
    return tmp_path / "exams_part0.hdf5", tracings


def test_an_exam_of_code15_is_read_by_its_id_in_mv_without_padding(code15):
    path, tracings = code15
    assert recording_names(path) == ["1169160", "2873686", "0"]
    whole, padded = read_recording(path), read_recording(path, "2873686")
    assert (whole.name, whole.sampling_rate_hz, whole.unit, whole.channel_names) == ("1169160", 400, "mV", STANDARD_12)
    np.testing.assert_allclose(whole.signal, tracings[0].T * 0.1, rtol=1e-6)
    assert padded.signal.shape == (12, 2934)
    assert "documented" in whole.metadata


def test_exams_that_are_empty_or_not_there_are_refused(code15):
    with pytest.raises(BadRecord, match="holds zeros alone"):
        read_recording(code15[0], "0")
    with pytest.raises(BadRecord, match="holds no recording '12'"):
        read_recording(code15[0], "12")


def test_other_files_say_rate_unit_and_channels(tmp_path):
    signal = np.arange(60.0).reshape(3, 20)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["signal"], file["channels"] = signal, np.array([b"a", b"b", b"c"])
        file.attrs["fs"], file.attrs["unit"] = 128, "uV"
    found = read_recording(tmp_path / "a.h5")
    assert (found.sampling_rate_hz, found.unit, found.channel_names) == (128, "uV", ("a", "b", "c"))
    np.testing.assert_array_equal(found.signal, signal)


def test_a_rate_that_is_not_in_the_file_is_asked_for(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = np.zeros((2, 20))
    with pytest.raises(UserError, match="sampling rate is unknown"):
        read_recording(tmp_path / "a.h5")
    assert read_recording(tmp_path / "a.h5", rate_hz=50).sampling_rate_hz == 50


def test_other_peoples_files_are_not_opened_and_huge_promises_refused(tmp_path):
    with h5py.File(tmp_path / "linked.h5", "w") as file:
        file["signal"] = h5py.ExternalLink("secret.h5", "/x")
    with pytest.raises(BadRecord, match="holds no signals"):
        read_recording(tmp_path / "linked.h5", rate_hz=50)
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("signal", shape=(12, 10**12), dtype="f4", chunks=(12, 1000))
    with pytest.raises(BadRecord, match="promises too much"):
        read_recording(tmp_path / "huge.h5", rate_hz=50)
    with h5py.File(tmp_path / "text.h5", "w") as file:
        file["signal"] = np.array([[b"a", b"b"]])
    with pytest.raises(BadRecord, match="expected numbers"):
        read_recording(tmp_path / "text.h5", rate_hz=50)


def test_a_damaged_file_is_refused(tmp_path, code15):
    (tmp_path / "cut.hdf5").write_bytes(code15[0].read_bytes()[:1000])
    with pytest.raises(BadRecord, match="hdf5"):
        read_recording(tmp_path / "cut.hdf5")
