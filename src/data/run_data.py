"""The data of one run: a data set, which records train, validate and test, the fitted normaliser, the augmentation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from src.data.control import permute_labels, with_noise
from src.data.dataset import BaseDataset
from src.data.loaders import SignalLoader, make_loader
from src.data.normalize import Normalizer
from src.data.signal import SignalSpec, TargetSpec
from src.data.splits import load_splits, save_splits, split
from src.data.strangers import roles_of
from src.data.subjects import chosen
from src.data.transforms import AnyTransform, parse_augmentation
from src.errors import UserError
from src.registry import model_row

SPLITS = "splits.json"


@dataclass
class RunData:
    """`rows`: part -> rows of `dataset.records`; `name`, `args` and `path` are how the data set was opened."""

    dataset: BaseDataset
    rows: dict[str, np.ndarray]
    normalizer: Normalizer
    transforms: Sequence[AnyTransform]
    seed: int
    name: str
    dataset_args: list[str]
    path: str | None
    fairseq_batches: bool = False  # training batches are those of fairseq-signals

    @property
    def target(self) -> TargetSpec:
        return self.dataset.target

    @property
    def spec(self) -> SignalSpec:
        """What a model sees, normalisation included."""
        return self.dataset.spec.with_steps(self.normalizer.describe())

    @property
    def known_subjects(self) -> int:
        """Subjects that a model may have parameters for: 1 where those tested are not those trained on."""
        return len(self.dataset.subjects) if self.dataset.within_subject else 1

    def loader(self, subset: str, batch_size: int, *, train: bool = False, balanced: bool = False,
               num_workers: int = 0, rank: int = 0, world: int = 1, pin_memory: bool = False) -> SignalLoader:
        """Batches of one part; UserError names the parts that there are."""
        rows = self.rows.get(subset)
        if rows is None or len(rows) == 0:
            there = ", ".join(f"{name} ({len(found)})" for name, found in self.rows.items() if len(found))
            raise UserError(f"--subset {subset}: these data have no such part", f"they have: {there}")
        return make_loader(self.dataset, rows, batch_size=batch_size, train=train, seed=self.seed,
                           normalizer=self.normalizer, transforms=self.transforms if train else (), balanced=balanced,
                           fairseq_batches=self.fairseq_batches, num_workers=num_workers, rank=rank, world=world,
                           pin_memory=pin_memory)

    def save(self, folder: Path) -> None:
        save_splits(folder / SPLITS, self.dataset.records, self.rows)

    def describe(self) -> dict[str, Any]:
        """What a checkpoint carries about its data, as plain values."""
        return {"signal_spec": self.spec.to_dict(), "target_spec": self.target.to_dict(),
                "normalizer": self.normalizer.state_dict(), "splits_digest": self.digest(),
                "source": self.dataset.source, "licence": self.dataset.licence}

    def digest(self) -> str:
        """Of the split by record names: testing refuses a split that is not the one trained with."""
        found = hashlib.blake2b(digest_size=16)
        for part in sorted(self.rows):
            names = sorted(self.dataset.records.record[self.rows[part]].tolist())
            found.update("\n".join([part, *names, ""]).encode())
        return found.hexdigest()


def prepare(dataset: BaseDataset, args: Any, *, splits: Path | None = None,
            normalizer: dict[str, Any] | None = None) -> RunData:
    """Split (or take `splits`, a run's file), fit the normaliser on the training part (or take its stored state).

    Of the split that --splits names, records of subjects that --subjs leaves out are left out. With --replica of a
    Du-IN model the normaliser also sees the other parts, as Du-IN's does; of an ECG transformer training batches are
    those of fairseq-signals.
    """
    if splits is not None and splits.exists():
        rows = load_splits(splits, dataset.records, may_lack=bool(args.splits and chosen(args.subjs)))
    else:
        rows = choose_parts(dataset, args)
    if args.pretrain_on_all:
        rows = {**rows, "train": np.union1d(rows["train"], rows["test"]), "test": rows["test"][:0]}
    if args.control == "permute_labels":
        dataset = permute_labels(dataset, rows["train"], args.seed)
    elif args.control == "noise":
        dataset = with_noise(dataset, args.seed)
    whose = model_row(args.model).replica_of_data if args.replica else ""
    transforms = [] if args.overfit_batches else parse_augmentation(args.augmentation, whose == "duin", dataset.spec)
    seen = np.unique(np.concatenate(list(rows.values()))) if whose == "duin" else rows["train"]
    fitted = Normalizer.from_state(normalizer) if normalizer else Normalizer.fit(args.normalize, dataset, seen)
    return RunData(dataset, rows, fitted, transforms, args.seed, args.dataset, list(args.dataset_args), args.data_path,
                   fairseq_batches=whose == "fairseq")


def choose_parts(dataset: BaseDataset, args: Any) -> dict[str, np.ndarray]:
    """Part -> rows, by the seed and the flags that cut or limit them."""
    records = dataset.records
    if dataset.within_subject:  # trials are dealt one by one: each part has all subjects
        records = replace(records, subject=np.full(len(records), ""))
    rows = split(records, ratio=args.split_ratio, fold=args.fold, folds=args.folds, seed=args.seed)
    rows = limited_parts(dataset, rows, args)
    if args.overfit_batches:
        few = rows["train"][: args.overfit_batches * args.batch_size]
        rows = {"train": few, "valid": few, "test": rows["test"]}
    return rows


def as_test_part(dataset: BaseDataset, args: Any, normalizer: dict[str, Any]) -> RunData:
    """New data for trained weights: their own parts; without a test part among them, everything is the test part."""
    everything = np.arange(len(dataset))
    subset = dataset.records.subset
    rows = {"test": everything, **{name: everything[subset == name] for name in dataset.subsets}}
    rows = limited_parts(dataset, rows, args)
    return RunData(dataset, rows, Normalizer.from_state(normalizer), (), args.seed, args.dataset,
                   list(args.dataset_args), args.data_path)


def limited_parts(dataset: BaseDataset, rows: dict[str, np.ndarray], args: Any) -> dict[str, np.ndarray]:
    """At most --limit records of each part; of people who are to be identified all or none."""
    roles, people = roles_of(dataset), dataset.records.subject
    return {part: limited(found, args.limit, args.seed, people[found] if (roles[found] != "").any() else None)
            for part, found in rows.items()}


def limited(rows: np.ndarray, limit: int | None, seed: int, people: np.ndarray | None = None) -> np.ndarray:
    """At most `limit` rows, drawn by the seed and kept in order; where `people` (one for each row) are given all rows
    of a person or none, and of one person at least."""
    if limit is None or len(rows) <= limit:
        return rows
    rng = np.random.default_rng(seed)
    if people is None:
        return np.sort(rng.permutation(rows)[:limit])
    names, counts = np.unique(people, return_counts=True)
    order = rng.permutation(len(names))
    fit = max(1, int((np.cumsum(counts[order]) <= limit).sum()))
    return rows[np.isin(people, names[order[:fit]])]


def check_same_input(expected: SignalSpec, found: SignalSpec) -> None:
    """UserError unless data of `found` can go into a model made for `expected`."""
    same = (len(expected.channels) == len(found.channels) and expected.samples == found.samples
            and abs(expected.rate_hz - found.rate_hz) < 1e-6 and expected.unit == found.unit)
    if not same:
        raise UserError(f"these weights expect {replace(expected, steps=())}; these data have {found}",
                        "other channels cannot be made up; rate, unit and window of recorded data are converted "
                        "where --dataset_args allow it")
