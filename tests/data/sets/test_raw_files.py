from __future__ import annotations

import pytest

from src.data.sets.raw_files import PublicSet, RawFiles, age_years, person
from src.errors import UserError
from src.registry import RAW_SETS, load
from tests.data.sets.fakes import write_table

PUBLIC = [name for name in RAW_SETS if name != "folder"]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_set_that_is_not_there_is_told_with_its_source_and_licence(name, tmp_path):
    row = RAW_SETS[name]
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError) as told:
            load(row.find)(root, load(row.options)())
        assert str(root) in told.value.message
        assert told.value.message.startswith(f"{name}: not found: ")
        assert "licence: " in told.value.hint
        assert "--raw_root" in told.value.hint


def test_the_uppermost_file_of_a_name_is_taken_and_suffixes_in_their_order(tmp_path):
    for path in ("a/b/x.csv", "b/x.csv", "b/y.mat", "c/d/y.hea"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    files = RawFiles(tmp_path)
    assert files.named("z.csv", "x.csv") == "b/x.csv"
    assert files.stems(".hea", ".mat") == {"y": "c/d/y.hea"}
    assert files.stems(".mat", inside="b") == {"y": "b/y.mat"}
    assert files.stems(".mat", inside="d") == {}
    assert "a/b/../b/x.csv" not in files


def test_a_table_without_its_columns_says_which_it_has(tmp_path):
    write_table(tmp_path / "t.csv", [("a", "B"), (1, 2)])
    with pytest.raises(UserError, match=r"has no column c\n  it has .*take the table as published"):
        RawFiles(tmp_path).read("t.csv", ["b", "c"])


def test_what_is_unknown_about_a_person_is_left_out():
    assert person("57.0", "F", device="X ") == {"age": "57", "sex": "female", "device": "X"}
    assert person("NaN", "Unknown", source="") == {}
    assert [age_years(text) for text in ("300", "-1", "", "2.5")] == ["90", "", "", "2.5"]


def test_tables_without_any_recording_are_refused():
    named = PublicSet("x", "X", "https://example.org", "CC0")
    with pytest.raises(UserError, match=r"any of 1 recordings \(a: no such file"):
        named.raw_set(("n",), "classes", [], {"a": "no such file: a.hea"})
    with pytest.raises(UserError, match="no record with these options"):
        named.raw_set(("n",), "classes", [], {})
