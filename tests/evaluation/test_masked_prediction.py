from dataclasses import replace

import numpy as np
import pytest
from invented_stages import summaries

from src.evaluation.masked_prediction import MaskedScores, diagnosis, masked_scores
from src.evaluation.masked_prediction_page import masked_section


def drawn(share, records=200, tokens=20, seed=0):
    return np.random.default_rng(seed).choice(len(share), (records, tokens), p=share)


def test_one_who_knows_the_frequencies_alone_gains_nothing():
    share = np.array([0.5, 0.25, 0.125, 0.125])
    codes = drawn(share)
    found = masked_scores(codes, summaries(np.log(np.broadcast_to(share, (*codes.shape, 4))), codes), np.zeros(200))
    assert found.gain == pytest.approx(0, abs=0.005)
    assert found.entropy == pytest.approx(1.75 * np.log(2), abs=0.02)
    assert found.accuracy == found.most_frequent == pytest.approx(0.5, abs=0.02)
    assert "learnt nothing beyond their frequencies" in diagnosis(found)


def test_frequencies_are_those_of_the_subject():
    """Two subjects with a code each: knowing who it is is all there is, and it is no gain."""
    codes = np.repeat([[0], [1]], 5, axis=1)
    found = masked_scores(codes, summaries(20.0 * np.eye(2)[codes], codes), np.array(["a", "b"]))
    assert (found.entropy, found.most_frequent, found.accuracy) == (0, 1, 1)


def test_a_perfect_prediction_gains_the_entropy():
    codes = drawn(np.full(8, 1 / 8))
    found = masked_scores(codes, summaries(50.0 * np.eye(8)[codes], codes), np.zeros(200))
    assert found.gain == pytest.approx(np.log(8), abs=0.01)
    assert (found.accuracy, found.top5) == (1, 1)
    assert "predicts hidden tokens" in diagnosis(found)


def test_copying_the_neighbour_is_right_where_codes_stay():
    codes = np.repeat(drawn(np.full(4, 0.25), tokens=4), 5, axis=1)  # each code for five tokens
    found = masked_scores(codes, summaries(np.zeros((*codes.shape, 4)), codes), np.zeros(200))
    assert found.copied == pytest.approx((16 + 3 / 4) / 19, abs=0.02)


def scores_with(loss, entropy=2.0, codes=9):
    return MaskedScores(100, 0.5, 0.8, loss, entropy, 0.3, 0.1, codes)


@pytest.mark.parametrize(("found", "said"), [
    (scores_with(2.5), "0.50 nat over the entropy of the codes (2.00): it predicts worse"),
    (scores_with(1.98), "0.02 nat under the entropy of the codes (2.00): it has learnt nothing beyond their freq"),
    (scores_with(1.94), "predicts hidden tokens from the others."),
    (scores_with(1.5), "predicts hidden tokens from the others."),
    (scores_with(0.0, 0.0, codes=1), "All tokens have one code"),
])
def test_the_verdict_is_the_gain_over_the_frequencies(found, said):
    assert said in diagnosis(found)


def test_copying_is_named_only_where_it_would_be_better():
    assert "Copying" not in diagnosis(scores_with(1.0))
    assert "Copying" in diagnosis(replace(scores_with(1.0), copied=0.6))


def test_the_section_has_a_row_per_subject_and_accuracy_by_place():
    codes = drawn(np.full(4, 0.25), records=6)
    logits = 9.0 * np.eye(4)[codes]
    logits[:, 3] = 0
    logits[:, 3, 0] = 1  # at the fourth place always code 0
    section = masked_section(codes, summaries(logits, codes), np.array(["a", "a", "b", "b", "b", "b"]))
    assert [row[0] for row in section.table.rows] == ["all", "a", "b"]
    assert section.values["subjects"]["a"]["tokens"] == 40
    places = section.values["accuracy_by_place"]
    assert places[3] == pytest.approx((codes[:, 3] == 0).mean())
    assert places[0] == 1
