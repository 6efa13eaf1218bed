from __future__ import annotations

import pytest

from src.data.sets.mitbih import DS1, DS2, PACED, Options, find
from src.errors import UserError
from src.options import build
from tests.data.sets.fakes import write_mitbih


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mitbih")
    write_mitbih(folder)
    return folder


def test_a_piece_around_every_beat_and_none_around_other_marks(root):
    found = find(root, Options())
    own = [record for record in found.records if record.path == "100.hea"]
    assert "".join(record.labels[0] for record in own) == "NVSNQFQQNNVSNQFQQ"
    assert [(record.name, record.start, record.samples) for record in own[:2]] == [
        ("100_000040", 40 - 180, 360), ("100_000468", 468 - 180, 360)]


def test_patients_are_apart_so_201_is_left_out_and_so_are_paced_records(root):
    found = find(root, Options())
    parts = {record.subject: record.subset for record in found.records}
    assert parts == {"100": "test", "101": "train", "202": "test"}
    assert found.notes[0] == "1 paced records left out"
    published = find(root, Options(keep_201=True))
    assert {record.subject for record in published.records if record.subset == "train"} == {"101", "201"}
    assert "201 is trained on as published" in published.notes[-1]


def test_the_parts_are_of_22_records_each_and_share_none():
    assert (len(set(DS1)), len(set(DS2))) == (22, 22)
    assert not set(DS1) & set(DS2)
    assert not set(PACED) & set(DS1 + DS2)


def test_the_length_of_a_piece_is_an_option(root):
    piece = find(root, Options(before_s=0.25, after_s=0.75)).records[1]
    assert (piece.start, piece.samples) == (108 + 360 - 90, 360)
    with pytest.raises(UserError, match="more than 0 and less than 60"):
        build(Options, {"before_s": "0"})


def test_records_and_annotations_that_are_not_there_are_named(root, tmp_path):
    write_mitbih(tmp_path, (100, 103), 3)
    (tmp_path / "103.atr").unlink()
    missing = find(tmp_path, Options()).missing
    assert missing["103"] == "no such file: 103.atr"
    assert missing["234"] == "no such file: 234.hea"
    assert len(missing) == 42


def test_the_real_record_100(recordings):
    found = find(recordings / "wfdb_formats", Options())
    labels = [record.labels[0] for record in found.records if record.subject == "100"]
    assert (labels.count("N"), labels.count("S"), labels.count("V")) == (2239, 33, 1)
