import numpy as np
import pytest

from src.evaluation import retrieval
from src.evaluation.retrieval import class_similarities, retrieval_section, retrieve


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_nearest_trial_of_another_subject_decides():
    embeddings = np.eye(3)[[0, 1, 0, 1, 0]]
    labels, subjects = np.array([0, 1, 0, 1, 1]), np.array(["a", "a", "b", "b", "c"])
    found = retrieve(embeddings, labels, subjects)
    assert found.right.tolist() == [True, True, True, True, False]
    assert found.chance.tolist() == pytest.approx([1 / 3, 2 / 3, 1 / 3, 2 / 3, 2 / 4])
    assert found.top1 == 0.8


def test_words_that_no_other_subject_says_are_left_out():
    found = retrieve(np.eye(3), np.array([0, 0, 1]), np.array(["a", "b", "b"]))
    assert len(found.right) == 2


def test_one_subject_is_searched_without_the_trial_itself():
    embeddings = unit(np.array([[1, 0.0], [1, 0.1], [0, 1], [0.1, 1]]))
    found = retrieve(embeddings, np.array([0, 0, 1, 1]), np.array(["a"] * 4))
    assert found.top1 == 1
    assert found.expected == pytest.approx(1 / 3)


def test_random_embeddings_are_right_by_chance():
    rng = np.random.default_rng(0)
    labels, subjects = rng.integers(0, 5, 2000), rng.integers(0, 3, 2000)
    found = retrieve(unit(rng.normal(size=(2000, 8))), labels, subjects)
    assert found.expected == pytest.approx(0.2, abs=0.01)
    assert abs(found.top1 - found.expected) < 4 * found.error


def test_chunks_do_not_change_the_answer(monkeypatch):
    rng = np.random.default_rng(1)
    data = unit(rng.normal(size=(50, 4))), rng.integers(0, 3, 50), rng.integers(0, 2, 50)
    whole = retrieve(*data)
    monkeypatch.setattr(retrieval, "CHUNK", 7)
    assert retrieve(*data).right.tolist() == whole.right.tolist()


@pytest.mark.parametrize("people", [1, 3])
def test_similarities_of_words_are_means_over_pairs_of_trials(people):
    rng = np.random.default_rng(2)
    embeddings, labels, subjects = unit(rng.normal(size=(30, 4))), rng.integers(0, 3, 30), np.arange(30) % people
    found = class_similarities(embeddings, labels, subjects, 4)
    pairs = [(i, j) for i in range(30) for j in range(30)
             if i != j and (people == 1 or subjects[i] != subjects[j]) and (labels[i], labels[j]) == (0, 1)]
    assert found[0, 1] == pytest.approx(np.mean([embeddings[i] @ embeddings[j] for i, j in pairs]))
    same = [(i, j) for i in range(30) for j in range(30)
            if i != j and (people == 1 or subjects[i] != subjects[j]) and labels[i] == labels[j] == 2]
    assert found[2, 2] == pytest.approx(np.mean([embeddings[i] @ embeddings[j] for i, j in same]))
    assert np.isnan(found[3]).all()


def test_the_section_compares_with_before_and_with_chance():
    labels, subjects = np.arange(40) % 4, np.arange(40) // 20
    good, bad = np.eye(4)[labels], np.eye(4)[(labels + subjects) % 4]
    found = {"before": retrieve(bad, labels, subjects), "after": retrieve(good, labels, subjects)}
    tables = {stage: class_similarities(one, labels, subjects, 4) for stage, one in (("before", bad), ("after", good))}
    section = retrieval_section(found, tables, tuple("wxyz"), ["001", "002"])
    assert section.text.startswith("The nearest trial of another subject has the same word for 100.0 % of the trials; "
                                   "by chance 25.0 %, before the alignment 0.0 %. It beats chance")
    assert section.values["after"]["top1"] == 1
    assert [row[0] for row in section.table.rows] == ["before", "after", "trials of 001", "trials of 002"]
