from __future__ import annotations

import sys

import numpy as np
import pytest

from src.data.readers import mne_files, read_recording
from src.data.readers.mne_files import plain_names, read_header, read_range
from src.data.recognise import CONTINUOUS
from src.errors import BadRecord, UserError
from tests.data.continuous_files import write_edf

pytest.importorskip("mne")
pytest.importorskip("edfio")


@pytest.mark.parametrize(("stored", "suffix", "step"), [("Edf", ".edf", 0.1), ("Bdf", ".bdf", 0.001)])
def test_a_range_of_samples_is_read_in_volts(tmp_path, stored, suffix, step):
    path = tmp_path / f"a{suffix}"
    signal = write_edf(path, stored=stored)
    header = read_header(path)
    assert (header.rate_hz, header.samples) == (100, 6000)
    read = read_range(path, np.array([3, 1]), 150, 420)
    assert np.abs(read * 1e6 - signal[[3, 1], 150:420]).max() < step


def test_names_lose_the_decoration_of_recorders_unless_two_would_be_one(tmp_path):
    write_edf(tmp_path / "a.edf", ("POL A1", "EEG A2-Ref", "ECG X"))
    channels = read_header(tmp_path / "a.edf").channels
    assert [(channel.name, channel.kind) for channel in channels] == [("A1", "eeg"), ("A2", "eeg"), ("X", "ecg")]
    assert plain_names(["EEG A1", "POL A1", "EEG1"]) == ["EEG A1", "POL A1", "EEG1"]


@pytest.mark.parametrize(("change", "said"), [
    (lambda data: data[:-5000], "shorter than its header promises"),
    (lambda data: data[:300], "shorter than its header promises: it ends in the header"),
    (lambda data: b"1" + data[1:], "is no EDF or BDF file"),
    (lambda data: b"", "is no EDF or BDF file"),
    (lambda data: data[:236] + b"many    " + data[244:], "damaged header: 'many' in place of a whole number"),
    (lambda data: data[:236] + b"0       " + data[244:], "damaged header: 0 records"),
    (lambda data: data[:244] + b"nan     " + data[252:], "damaged header"),
    (lambda data: data[:252] + b"9999" + data[256:], "damaged header: 9999 signals"),
])
def test_damaged_files_are_refused_with_what_is_wrong(tmp_path, change, said):
    path = tmp_path / "a.edf"
    write_edf(path, seconds=10)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(BadRecord, match=said):
        read_header(path)


def test_a_recording_that_was_not_stopped_in_order_is_read(tmp_path):
    path = tmp_path / "a.edf"
    write_edf(path, seconds=10)
    data = path.read_bytes()
    path.write_bytes(data[:236] + b"-1      " + data[244:])
    assert read_header(path).samples == 1000


def test_a_file_that_may_have_gaps_is_read_only_without_them(tmp_path):
    path = tmp_path / "a.edf"
    write_edf(path, seconds=10, events=[(1.0, 0.5, "go")])
    data = path.read_bytes().replace(b"EDF+C", b"EDF+D")
    path.write_bytes(data)
    assert read_header(path).samples == 1000
    path.write_bytes(data.replace(b"+7\x14\x14", b"+8\x14\x14"))
    with pytest.raises(BadRecord, match="discontinuous: a gap after 7 s"):
        read_header(path)


def write_brainvision(folder, data="a.eeg"):
    np.arange(400, dtype="<i2").tofile(folder / "a.eeg")
    (folder / "a.vhdr").write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nCodepage=UTF-8\n"
        f"DataFile={data}\nMarkerFile=a.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\n"
        "NumberOfChannels=2\nSamplingInterval=4000\n[Binary Infos]\nBinaryFormat=INT_16\n"
        "[Channel Infos]\nCh1=Fz,,0.5,µV\nCh2=Cz,,0.5,µV\n", encoding="utf-8")
    (folder / "a.vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nCodepage=UTF-8\nDataFile=a.eeg\n"
        "[Marker Infos]\nMk1=New Segment,,1,1,0\nMk2=Stimulus,S  1,51,1,0\n", encoding="utf-8")
    return folder / "a.vhdr"


