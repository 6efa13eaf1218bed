"""Du-IN's splits, augmentation, schedules and report rule."""

from __future__ import annotations

import numpy as np

from src.data.duin_split import (
    RandomState,
    join_subjects,
    shuffle_runs,
    split_files,
    split_trials,
    standardize,
)
from src.data.transforms import shifted
from src.evaluation.duin_report import logged_cross_entropy, reported_epoch
from src.trainer.schedule import epoch_cosine
from tests.golden.folder import Case


def lr_schedules(case: Case) -> None:
    arrays = case.arrays()
    assert set(arrays) == set(case.hyper)
    for name, stored in arrays.items():
        hyper = case.hyper[name]
        lowest, highest = hyper["lr_factors"]
        rates = [epoch_cosine(epoch, hyper["n_epochs"], hyper["warmup_epochs"], highest, lowest)
                 for epoch in range(hyper["n_epochs"])]
        case.same(name, rates, stored)


def splits_cls(case: Case) -> None:
    """`trial_word_idx` and the signals are in file order, everything else in loaded order."""
    arrays, rng = case.arrays(), RandomState(case.entry["seed"])
    order = shuffle_runs(arrays["input/trial_run"], rng)
    labels = arrays["input/trial_word_idx"][order]
    signals, mean, std = standardize(arrays["input/X_file_order"][order].transpose(0, 2, 1))
    split = join_subjects([split_trials(labels, signals, rng, case.hyper["train_ratio"])], rng)
    case.same("loaded_order_file_ids", order, arrays["output/loaded_order_file_ids"])
    case.same("loaded_labels", labels, arrays["output/loaded_labels"])
    for name, rows in zip(("train", "validation", "test"), split):
        case.same(f"{name}_idxs", rows, arrays[f"output/{name}_idxs"])
        case.same(f"{name}_labels", labels[rows], arrays[f"output/{name}_labels"])
    for name, rows in (("train", split.train), ("test", split.test)):
        case.same(f"X_{name}_first3", signals[rows[:3]].transpose(0, 2, 1), arrays[f"output/X_{name}_first3"])
    case.same("zscore_mean", mean, arrays["output/zscore_mean"])
    case.same("zscore_std", std, arrays["output/zscore_std"])
    words = rng.get_state(legacy=False)["state"]["key"]
    stored = arrays["output/np_random_state_head"]
    case.same("np_random_state_head", words[: len(stored)].astype(np.int64), stored)


def splits_pretrain(case: Case) -> None:
    arrays, seed, ratios = case.arrays(), case.entry["seed"], case.hyper["split_ratio"]
    names = ("train_ids", "validation_ids", "test_ids")
    for name, rows in zip(names, split_files(arrays["input/subj_idx"], RandomState(seed), ratios)):
        case.same(name, rows, arrays[f"output/{name}"])
    files = sum(len(arrays[f"output/one_subject_{name}"]) for name in names)
    for name, rows in zip(names, split_files(np.zeros(files, dtype=int), RandomState(seed + 1), ratios)):
        case.same(f"one_subject_{name}", rows, arrays[f"output/one_subject_{name}"])


def augment_shift(case: Case) -> None:
    arrays, rng = case.arrays(), RandomState(case.entry["seed"])
    items = arrays["input/X"].transpose(0, 2, 1)
    reach = np.arange(-case.hyper["max_steps"], case.hyper["max_steps"] + 1)
    shifts = [int(rng.choice(reach)) for _ in arrays["output/shifts_drawn"]]
    case.same("shifts_drawn", shifts, arrays["output/shifts_drawn"])
    moved = [shifted(items[i % len(items)], shift, replica=True).T for i, shift in enumerate(shifts)]
    case.same("X_aug", np.stack(moved), arrays["output/X_aug"])
    forced = [shifted(items[0], int(shift), replica=True).T for shift in arrays["input/forced_shifts"]]
    case.same("X_forced", np.stack(forced), arrays["output/X_forced"])


def report_rule(case: Case) -> None:
    arrays = case.arrays()
    accuracies = arrays["input/acc_validation"], arrays["input/acc_test"]
    case.same("epoch", reported_epoch(*accuracies, replica=True), arrays["output/epoch"])
    case.same("epoch_first_max", reported_epoch(*accuracies), arrays["output/epoch_first_max"])
    logged = logged_cross_entropy(arrays["input/y_pred"], arrays["input/y_true"])
    case.same("reported_cross_entropy", logged, arrays["output/reported_cross_entropy"])


ADAPTERS = {"lr_schedules": lr_schedules, "splits_cls": splits_cls, "splits_pretrain": splits_pretrain,
            "augment_shift": augment_shift, "report_rule": report_rule}
