from __future__ import annotations

import pytest

from src.data.sets.cinc2017 import Options, find
from src.errors import UserError
from tests.data.sets.fakes import write_cinc2017, write_table


def test_the_third_version_of_the_labels_and_no_copy_of_a_training_record(tmp_path):
    write_cinc2017(tmp_path)
    found = find(tmp_path, Options())
    assert found.classes == ("N", "A", "O", "~")
    assert [record.labels[0] for record in found.records] == list("NAO~" * 2)
    assert {record.path.split("/")[0] for record in found.records} == {"training2017"}
    assert found.notes == ("labels from REFERENCE-v3.csv",
                           "2 recordings left out, they are copies of training records (the validation folder)")


def test_another_table_by_name_with_or_without_a_first_line(tmp_path):
    write_cinc2017(tmp_path)
    assert {r.labels for r in find(tmp_path, Options(reference="REFERENCE.csv")).records} == {("N",)}
    write_table(tmp_path / "labels.csv", [("record", "label", "label_v1"), ("A00003", "~", "N"), ("A00099", "N", "N")])
    found = find(tmp_path, Options(reference="labels.csv"))
    assert [(record.name, record.labels) for record in found.records] == [("A00003", ("~",))]
    assert found.missing == {"A00099": "no such file: A00099.hea"}


def test_a_label_that_is_none_of_the_four_is_refused(tmp_path):
    write_cinc2017(tmp_path)
    write_table(tmp_path / "REFERENCE-v3.csv", [("A00001", "N"), ("A00002", "AF")])
    with pytest.raises(UserError, match="label 'AF' of A00002"):
        find(tmp_path, Options())


def test_the_real_originals(recordings):
    found = find(recordings / "cinc2017", Options(reference="labels.csv"))
    assert (len(found.records), len(found.missing)) == (24, 1276)
