from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.data.dataset import Records
from src.data.splits import check_leaks, load_splits, save_splits, split
from src.errors import UserError


def make_records(label, subject=None, subset=None) -> Records:
    label = np.asarray(label)
    n = len(label)
    return Records(np.array([f"r{i}" for i in range(n)]), np.array(subject if subject is not None else [""] * n, str),
                   label, np.array(subset if subset is not None else [""] * n, str), np.ones(n, np.int64))


def assert_partition(parts, rows):
    together = np.concatenate(list(parts.values()))
    assert sorted(together.tolist()) == sorted(rows)
    assert all((np.diff(part) > 0).all() for part in parts.values())


@settings(max_examples=40, deadline=None)
@given(data=st.data(), n=st.integers(12, 80), multilabel=st.booleans(), folds=st.sampled_from([None, 3, 4]))
def test_parts_are_disjoint_and_complete_and_no_subject_crosses(data, n, multilabel, folds):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    subject = np.array([f"s{i % 11}" if i < n // 2 or i < 11 else "" for i in range(n)])
    label = (rng.random((n, 3)) < 0.3).astype(np.float32) if multilabel else rng.integers(0, 3, n)
    records = make_records(label, subject)
    for fold in range(folds or 1):
        parts = split(records, fold=fold if folds else None, folds=folds, seed=4)
        assert_partition(parts, range(n))
        assert all(len(part) for part in parts.values())
        train, valid, test = (set(subject[rows]) - {""} for rows in parts.values())
        assert not train & valid | train & test | valid & test


@settings(max_examples=25, deadline=None)
@given(counts=st.lists(st.integers(5, 40), min_size=2, max_size=5), folds=st.sampled_from([3, 5]))
def test_folds_of_single_records_hold_each_class_as_evenly_as_sklearn(counts, folds):
    label = np.repeat(np.arange(len(counts)), counts)
    tests = [split(make_records(label), fold=fold, folds=folds, seed=1)["test"] for fold in range(folds)]
    assert sorted(np.concatenate(tests).tolist()) == list(range(len(label)))
    per_fold = np.array([np.bincount(label[rows], minlength=len(counts)) for rows in tests])
    assert (per_fold.max(axis=0) - per_fold.min(axis=0) <= 1).all()


def test_shares_hold_for_every_class():
    label = np.repeat([0, 1, 2, 3], [600, 350, 260, 90])
    parts = split(make_records(label), seed=0)
    for name, share in zip(("train", "valid", "test"), (0.8, 0.1, 0.1)):
        assert np.allclose(np.bincount(label[parts[name]]), share * np.bincount(label), atol=1)


def test_labels_of_which_some_are_not_known_are_spread_alike():
    label = np.zeros((200, 2), np.float32)
    label[:40, 0], label[100:120, 1] = 1, 1
    label[np.random.default_rng(0).permutation(200)[:100], 0] = np.nan
    parts = split(make_records(label), ratio=(0.5, 0.25, 0.25))
    there = {name: np.nansum(label[rows], 0) for name, rows in parts.items()}
    np.testing.assert_allclose(there["valid"], np.nansum(label, 0) / 4, atol=1)
    np.testing.assert_allclose(there["train"], np.nansum(label, 0) / 2, atol=1)


def test_a_split_is_a_function_of_the_seed():
    records = make_records(np.arange(60) % 2)
    assert all((split(records, seed=1)[name] == split(records, seed=1)[name]).all() for name in ("train", "test"))
    assert split(records, seed=1)["test"].tolist() != split(records, seed=2)["test"].tolist()


def test_official_parts_are_kept_and_the_missing_one_is_cut_from_training():
    subset = ["train"] * 40 + ["test"] * 10
    parts = split(make_records(np.arange(50) % 2, subset=subset), seed=0)
    assert parts["test"].tolist() == list(range(40, 50))
    assert len(parts["valid"]) in (4, 5)
    assert_partition(parts, range(50))


def test_folds_pool_official_parts_but_never_touch_the_official_test_part():
    subset = ["train"] * 30 + ["valid"] * 10 + ["test"] * 10
    records = make_records(np.arange(50) % 2, subset=subset)
    tests = [split(records, fold=fold, folds=4, seed=0)["test"] for fold in range(4)]
    assert sorted(np.concatenate(tests).tolist()) == list(range(40))


def test_further_official_parts_stay():
    parts = split(make_records([0, 1] * 10, subset=["train"] * 16 + ["valid", "other", "test", "test"]), seed=0)
    assert parts["other"].tolist() == [17]


def test_leaving_one_group_out_by_as_many_folds_as_groups():
    groups = np.repeat(["a", "b", "c", "d"], [5, 9, 4, 6])
    records = make_records(np.tile([0, 1], 12), groups)
    left_out = [set(groups[split(records, fold=fold, folds=4, seed=0)["test"]]) for fold in range(4)]
    assert sorted(name for part in left_out for name in part) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(("options", "said"), [
    ({"ratio": (0.8, 0.2)}, "three shares"), ({"ratio": (0, 0.5, 0.5)}, "first above zero"),
    ({"fold": 1}, "belong together"), ({"fold": 5, "folds": 5}, "expected 0 to 4"),
])
def test_senseless_wishes_are_refused(options, said):
    with pytest.raises(UserError, match=said):
        split(make_records([0, 1] * 10), seed=0, **options)


def test_too_few_subjects_are_refused():
    with pytest.raises(UserError, match="2 subjects or records cannot be split into 3 parts"):
        split(make_records([0, 1] * 10, ["a", "b"] * 10), seed=0)


def test_training_on_everything_leaves_the_other_parts_empty():
    parts = split(make_records([0, 1] * 4), ratio=(1, 0, 0), seed=0)
    assert [len(parts[name]) for name in ("train", "valid", "test")] == [8, 0, 0]


def test_a_subject_in_two_parts_is_a_leak(tiny):
    with pytest.raises(UserError, match=r"2 subjects in both train and test: s0, s1"):
        check_leaks(tiny, {"train": np.array([0, 1, 2]), "test": np.array([4, 5])})


def test_a_byte_identical_recording_in_two_parts_is_a_leak(tiny):
    tiny.content_hash = lambda row: hashlib.md5(str(row % 6).encode()).hexdigest()
    with pytest.raises(UserError, match=r"1 byte-identical recording in both train and valid: r000 = r006"):
        check_leaks(tiny, {"train": np.array([0, 4]), "valid": np.array([6])})


def test_validating_on_exactly_the_training_records_is_no_accident(tiny):
    few = np.array([0, 1, 2])
    assert "nothing leaks" in check_leaks(tiny, {"train": few, "valid": few.copy(), "test": np.array([3])})


def test_a_clean_split_says_what_was_compared(tiny):
    said = check_leaks(tiny, {"train": np.array([0, 4, 8]), "test": np.array([1, 5, 9])})
    assert said.startswith("nothing leaks: 2 subjects")


def test_saved_splits_survive_another_order_of_the_records(tmp_path):
    records = make_records(np.arange(30) % 2)
    parts = split(records, seed=0)
    save_splits(tmp_path / "splits.json", records, parts)
    turned = records.take(np.arange(30)[::-1])
    loaded = load_splits(tmp_path / "splits.json", turned)
    assert {name: set(turned.record[rows]) for name, rows in loaded.items()} == \
        {name: set(records.record[rows]) for name, rows in parts.items()}


def test_splits_of_other_data_are_refused(tmp_path):
    records = make_records(np.arange(30) % 2)
    save_splits(tmp_path / "splits.json", records, split(records, seed=0))
    with pytest.raises(UserError, match=r"20 records of .* are not in these data"):
        load_splits(tmp_path / "splits.json", records.take(np.arange(10)))
    (tmp_path / "bad.json").write_text("[1, 2")
    with pytest.raises(UserError, match="not a file of splits"):
        load_splits(tmp_path / "bad.json", records)
