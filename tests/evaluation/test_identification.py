"""Each probe against the whole gallery."""

from __future__ import annotations

import numpy as np

from src.evaluation.identification import identification_section, identify

EMBEDDINGS = np.array([[1.0, 0], [0, 2], [-3, 0], [5, 1], [0.1, 9], [4, -1]])
ROLES = np.array(["gallery", "gallery", "gallery", "probe", "probe", "probe"])
PEOPLE = np.array(["a", "b", "c", "a", "b", "c"])


def test_a_probe_is_right_when_the_nearest_of_the_gallery_is_of_its_person():
    found = identify(EMBEDDINGS, PEOPLE, ROLES)
    assert found.right.tolist() == [True, True, False]
    assert found.top1 == 2 / 3
    assert found.expected == 1 / 3


def test_order_and_length_of_embeddings_do_not_matter():
    order = np.array([4, 2, 5, 0, 3, 1])
    found = identify(EMBEDDINGS[order] * np.arange(1, 7)[:, None], PEOPLE[order], ROLES[order])
    assert sorted(zip(found.subject.tolist(), found.right.tolist())) == [("a", True), ("b", True), ("c", False)]


def test_a_probe_of_nobody_in_the_gallery_is_wrong_and_without_a_gallery_nothing_is_known():
    assert identify(EMBEDDINGS, np.array([*"abc", *"xbc"]), ROLES).right.tolist() == [False, True, False]
    assert np.isnan(identify(EMBEDDINGS[:2], PEOPLE[:2], np.array(["probe", "probe"])).top1)


def test_the_section_tells_accuracy_and_chance():
    section = identification_section(identify(EMBEDDINGS, PEOPLE, ROLES), 3)
    assert "66.7" in section.text
    assert "33.3" in section.text
    assert section.values["accuracy"] == 2 / 3
