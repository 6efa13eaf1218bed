from __future__ import annotations

import numpy as np
import pytest

from src.data.readers import read_recording
from src.errors import BadRecord
from tests.data.readers.vendor_files import write_dicom

pydicom = pytest.importorskip("pydicom")
STORED = np.arange(-600, 600, dtype=np.int16).reshape(2, 600)


def test_the_rhythm_is_read_in_the_unit_of_its_sensitivity(tmp_path):
    write_dicom(tmp_path / "a.dcm", STORED, more=[("MEDIAN BEAT", STORED[:, :100])])
    found = read_recording(tmp_path / "a.dcm")
    assert (found.sampling_rate_hz, found.unit, found.channel_names) == (500, "uV", ("I", "II"))
    np.testing.assert_array_equal(found.signal, STORED * np.float32(1.25))
    assert found.metadata["left_out"] == ("MEDIAN BEAT",)
    assert read_recording(tmp_path / "a.dcm", "MEDIAN BEAT").signal.shape == (2, 100)
    with pytest.raises(BadRecord, match="has no group 'ECG'"):
        read_recording(tmp_path / "a.dcm", "ECG")


def test_age_and_sex_are_kept_and_who_it_was_is_not(tmp_path):
    write_dicom(tmp_path / "a", STORED)  # recognised by its content
    found = read_recording(tmp_path / "a")
    assert (found.metadata["age"], found.metadata["sex"]) == ("42", "female")
    assert "secret" not in str(found.metadata)
    assert "Doe" not in str(found.metadata)


@pytest.mark.parametrize(("change", "said"), [
    ({"NumberOfWaveformSamples": 4_000_000_000}, "shorter than its header promises"),
    ({"NumberOfWaveformChannels": 60_000}, "damaged header"),
    ({"NumberOfWaveformSamples": 0}, "damaged header"),
    ({"WaveformSampleInterpretation": "XX"}, "a.dcm"),
    ({"SamplingFrequency": 0}, "sampling rate is unknown"),
])
def test_promises_that_the_data_do_not_keep_are_refused(tmp_path, change, said):
    from src.errors import UserError

    write_dicom(tmp_path / "a.dcm", STORED, **change)
    with pytest.raises(UserError, match=said):
        read_recording(tmp_path / "a.dcm")


def test_images_and_damaged_files_are_refused(tmp_path):
    write_dicom(tmp_path / "a.dcm", STORED)
    whole = (tmp_path / "a.dcm").read_bytes()
    for size in (140, 400, 900, len(whole) - 500):
        (tmp_path / "b.dcm").write_bytes(whole[:size])
        with pytest.raises(BadRecord):
            read_recording(tmp_path / "b.dcm")
    file = pydicom.dcmread(tmp_path / "a.dcm")
    del file.WaveformSequence
    file.save_as(tmp_path / "c.dcm")
    with pytest.raises(BadRecord, match="holds no waveform"):
        read_recording(tmp_path / "c.dcm")


def test_deflated_files_are_refused_before_they_are_unpacked(tmp_path):
    write_dicom(tmp_path / "a.dcm", STORED)
    file = pydicom.dcmread(tmp_path / "a.dcm")
    file.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    file.save_as(tmp_path / "b.dcm")
    with pytest.raises(BadRecord, match="stored deflated"):
        read_recording(tmp_path / "b.dcm")
