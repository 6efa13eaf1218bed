from __future__ import annotations

import numpy as np
import pytest

from src.data.leads import STANDARD_12
from src.data.readers import read_recording, recording_names
from src.data.readers.packed import names, read
from src.errors import BadRecord, UserError


def test_one_of_the_many_records_of_a_file_is_read_by_name(tmp_path):
    signal = np.arange(2 * 3 * 50, dtype=np.int16).reshape(2, 3, 50)
    np.savez(tmp_path / "a.npz", signal=signal, fs=100.0, scale=0.5, units="mV", record_id=np.array(["p1", "p2"]),
             leads=np.array(["I", "II", "V1"]))
    assert names(tmp_path / "a.npz") == ["p1", "p2"]
    found = read(tmp_path / "a.npz", "p2")
    assert (found.name, found.sampling_rate_hz, found.unit, found.channel_names) == ("p2", 100, "mV", ("I", "II", "V1"))
    np.testing.assert_array_equal(found.signal, signal[1] * 0.5)
    assert read(tmp_path / "a.npz").metadata["records"] == 2
    with pytest.raises(BadRecord, match="holds no recording 'p3'"):
        read(tmp_path / "a.npz", "p3")


def test_records_of_unequal_length_are_cut_at_their_offsets(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", signal=np.arange(10, dtype=np.int16), offset=[0, 4, 10], fs=300)
    assert [read(tmp_path / "a.npz", name).signal.tolist() for name in names(tmp_path / "a.npz")] == [
        [[0, 1, 2, 3]], [[4, 5, 6, 7, 8, 9]]]


def test_rows_with_a_group_each_are_records_of_one_channel(tmp_path):
    np.savez(tmp_path / "a.npz", signal=np.zeros((6, 40)), group=np.array(list("aabbcc")), fs=2048)
    assert len(names(tmp_path / "a.npz")) == 6
    assert read(tmp_path / "a.npz").signal.shape == (1, 40)


def test_cpsc_2018_has_its_documented_rate_unit_and_leads(tmp_path):
    from scipy.io import savemat

    signal = np.random.default_rng(0).normal(size=(12, 600))
    savemat(tmp_path / "A0001.mat", {"ECG": {"sex": "Male", "age": 74, "data": signal}})
    found = read_recording(tmp_path / "A0001.mat")
    assert (found.sampling_rate_hz, found.unit, found.channel_names) == (500, "mV", STANDARD_12)
    assert (found.metadata["sex"], found.metadata["age"]) == ("Male", 74)
    np.testing.assert_allclose(found.signal, signal, rtol=1e-6)
    assert recording_names(tmp_path / "A0001.mat") == []


def test_ecg_fm_features_say_their_rate_and_not_their_unit(tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "a.mat", {"feats": np.zeros((12, 300), np.float32), "curr_sample_rate": 400, "idx": 1})
    found = read_recording(tmp_path / "a.mat")
    assert (found.sampling_rate_hz, found.unit, found.channel_names) == (400, "", STANDARD_12)


def test_a_cinc_array_without_its_header_asks_for_the_rate(tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "a.mat", {"val": np.zeros((12, 300), np.int16)})
    with pytest.raises(UserError, match="sampling rate is unknown"):
        read_recording(tmp_path / "a.mat")
    found = read_recording(tmp_path / "a.mat", rate_hz=500, unit="mV")
    assert (found.signal.shape, found.sampling_rate_hz, found.unit) == ((12, 300), 500, "mV")


def test_axes_are_told_by_the_numbers_of_names_and_labels(tmp_path):
    from scipy.io import savemat

    signal = np.arange(50 * 4 * 6).reshape(50, 4, 6)  # (samples, channels, trials)
    names_ = np.array(["C3", "Cz", "C4", "Pz"], dtype=object)
    savemat(tmp_path / "a.mat", {"x_train": signal, "y_train": np.arange(6), "clab": names_, "fs": 100})
    found = read(tmp_path / "a.mat", "a_000002")
    assert found.channel_names == ("C3", "Cz", "C4", "Pz")
    np.testing.assert_array_equal(found.signal, signal[:, :, 2].T)


def test_a_struct_of_settings_beside_the_signal_is_read_and_time_first_is_turned(tmp_path):
    from scipy.io import savemat

    signal = np.arange(300).reshape(100, 3)
    savemat(tmp_path / "a.mat", {"cnt": signal, "nfo": {"fs": 1000, "clab": np.array(["a", "b", "c"], dtype=object)}})
    found = read(tmp_path / "a.mat")
    assert (found.sampling_rate_hz, found.channel_names) == (1000, ("a", "b", "c"))
    np.testing.assert_array_equal(found.signal, signal.T)


def test_a_vector_of_times_gives_the_rate(tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "a.mat", {"data": np.zeros((400, 2)), "t": np.arange(400) / 2048 - 0.1})
    found = read(tmp_path / "a.mat")
    assert (found.sampling_rate_hz, found.signal.shape) == (2048, (2, 400))


def test_version_73_is_read_with_its_structs(tmp_path):
    h5py = pytest.importorskip("h5py")
    signal = np.arange(24.0).reshape(2, 12)
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        group = file.create_group("rec")
        group.create_dataset("data", data=signal.T).attrs["MATLAB_class"] = np.bytes_("double")
        group.create_dataset("fs", data=np.array([[250.0]])).attrs["MATLAB_class"] = np.bytes_("double")
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/x")
    found = read_recording(tmp_path / "a.mat")
    assert found.sampling_rate_hz == 250
    np.testing.assert_array_equal(found.signal, signal)


def test_a_file_without_signals_is_refused_with_what_it_holds(tmp_path):
    np.savez(tmp_path / "a.npz", weights=np.zeros(3))
    with pytest.raises(UserError, match="no array of signals"):
        read_recording(tmp_path / "a.npz")
