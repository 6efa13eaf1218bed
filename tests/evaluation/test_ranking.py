import numpy as np
import pytest

from src.evaluation.ranking import areas, auroc


@pytest.mark.parametrize("decimals", [1, 8])  # with many ties, and without
def test_the_fast_auroc_is_the_area_under_the_curve_for_every_weighting(decimals):
    rng = np.random.default_rng(0)
    positive = (rng.random(300) < 0.2).astype(float)
    score = np.round(rng.normal(size=300) + positive, decimals)
    weights = rng.integers(0, 4, (300, 50)).astype(float)
    assert auroc(positive, score, weights) == pytest.approx(areas(positive, score, weights)[0])


def test_a_draw_without_one_of_the_kinds_has_no_auroc():
    weights = np.array([[1.0, 0, 1], [1, 1, 0], [1, 1, 0]])
    found = auroc(np.array([1.0, 0, 0]), np.array([0.9, 0.1, 0.2]), weights)
    assert found[0] == 1
    assert np.isnan(found[1:]).all()
    assert np.isnan(auroc(np.zeros(3), np.arange(3.0), weights)).all()
