from __future__ import annotations

import pytest

from src.data.sets.cpsc2018 import Options, class_names, find
from src.errors import BadRecord
from tests.data.sets.fakes import write_cpsc2018


def test_the_first_label_or_all_of_them(tmp_path):
    write_cpsc2018(tmp_path)
    first, every = find(tmp_path, Options()), find(tmp_path, Options(labels="all"))
    assert [record.labels for record in first.records] == [("Normal",), ("RBBB",), ("STE",), ("AF",)]
    assert [record.labels for record in every.records] == [("Normal",), ("RBBB", "I-AVB", "STD"), ("STE",), ("AF",)]
    assert (first.kind, every.kind) == ("classes", "multilabel")
    assert first.notes == ("1 records have two or three labels, of which the first counts",)
    assert first.records[1].info == {"first_label": "RBBB", "all_labels": "RBBB;I-AVB;STD"}
    assert first.missing == {"A0005": "no such file: A0005.mat"}


@pytest.mark.parametrize("cells", [["10", "", ""], ["", "", ""], ["AF", "", ""]])
def test_labels_that_are_not_1_to_9_are_refused(cells):
    with pytest.raises(BadRecord, match="expected one to three of 1 to 9"):
        class_names(cells, "A0001")


def test_numbers_as_spreadsheets_write_them():
    assert class_names(["5.0", "3.0", ""], "A0001") == ("RBBB", "I-AVB")
