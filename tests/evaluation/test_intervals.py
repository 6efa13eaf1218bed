import numpy as np
import pytest
from invented import invented

from src.data.signal import TargetSpec
from src.evaluation.intervals import bootstrap, draw_weights, resampling_units
from src.evaluation.metrics import compute

WORDS = TargetSpec("classes", tuple("abcd"))


def test_an_interval_of_accuracy_is_that_of_the_binomial():
    labels, scores = invented("classes", 4, 400)
    found = bootstrap(WORDS, labels, scores).overall["accuracy"]
    accuracy = compute(WORDS, labels, scores)["accuracy"]
    width = 1.96 * np.sqrt(accuracy * (1 - accuracy) / 400)
    assert (found.low, found.high) == pytest.approx((accuracy - width, accuracy + width), abs=0.01)


def test_a_draw_scores_like_a_repeated_data_set():
    """The weights stand for repetitions: check one draw against the records written out."""
    from src.evaluation.metrics import weighted

    labels, scores = invented("multilabel", 3, 60)
    target = TargetSpec("multilabel", tuple("abc"))
    weights = draw_weights(np.arange(60) // 3, 5, np.random.default_rng(1))
    under_weights, _ = weighted(target, labels, scores, weights)
    for draw in range(5):
        rows = np.repeat(np.arange(60), weights[:, draw].astype(int))
        assert {name: value[draw] for name, value in under_weights.items()} == pytest.approx(
            compute(target, labels[rows], scores[rows]))


def test_subjects_are_drawn_whole_and_widen_the_interval():
    labels, _ = invented("classes", 4, 300)
    subjects = np.arange(300) // 10
    right = subjects % 2 == 0  # a subject is right or wrong as a whole
    scores = np.eye(4)[np.where(right, labels, (labels + 1) % 4)]
    by_subject = bootstrap(WORDS, labels, scores, subjects.astype(str))
    by_record = bootstrap(WORDS, labels, scores)
    width = lambda found: found.overall["accuracy"].high - found.overall["accuracy"].low  # noqa: E731
    assert (by_subject.unit, by_subject.units, by_record.unit) == ("subject", 30, "record")
    assert width(by_subject) > 2.5 * width(by_record)
    weights = draw_weights(subjects, 7, np.random.default_rng(0)).reshape(30, 10, 7)
    assert (weights == weights[:, :1]).all()
    assert (weights[:, 0].sum(0) == 30).all()


@pytest.mark.parametrize(("subjects", "unit"), [([""] * 20, "record"), (["a", "b"] * 10, "record"),
                                                (list("abcde") * 4, "subject"), (None, "record")])
def test_few_or_unknown_subjects_are_drawn_by_record(subjects, unit):
    assert resampling_units(None if subjects is None else np.array(subjects), 20)[0] == unit


def test_records_without_a_subject_are_units_of_their_own():
    unit, owner = resampling_units(np.array([*"abcdea", "", ""]), 8)
    assert (unit, len(set(owner.tolist())), owner[0] == owner[5]) == ("subject", 7, True)


def test_draws_that_lose_a_class_are_not_used_and_counted():
    labels, scores = invented("classes", 4, 60)
    labels[labels == 3] = 0
    labels[0] = 3  # one record: about 1/e of the draws miss it
    found = bootstrap(WORDS, labels, scores)
    assert found.overall["accuracy"].usable == 1000
    assert 550 < found.overall["auroc"].usable < 720
    assert found.usable == found.overall["f1_macro"].usable == found.overall["auroc"].usable


def test_too_few_usable_draws_give_no_interval():
    labels, scores = invented("classes", 4, 8)
    found = bootstrap(WORDS, np.arange(8) // 2, scores, draws=90)
    assert found.overall["accuracy"] is None
    assert labels.shape == (8,)


def test_the_same_seed_gives_the_same_interval_also_in_chunks(monkeypatch):
    from src.evaluation import intervals

    labels, scores = invented("classes", 4, 50)
    first = bootstrap(WORDS, labels, scores, seed=1)
    assert first == bootstrap(WORDS, labels, scores, seed=1)
    assert first != bootstrap(WORDS, labels, scores, seed=2)
    monkeypatch.setattr(intervals, "CHUNK", 5000)
    assert bootstrap(WORDS, labels, scores, seed=1) == first


def test_the_size_of_a_usual_test_part_takes_seconds():
    import time

    labels, scores = invented("multilabel", 8, 3500)
    started = time.process_time()
    bootstrap(TargetSpec("multilabel", tuple("abcdefgh")), labels, scores)
    assert time.process_time() - started < 10
