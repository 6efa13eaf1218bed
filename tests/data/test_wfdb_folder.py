from __future__ import annotations

import numpy as np
import pytest

from src.data.open import open_dataset
from src.errors import UserError

RNG = np.random.default_rng(1)


def stored(samples=200, signals=2):
    return RNG.integers(-900, 900, (samples, signals)).astype(np.int16)


def table(folder, *lines, header="record,label"):
    (folder / "labels.csv").write_text("\n".join([header, *lines]) + "\n")


def opened(folder, **options):
    return open_dataset("wfdb", folder, options)


def test_records_are_read_in_physical_units_with_label_subject_and_part(tmp_path, write_wfdb):
    signals = {name: stored() for name in "abc"}
    for name, signal in signals.items():
        write_wfdb(tmp_path, name, signal)
    table(tmp_path, "a,N,p1,train", "b.hea,A,p1,train", "c,N,p2,test", header="Record,Label,Patient_ID,split")
    data = opened(tmp_path)
    assert data.spec.channels == ("I", "II")
    assert data.records.record.tolist() == ["a", "b", "c"]
    assert data.records.subject.tolist() == ["p1", "p1", "p2"]
    assert data.records.subset.tolist() == ["train", "train", "test"]
    assert np.allclose(data.read(1)[0].signal, signals["b"].T / 1000)
    assert data.target.names == ("A", "N")


def test_rates_lengths_units_and_channel_orders_are_brought_together(tmp_path, write_wfdb):
    flat = np.tile(np.array([[100, 300]], np.int16), (200, 1))
    write_wfdb(tmp_path, "a", flat)
    write_wfdb(tmp_path, "b", flat[:, ::-1], channels=("II", "i"), units=("uV", "uV"), gain=1)
    write_wfdb(tmp_path, "c", np.tile(flat, (5, 1)), rate="500")
    write_wfdb(tmp_path, "d", flat[:50])
    table(tmp_path, "a,x", "b,y", "c,x", "d,y")
    data = opened(tmp_path)
    assert (data.spec.rate_hz, data.spec.samples, data.spec.unit) == (100, 200, "mV")
    assert data.records.length.tolist() == [200, 200, 200, 50]
    middle = [data.read(row)[0].signal[:, 25] for row in range(4)]
    assert np.allclose(middle[0], [0.1, 0.3])
    assert np.allclose(middle[1], [0.1, 0.3])
    assert np.allclose(data.read(2)[0].signal[:, 100], [0.1, 0.3], atol=1e-4)
    assert data.read(3)[0].time_mask.sum() == 50
    assert any("resampled from 500 to 100 Hz" in note for note in data.notes)
    assert any("converted from uV to mV" in note for note in data.notes)


def test_the_same_crop_is_drawn_for_the_same_generator(tmp_path, write_wfdb):
    signal = stored(1000)
    write_wfdb(tmp_path, "a", signal)
    table(tmp_path, "a,x")
    data = opened(tmp_path, window_s="1")
    crops = [data.read(0, np.random.default_rng(4))[0].signal for _ in range(2)]
    assert (crops[0] == crops[1]).all()
    assert np.allclose(data.read(0)[0].signal, signal[450:550].T / 1000)


def test_several_labels_are_joined_by_a_semicolon(tmp_path, write_wfdb):
    for name in "ab":
        write_wfdb(tmp_path, name, stored())
    table(tmp_path, "a,MI;STTC", "b,NORM")
    data = opened(tmp_path)
    assert data.target.kind == "multilabel"
    assert data.records.label.tolist() == [[1, 0, 1], [0, 1, 0]]


def test_bad_lines_are_counted_named_and_skipped_or_refused(tmp_path, write_wfdb):
    for name in "abcx":
        write_wfdb(tmp_path, name, stored())
    table(tmp_path, "a,N", "gone1,N", "gone2,A", "b,nan", "c,A", "c,A")
    data = opened(tmp_path)
    assert data.records.record.tolist() == ["a", "c"]
    text = "\n".join(data.notes)
    assert "2 records: no such file (gone1, gone2)" in text
    assert "has no label (b)" in text
    assert "is there more than once (c (again))" in text
    assert "1 records of the folder have no label: left out (x)" in text
    with pytest.raises(UserError) as caught:
        opened(tmp_path, on_bad_record="error")
    assert "4 records cannot be used" in str(caught.value)
    assert "--on_bad_record skip would leave them out and go on with 2 records" in str(caught.value)


def test_records_that_lack_a_channel_are_left_out(tmp_path, write_wfdb):
    for name in "abc":
        write_wfdb(tmp_path, name, stored())
    write_wfdb(tmp_path, "d", stored(), channels=("I", "V9"))
    table(tmp_path, "a,N", "b,N", "c,A", "d,A")
    assert any("lacks channels: II" in note for note in opened(tmp_path).notes)
    assert len(opened(tmp_path, channels="I")) == 4
    with pytest.raises(UserError, match="lacks channels"):
        opened(tmp_path, channels="V8")


def test_channels_that_are_no_voltage_are_left_out_unless_named(tmp_path, write_wfdb):
    write_wfdb(tmp_path, "a", stored(), channels=("II", "ABP"), units=("mV", "mmHg"))
    table(tmp_path, "a,x")
    data = opened(tmp_path)
    assert data.spec.channels == ("II",)
    assert any("not in mV: ABP" in note for note in data.notes)
    assert opened(tmp_path, channels="ABP", to_unit="mmHg").spec.unit == "mmHg"


def test_invalid_samples_are_masked(tmp_path, write_wfdb):
    signal = stored()
    signal[150:] = -32768
    write_wfdb(tmp_path, "a", signal)
    table(tmp_path, "a,x")
    sample = opened(tmp_path).read(0)[0]
    assert sample.time_mask.sum() == 150
    assert (sample.signal[:, 150:] == 0).all()


def test_copies_of_a_recording_have_one_digest(tmp_path, write_wfdb):
    signal = stored()
    for name, content in (("a", signal), ("b", stored()), ("c", signal)):
        write_wfdb(tmp_path, name, content)
    table(tmp_path, "a,x", "b,x", "c,x")
    digests = [opened(tmp_path).content_hash(row) for row in range(3)]
    assert digests[0] == digests[2] != digests[1]


@pytest.mark.parametrize(("files", "said"), [
    ({}, "no table of labels"), ({"labels.csv": "a,b\n1,2\n"}, "no table of labels"),
    ({"x.csv": "record,label\n", "y.csv": "record,label\n"}, "2 tables of labels: x.csv, y.csv"),
    ({"labels.csv": "record,label\na\n"}, "1 lines do not have the 2 columns"),
])
def test_folders_without_a_clear_table_are_refused(tmp_path, write_wfdb, files, said):
    write_wfdb(tmp_path, "a", stored())
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=said):
        opened(tmp_path)
