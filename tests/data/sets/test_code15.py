from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from src.data.prepare.options import PrepareConfig
from src.data.prepare.steps import prepare_signal
from src.data.readers import read_recording
from src.data.sets.code15 import CLASSES, Options, find
from src.errors import BadRecord
from tests.data.sets.fakes import beats, write_code15

pytest.importorskip("h5py")


def test_exams_of_the_parts_that_are_there(tmp_path):
    write_code15(tmp_path)
    found = find(tmp_path, Options())
    assert [(record.name, record.record, record.labels) for record in found.records] == [
        ("11", "11", ("1dAVb", "SB")), ("12", "12", ()), ("13", "13", ("AF",))]
    assert [record.subject for record in found.records] == ["7", "7", "8"]
    assert found.records[2].info == {"age": "31", "sex": "female"}
    assert found.missing == {"14": "no such file: exams_part1.hdf5"}
    assert found.classes == CLASSES
    assert found.notes == ("1 exams have none of the six abnormalities",
                           "1 files of exams are not there: exams_part1.hdf5")


def test_the_padding_is_taken_away_and_an_empty_exam_refused(tmp_path):
    write_code15(tmp_path)
    config = PrepareConfig(unit="mV", trim=True)
    file = tmp_path / "exams_part0.hdf5"
    exam = prepare_signal(read_recording(file, "12"), config)
    assert exam.signal.shape == (12, 2800)
    assert exam.sampling_rate_hz == 400
    assert np.abs(exam.signal - beats(12, 2800, 400, 1)).max() < 1e-5
    with pytest.raises(BadRecord, match="zeros alone"):
        read_recording(file, "0")
    with pytest.raises(BadRecord, match="nothing but zeros"):
        prepare_signal(replace(exam, signal=np.zeros((12, 9), np.float32)), config)


def test_a_table_with_a_file_for_each_exam(recordings):
    found = find(recordings / "code15", Options(table="labels.csv"))
    assert len(found.records) == 7
    assert found.records[0].path.endswith(".mat")
    assert found.records[0].record is None
    assert sum("1dAVb" in record.labels for record in found.records) == 3
