import numpy as np
import pytest
from invented_stages import code_use

from src.evaluation.codebook import (
    CodeUse,
    carrying,
    diagnosis,
    entropy,
    information,
    information_per_code,
    joint_counts,
    meaning,
    perplexity,
    shuffled,
)
from src.evaluation.codebook_page import codebook_section


def test_the_perplexity_of_equal_use_is_the_number_of_codes_in_use():
    assert perplexity(np.array([5, 5, 5, 5, 0, 0])) == pytest.approx(4)
    assert entropy(np.array([3, 1])) == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert (entropy(np.zeros(4)), perplexity(np.array([0, 7]))) == (0, 1)


@pytest.mark.parametrize(("counts", "expected"), [([95, 5], 1), ([94, 6], 2), ([10] * 20, 19), ([0, 4, 0], 1),
                                                  ([0, 0], 0)])
def test_the_fewest_codes_that_carry_the_tokens_are_counted(counts, expected):
    assert carrying(np.array(counts), 0.95) == expected


def test_codes_that_are_the_class_tell_all_of_it_and_independent_ones_nothing():
    joint = np.diag([10, 10])
    assert information_per_code(joint) == pytest.approx([np.log(2) / 2] * 2)
    assert information_per_code(np.full((3, 4), 7)) == pytest.approx(np.zeros(4))


def test_parts_of_the_information_add_up_to_the_difference_of_entropies():
    rng = np.random.default_rng(0)
    codes, labels = rng.integers(0, 9, (40, 5)), rng.integers(0, 3, 40)
    joint = joint_counts(codes, labels, 9, 3)
    found = information_per_code(joint)
    assert found.sum() == pytest.approx(entropy(joint.sum(0)) + entropy(joint.sum(1)) - entropy(joint.ravel()))
    assert (found >= 0).all()


def test_records_without_a_class_are_left_out():
    joint = joint_counts(np.array([[0, 1], [1, 1]]), np.array([-1, 0]), 2, 1)
    assert joint.tolist() == [[0, 2]]


def test_labels_are_shuffled_within_a_subject_alone():
    labels, subjects = np.array([0, 1, 2, 5, 6, 7]), np.array([0, 0, 0, 1, 1, 1])
    found = shuffled(labels, subjects, np.random.default_rng(3))
    assert sorted(found[:3]) == [0, 1, 2]
    assert sorted(found[3:]) == [5, 6, 7]
    assert found.tolist() != labels.tolist()


def gathered(codes, labels, size, subjects=None):
    use = CodeUse(size)
    use.add(codes, labels, np.zeros(len(labels), int) if subjects is None else subjects)
    return use


def test_shuffled_labels_show_what_counts_alone_give():
    rng = np.random.default_rng(1)
    labels = np.arange(60) % 3
    useless = information(gathered(rng.integers(0, 20, (60, 8)), labels, 20), 3)
    useful = information(gathered((rng.integers(0, 4, (60, 8)) + 5 * labels[:, None]), labels, 20), 3)
    assert not useless.stands_out
    assert useless.total > 0.02  # never 0: a finite table
    assert useful.stands_out
    assert useful.total == pytest.approx(np.log(3), abs=1e-9)
    assert "do not differ" in meaning(useless, 3)
    assert "codes differ between the 3 classes" in meaning(useful, 3)


def test_mean_segments_are_those_of_their_codes_over_several_batches():
    rng = np.random.default_rng(2)
    shapes = rng.normal(size=(5, 2, 10))
    use = CodeUse(5)
    for _ in range(3):
        codes = rng.integers(0, 4, (6, 7))  # code 4 never
        signal = shapes[codes].transpose(0, 2, 1, 3).reshape(6, 2, 70)
        use.add(codes, np.zeros(6, int), np.zeros(6, int))
        use.add_segments(codes, signal)
    assert use.waveforms()[:4] == pytest.approx(shapes[:4])
    assert not use.waveforms()[4].any()
    assert use.explained() == pytest.approx(1)
    assert use.histogram().sum() == 3 * 6 * 7


def test_segments_of_one_subject_do_not_change_the_counts_of_all():
    use = gathered(np.zeros((2, 3), int), np.zeros(2, int), 2)
    use.add_segments(np.zeros((1, 3), int), np.ones((1, 1, 12)))
    assert use.histogram().tolist() == [6, 0]
    assert use.waveforms()[0].tolist() == [[1.0] * 4]


@pytest.mark.parametrize(("counts", "said"), [
    ([1000] + [0] * 63, "has collapsed: 1 of 64 codes carries"),
    ([1000, 1000] + [1000] * 3 + [0] * 507, "quantizer.codex_size=16"),
    ([2] * 64, "too few to tell dead codes from rare ones"),
    ([50] * 64, "in use: 61 of 64 codes carry 95 % of the tokens, perplexity 64"),
])
def test_the_diagnosis_says_what_is_wrong_and_what_to_do(counts, said):
    assert said in diagnosis(np.array(counts))


def test_the_section_tells_of_subjects_classes_and_waveforms():
    section = codebook_section(code_use(), 1000.0, ["A", "B", "C", "D"], ["001", "002"], tuple("abcdef"))
    assert [part.title for part in section.parts] == ["Codes by subject", "Codes by class", "What the codes look like"]
    assert section.values["live"] + section.values["dead"] == 64
    assert section.values["entropy_nat"] <= section.values["largest_entropy_nat"]
    by_subject = section.parts[0].table
    assert [row[0] for row in by_subject.rows] == ["001", "002"]


def test_unlabelled_data_have_no_part_on_classes():
    section = codebook_section(code_use(classes=1, subjects=1), 1000.0, ["A", "B", "C", "D"], ["001"])
    assert [part.title for part in section.parts] == ["What the codes look like"]
