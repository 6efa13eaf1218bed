"""Every file of a folder of real recordings, where one is given: read, or refused with a reason."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from src.data.readers import read_recording
from src.errors import UserError
from src.pipelines.findings import LIMBS_AGREE, Stated, files_below, look

# file -> channels, samples, Hz, unit, annotations
KNOWN = {
    "vendor_ecg/dicom_12lead_a.dcm": (12, 10000, 1000, "uV", 66),
    "vendor_ecg/hl7_aecg_example.xml": (12, 5000, 500, "uV", 37),
    "vendor_ecg/philips_sierra_1_03.xml": (12, 5264, 500, "uV", 0),
    "vendor_ecg/philips_sierra_1_04.xml": (12, 5300, 500, "uV", 0),
    "edf_bdf/short_psg.edf": (3, 30000, 100, "uV", 0),
    "edf_bdf/mne_test.edf": (139, 3072, 512, "uV", 5),
    "edf_bdf/test_generator_datarec_generator_2.bdf": (1, 15000, 500, "uV", 0),
    "edf_bdf/test_edfann.edf": (0, 0, 1000, "", 856),
    "edf_bdf/SC4001EC-Hypnogram.bdf": (0, 0, 1000, "", 154),
    "brainvision/sub-01_ses-eeg_task-rest_eeg.vhdr": (67, 10000, 5000, "uV", 1),
    "code15/code_15_1238362.mat": (12, 2934, 400, "", 0),
    "seeg_ccep/Fig6_c_earlycomponent.mat": (10, 12288, 2048, "", 0),
    "bci2_iv/bci2_iv_train.npz": (28, 50, 100, "uV", 0),
    "mitbih/mitbih_104.npz": (1, 650000, 360, "mV", 0),
    "seeg_ccep/seeg_ccep.npz": (1, 12288, 2048, "uV", 0),
}
REFUSED = {"matlab_v73/nested_types_v73.mat": "no array of signals", "vendor_ecg/scp_ecg_example.scp": "SCP-ECG",
           "vendor_ecg/scp_ecg_handheld.scp": "SCP-ECG", "bci2_iv/bci2_iv_train_v5.mat": "sampling rate is unknown",
           "cinc2017/labels.csv": "is no table of numbers"}


@pytest.mark.parametrize("name", KNOWN)
def test_known_files_are_read_as_described(recordings, name):
    if not (recordings / name).is_file():
        pytest.skip("not among these recordings")
    found = read_recording(recordings / name)
    assert (*found.signal.shape, found.sampling_rate_hz, found.unit, len(found.annotations)) == KNOWN[name]


@pytest.mark.parametrize("name", REFUSED)
def test_known_files_are_refused_with_the_reason(recordings, name):
    if not (recordings / name).is_file():
        pytest.skip("not among these recordings")
    with pytest.raises(UserError, match=REFUSED[name]):
        read_recording(recordings / name)


def test_every_file_is_read_or_refused_its_checksums_hold_and_its_limb_leads_agree(recordings):
    mains, parts = files_below(recordings)
    findings = [look(path, Stated()) for path in mains]
    assert len(mains) + len(parts) == len([path for path in recordings.rglob("*") if path.is_file()])
    assert any(found.recording is not None for found in findings)
    assert [found.path for found in findings if found.checksums not in ("", "ok")] == []
    apart = {found.path.name for found in findings if found.limb_unit == "mV" and (found.limb_error or 0) > LIMBS_AGREE}
    assert apart <= {"100_3chan.hea"}  # its channels are called I, II and III and are not these leads
    for found in findings:
        if found.recording is not None:
            assert found.recording.signal.dtype == np.float32
            assert found.recording.sampling_rate_hz > 0


def test_sierra_files_are_as_the_package_that_unpacks_them_reads_them(recordings):
    sierraecg = pytest.importorskip("sierraecg")
    files = sorted(recordings.rglob("philips_sierra*.xml"))
    if not files:
        pytest.skip("not among these recordings")
    for path in files:
        found = read_recording(path)
        theirs = np.stack([lead.samples for lead in sierraecg.read_file(str(path)).leads])
        np.testing.assert_array_equal(found.signal, 5 * theirs[:, :found.signal.shape[1]])


def test_reading_changes_no_file(recordings):
    files = [path for path in sorted(recordings.rglob("*")) if path.suffix in (".dcm", ".xml", ".edf", ".mat")][:20]
    before = [hashlib.sha256(path.read_bytes()).digest() for path in files]
    for path in files:
        look(path, Stated())
    assert [hashlib.sha256(path.read_bytes()).digest() for path in files] == before
