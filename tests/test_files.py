"""Files that appear whole or not at all."""

from __future__ import annotations

import json

import pytest

from src.files import remove_half_written, whole, whole_text, write_json, write_text


def test_a_file_is_there_when_it_is_complete_and_its_folder_is_made(tmp_path):
    path = tmp_path / "new" / "data.bin"
    with whole(path) as stream:
        stream.write(b"12")
        assert not path.exists()
    assert path.read_bytes() == b"12"
    assert [entry.name for entry in path.parent.iterdir()] == ["data.bin"]


@pytest.mark.parametrize("writer", [whole, whole_text])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, writer):
    path = tmp_path / "data.txt"
    write_text(path, "old")

    def interrupted() -> None:
        with writer(path) as stream:
            stream.write(b"new" if writer is whole else "new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["data.txt"]


def test_text_is_written_as_it_is(tmp_path):
    with whole_text(tmp_path / "text") as stream:
        stream.write("a\r\nb\n")
        stream.write("é")
    assert (tmp_path / "text").read_bytes() == "a\r\nb\né".encode()


def test_json_keeps_letters(tmp_path):
    write_json(tmp_path / "x.json", {"Jürgen": [1, None]})
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert "Jürgen" in text
    assert json.loads(text) == {"Jürgen": [1, None]}


def test_what_a_killed_process_began_can_be_removed(tmp_path):
    begun = whole(tmp_path / "data.npz")
    begun.__enter__().close()
    (tmp_path / ".notes").touch()
    (tmp_path / "mine.tmp").touch()
    assert len(list(tmp_path.iterdir())) == 3
    remove_half_written(tmp_path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".notes", "mine.tmp"]
