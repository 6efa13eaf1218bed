import numpy as np
import pytest

from src.evaluation.channel_map import channel_section, half, ranking


def test_channels_are_ranked_by_their_share_without_padding():
    found = ranking(np.array([1.0, 6.0, 3.0, 90.0]), ("A", "B", "C"))
    assert [name for name, _ in found] == ["B", "C", "A"]
    assert [share for _, share in found] == pytest.approx([0.6, 0.3, 0.1])
    assert half(found) == 1
    assert half(ranking(np.ones(10), tuple("abcdefghij"))) == 5


def test_each_subject_has_its_own_channels():
    section = channel_section(np.array([[1.0, 2.0], [5.0, 1.0]]), ["001", "002"], [("A", "B"), ("C", "D")])
    assert section.text == "The network listens most to 001: B, A; 002: C, D."
    assert section.values["002"]["C"] == pytest.approx(5 / 6)
    assert len(section.figure.axes) == 2


def test_one_subject_needs_no_table():
    section = channel_section(np.array([[1.0, 2.0, 4.0, 3.0]]), ["all subjects"], [("A", "B", "C", "D")])
    assert section.text == "The network listens most to C, D, B."
    assert section.table is None
