"""HL7 aECG, Philips Sierra, what both refuse, and SCP-ECG, which is recognised and refused."""

from __future__ import annotations

import numpy as np
import pytest

from src.data.readers import read_recording, safe_xml
from src.data.readers.recording import format_of
from src.errors import BadRecord, UserError
from tests.data.readers.vendor_files import LEADS, aecg, as_stored, pack_codes, sierra


def write(path, text, encoding="utf-8"):
    path.write_text(text, encoding=encoding)
    return path


def test_aecg_leads_are_scaled_and_marks_placed(tmp_path):
    found = read_recording(write(tmp_path / "a.xml", aecg({"I": [0, 4, -2], "AVR": [1, 2, 3]})))
    assert (found.sampling_rate_hz, found.unit, found.channel_names) == (500, "uV", ("I", "aVR"))
    np.testing.assert_array_equal(found.signal, [[0, 10, -5], [2.5, 5, 7.5]])
    marks = found.annotations
    assert (marks.sample.tolist(), marks.length.tolist(), marks.note.tolist()) == ([61], [51], ["WAVC PWAVE"])
    assert found.metadata["sex"] == "female"


def test_aecg_leads_of_unequal_length_end_in_nan(tmp_path):
    found = read_recording(write(tmp_path / "a.xml", aecg({"I": [1, 2, 3], "II": [1]})))
    np.testing.assert_array_equal(np.isnan(found.signal), [[False] * 3, [False, True, True]])


@pytest.mark.parametrize(("text", "said"), [
    (aecg({"I": [1, 2]}, step=""), "sampling rate is unknown"),
    (aecg({}), "holds no lead"),
    (aecg({"I": [1]}).replace("sequenceSet", "other"), "holds no series"),
    (aecg({"I": [1]}).replace("<digits>1", "<digits>1 x"), "could not convert"),
    (aecg({"I": [1]})[:-40], "no XML"),
])
def test_aecg_files_that_lack_what_is_needed_are_refused(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        read_recording(write(tmp_path / "a.xml", text))


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize("declared", [LAUGHS, EXTERNAL, '<!DOCTYPE x SYSTEM "other.dtd">'])
def test_document_types_and_so_entities_are_refused(tmp_path, declared):
    path = write(tmp_path / "a.xml", aecg({"I": [1, 2]}, before=declared))
    with pytest.raises(BadRecord, match="declares a document type"):
        safe_xml.read_xml(path)
    with pytest.raises(UserError):
        read_recording(path)


def test_depth_and_size_are_bounded(tmp_path, monkeypatch):
    path = write(tmp_path / "a.xml", "<AnnotatedECG>" + "<a>" * 100_000)
    with pytest.raises(BadRecord, match="more than 200 deep"):
        read_recording(path)
    monkeypatch.setattr(safe_xml, "LARGEST", 1000)
    with pytest.raises(BadRecord, match="is too large"):
        read_recording(path)


@pytest.fixture
def leads():
    """(12, 500) int: I, II and the chest leads are free, the other limb leads nearly what follows from them."""
    rng = np.random.default_rng(0)
    values = np.cumsum(rng.integers(-9, 10, (12, 500)), axis=1)
    one, two = values[:2]
    values[2:6] = np.stack([two - one, -(one + two) // 2, one - two // 2, two - one // 2])
    values[2:6] += rng.integers(-1, 2, (4, 500))
    return values


@pytest.mark.parametrize("packing", ["XLI", "Uncompressed"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_sierra_leads_are_unpacked_and_made_whole(tmp_path, leads, packing, encoding):
    if packing == "XLI":
        pytest.importorskip("sierraecg")
    text = sierra(as_stored(leads), packing).replace('version="1.0"', f'version="1.0" encoding="{encoding}"')
    found = read_recording(write(tmp_path / "a.xml", text, encoding))
    assert (found.sampling_rate_hz, found.unit, found.channel_names) == (500, "uV", LEADS)
    np.testing.assert_array_equal(found.signal, leads * 5)
    assert found.metadata["sex"] == "male"


def test_a_calibration_pulse_at_the_end_of_all_sierra_leads_is_left_out(tmp_path, leads):
    leads[:, 400:] = 0
    leads[:, 420:480] = 200
    stored = leads.copy()
    stored[:, :400] = as_stored(leads)[:, :400]
    stored[2:6, 400:] = as_stored(leads)[2:6, 400:]
    found = read_recording(write(tmp_path / "a.xml", sierra(stored, "Uncompressed")))
    np.testing.assert_array_equal(found.signal, leads[:, :400] * 5)
    assert "calibration pulse" in found.metadata["left_out"]


def bomb():
    """LZW codes that each stand for one byte more than the one before."""
    packed = pack_codes([0, *range(256, 1000), *[999] * 3000])
    return len(packed).to_bytes(4, "little") + b"\0\0\0\0" + packed


@pytest.mark.parametrize(("data", "said"), [
    (bomb() * 12, "unpacks to more than its 500 samples"),
    (b"", "shorter than its header promises"),
    (b"\xff\xff\xff\xff1234", "shorter than its header promises"),
])
def test_sierra_data_that_do_not_fit_their_header_are_refused(tmp_path, leads, data, said):
    pytest.importorskip("sierraecg")
    with pytest.raises(BadRecord, match=said):
        read_recording(write(tmp_path / "a.xml", sierra(leads, data=data)))


@pytest.mark.parametrize(("change", "said"), [
    (("1.04<", "9.9<"), "not read here"), (('"XLI"', '"zip"'), "packed as zip"), (("Base64", "Plain"), "not read here"),
    (("durationperchannel=\"1000\"", "durationperchannel=\"99999999999\""), "promises 12 leads"),
    (("<samplingrate>500", "<samplingrate>0"), "sampling rate is unknown"),
    (("parsedwaveforms", "none"), "no waveforms"),
])
def test_other_sierra_files_are_refused(tmp_path, leads, change, said):
    with pytest.raises(UserError, match=said):
        read_recording(write(tmp_path / "a.xml", sierra(leads, data=b"").replace(*change)))


def test_scp_is_recognised_and_refused_with_what_to_do(tmp_path):
    head = bytes(6) + bytes(2) + b"\0\0" + (136).to_bytes(4, "little") + b"\x14\x14SCPECG" + bytes(200)
    for name, content in (("a.dat", head), ("b.scp", b"anything")):
        (tmp_path / name).write_bytes(content)
        assert format_of(tmp_path / name) == "scp"
        with pytest.raises(BadRecord, match="SCP-ECG is not read here") as raised:
            read_recording(tmp_path / name)
        assert "save2gdf" in raised.value.hint
