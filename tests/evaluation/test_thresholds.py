import numpy as np
import pytest

from src.evaluation.thresholds import RULES, choose


@pytest.fixture
def invented_chances():
    rng = np.random.default_rng(3)
    labels = (rng.random((300, 4)) < [0.05, 0.2, 0.5, 0.9]).astype(float)
    return labels, 1 / (1 + np.exp(-(rng.normal(size=labels.shape) + 1.5 * labels - 1)))


def test_no_other_threshold_gives_a_larger_f1(invented_chances):
    labels, chances = invented_chances
    found = choose("f1", labels, chances)

    def f1(k, step):
        said = chances[:, k] >= step
        return 2 * (said * labels[:, k]).sum() / (said.sum() + labels[:, k].sum())

    for k in range(4):
        assert f1(k, found[k]) == max(f1(k, step) for step in chances[:, k])
    assert f1(0, found[0]) > f1(0, 0.5)


def test_no_other_threshold_gives_a_larger_youden_index(invented_chances):
    labels, chances = invented_chances
    found = choose("youden", labels, chances)

    def index(k, step):
        said = chances[:, k] >= step
        return said[labels[:, k] == 1].mean() - said[labels[:, k] == 0].mean()

    for k in range(4):
        assert index(k, found[k]) == pytest.approx(max(index(k, step) for step in chances[:, k]))


def test_gbeta_misses_fewer_than_f1_does(invented_chances):
    labels, chances = invented_chances
    assert (choose("gbeta", labels, chances) <= choose("f1", labels, chances) + 1e-9).all()


@pytest.mark.parametrize("rule", RULES)
def test_a_label_that_nobody_or_everybody_has_keeps_one_half(rule):
    labels = np.array([[0, 1, 0], [0, 1, 1], [0, 1, 0]])
    found = choose(rule, labels, np.array([[0.1, 0.2, 0.1], [0.9, 0.2, 0.8], [0.3, 0.2, 0.2]]))
    assert found[:2].tolist() == [0.5, 0.5]
    assert 0.2 < found[2] <= 0.8 or rule == "gbeta"


def test_ties_are_given_or_refused_together():
    labels, chances = np.array([[1], [1], [0], [0]]), np.array([[0.7], [0.4], [0.4], [0.1]])
    assert choose("f1", labels, chances).tolist() == [0.4]
