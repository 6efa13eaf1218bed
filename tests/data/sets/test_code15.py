from __future__ import annotations

import pytest

from src.data.sets.code15 import CLASSES, Options, find
from tests.data.sets.fakes import write_code15

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


def test_a_table_with_a_file_for_each_exam(recordings):
    found = find(recordings / "code15", Options(table="labels.csv"))
    assert len(found.records) == 7
    assert found.records[0].path.endswith(".mat")
    assert found.records[0].record is None
    assert sum("1dAVb" in record.labels for record in found.records) == 3
