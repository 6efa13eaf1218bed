"""The journal after every kind of interruption."""

from __future__ import annotations

import os

import pytest

from src.data.prepare.journal import Journal, read_journal
from src.errors import UserError


def write(path, count):
    with Journal(path) as journal:
        journal.cut(0)
        for number in range(count):
            journal.append({"record": f"r{number}", "note": "é\n"})


def test_what_was_appended_is_read(tmp_path):
    write(tmp_path / "j", 3)
    entries, ends = read_journal(tmp_path / "j")
    assert [entry["record"] for entry in entries] == ["r0", "r1", "r2"]
    assert ends[-1] == (tmp_path / "j").stat().st_size
    assert read_journal(tmp_path / "none") == ([], [])


def test_torn_at_any_byte_the_whole_lines_before_count(tmp_path):
    write(tmp_path / "j", 3)
    whole = (tmp_path / "j").read_bytes()
    _, ends = read_journal(tmp_path / "j")
    for length in range(len(whole)):
        (tmp_path / "j").write_bytes(whole[:length])
        assert len(read_journal(tmp_path / "j")[0]) == sum(end <= length for end in ends)


def test_appending_goes_on_behind_the_last_whole_line(tmp_path):
    write(tmp_path / "j", 3)
    os.truncate(tmp_path / "j", (tmp_path / "j").stat().st_size - 4)
    with Journal(tmp_path / "j") as journal:
        _, ends = read_journal(tmp_path / "j")
        journal.cut(ends[-1])
        journal.append({"record": "new"})
    assert [entry["record"] for entry in read_journal(tmp_path / "j")[0]] == ["r0", "r1", "new"]


def test_a_damaged_line_before_the_last_is_named(tmp_path):
    write(tmp_path / "j", 3)
    lines = (tmp_path / "j").read_bytes().split(b"\n")
    (tmp_path / "j").write_bytes(b"\n".join([lines[0], b"{oops", *lines[2:]]))
    with pytest.raises(UserError, match="line 2 is damaged"):
        read_journal(tmp_path / "j")


def test_two_cannot_append(tmp_path, monkeypatch):
    monkeypatch.setattr("src.data.prepare.journal.PATIENCE_S", 0.1)
    with Journal(tmp_path / "j"), pytest.raises(UserError, match="written by another process"), Journal(tmp_path / "j"):
        pass


def test_samples_reach_the_disk_before_their_lines(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(os, "fsync", lambda file: order.append("journal"))
    with Journal(tmp_path / "j") as journal:
        assert not journal.is_due
        journal.sync(lambda: order.append("samples"))
    assert order == ["samples", "journal"]