def test_brainvision_is_read_and_its_header_names_no_file_elsewhere(tmp_path):
    path = write_brainvision(tmp_path)
    assert read_header(path).rate_hz == 250
    assert np.allclose(read_range(path, np.array([1]), 0, 3) * 1e6, [[0.5, 1.5, 2.5]])
    (tmp_path / "in").mkdir()
    with pytest.raises(BadRecord, match=r"outside the data folder: \.\./a.eeg"):
        read_header(write_brainvision(tmp_path / "in", "../a.eeg"))


def test_fif_files_are_read_with_their_types_and_bad_channels(tmp_path):
    import mne

    raw = mne.io.RawArray(np.ones((2, 500)) * 1e-6, mne.create_info(["A1", "A2"], 250, "seeg"), verbose="error")
    raw.info["bads"] = ["A2"]
    raw.save(tmp_path / "a_raw.fif", verbose="error")
    channels = read_header(tmp_path / "a_raw.fif").channels
    assert [(channel.kind, channel.bad) for channel in channels] == [("seeg", False), ("seeg", True)]


def write_eeglab(path, seconds=4):
    from scipy.io import savemat

    locations = np.array([("Fz",), ("Cz",)], dtype=[("labels", object)])
    events = np.array([("go", 101.0)], dtype=[("type", object), ("latency", object)])
    data = np.arange(2 * 100 * seconds, dtype=np.float32).reshape(2, -1)
    savemat(path, {"EEG": {"nbchan": 2.0, "trials": 1.0, "pnts": float(data.shape[1]), "srate": 100.0, "xmin": 0.0,
                           "data": data, "chanlocs": locations, "event": events}}, do_compression=True)


def test_eeglab_is_read_unless_it_would_fill_the_memory(tmp_path, monkeypatch):
    write_eeglab(tmp_path / "a.set")
    assert [channel.name for channel in read_header(tmp_path / "a.set").channels] == ["Fz", "Cz"]
    assert np.allclose(read_range(tmp_path / "a.set", np.array([1]), 0, 2) * 1e6, [[400, 401]])
    write_eeglab(tmp_path / "b.set", seconds=500)
    monkeypatch.setattr("src.data.readers.memory.os.sysconf", lambda name: 500)
    with pytest.raises(UserError, match="more than half of this machine's memory"):
        read_header(tmp_path / "b.set")


def test_without_the_extra_the_command_that_installs_it_is_said(tmp_path, monkeypatch):
    write_edf(tmp_path / "a.edf", seconds=2)
    monkeypatch.setitem(sys.modules, "mne", None)
    with pytest.raises(UserError, match="uv sync --extra mne"):
        read_header(tmp_path / "a.edf")


def test_whole_recordings_are_read_in_uv_with_their_marks(tmp_path):
    found = read_recording(write_brainvision(tmp_path))
    assert (found.sampling_rate_hz, found.unit, found.channel_names) == (250, "uV", ("Fz", "Cz"))
    np.testing.assert_allclose(found.signal[1, :3], [0.5, 1.5, 2.5], rtol=1e-5)
    assert found.annotations.note.tolist()[-1].startswith("Stimulus/S")
    assert found.annotations.sample[-1] == 50
    write_eeglab(tmp_path / "b.set")
    found = read_recording(tmp_path / "b.set")
    assert (found.signal.shape, found.channel_names) == ((2, 400), ("Fz", "Cz"))
    assert (found.annotations.sample.tolist(), found.annotations.note.tolist()) == ([100], ["go"])


def test_channels_that_are_no_voltages_are_left_out_and_said(tmp_path):
    import mne

    info = mne.create_info(["A1", "A2", "T"], 200, ["eeg", "eeg", "temperature"])
    raw = mne.io.RawArray(np.full((3, 500), 2e-6), info, verbose="error")
    raw.info["bads"] = ["A2"]
    raw.set_annotations(mne.Annotations([1.0, 1.5], [0.5, 0.0], ["go", "stop"]))
    raw.save(tmp_path / "a_raw.fif", verbose="error")
    found = read_recording(tmp_path / "a_raw.fif")
    assert found.channel_names == ("A1", "A2")
    np.testing.assert_allclose(found.signal, 2, rtol=1e-5)
    assert (found.metadata["left_out"], found.metadata["bad"]) == (("T (temperature)",), ("A2",))
    assert (found.annotations.sample.tolist(), found.annotations.length.tolist()) == ([200, 300], [100, 0])


def test_what_is_recognised_as_a_recording_can_be_read():
    assert set(CONTINUOUS) == set(mne_files.READERS)
