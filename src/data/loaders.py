"""From records to batches: read, normalise, augment and write straight into one preallocated `Batch`.

- The generator of a training sample is a function of (seed, epoch, row, draw): batches are bitwise the same for any
  number of workers, and after any interruption. Evaluation gets no generator: nothing there may be random.
- A record that turns out bad while it is read stops the run with its name (`BadRecord`): which records are used is
  decided when the data are opened, and a batch never holds made-up zeros in place of a recording.
- A worker writes its batch into memory that the main process sees, and memory is used again (`src/data/slots.py`).
"""

from __future__ import annotations

import atexit
import signal as signals
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_all_start_methods, get_start_method
from typing import Any
from weakref import WeakSet

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from src.data.dataset import BaseDataset
from src.data.normalize import Normalizer
from src.data.samplers import EpochSampler, EvalSampler, Key, class_weights
from src.data.samplers_fairseq import FairseqSampler
from src.data.signal import Batch, Sample
from src.data.slots import Sent, Slots, fresh, shared
from src.data.transforms import AnyTransform, augment, augment_recorded, by_stage
from src.errors import BadRecord, UserError

Allocate = Callable[[str, tuple[int, ...], torch.dtype], torch.Tensor]
EXTRA = "extra."  # before the name of a tensor of Batch.extra
VIEWS, BESIDE = 2, 4096  # of a record that a slot has room for; bytes for all but its signal and time mask


class DatasetView(Dataset):
    """A data set as a loader sees it: `view[keys]` is the Batch of these (epoch, row, draw)."""

    def __init__(self, dataset: BaseDataset, *, train: bool, seed: int = 0, normalizer: Normalizer | None = None,
                 transforms: Sequence[AnyTransform] = ()):
        self.dataset, self.train, self.seed = dataset, train, seed
        self.normalizer = normalizer
        self.recorded, self.transforms = by_stage(transforms if train else ())
        numbers = {name: number for number, name in enumerate(dataset.subjects)}
        self.slots: Slots | None = None  # where a worker writes; the loader sets it before it starts workers
        self.subject = np.array([numbers[name] for name in dataset.records.subject.tolist()], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, keys: list[Key]) -> Batch | Sent | _Failure:
        worker = get_worker_info()
        if worker is None:
            return self.__getitems__(keys)
        try:
            place = None if self.slots is None else self.slots.free_place(worker.id)
            if place is None:
                return self._batch(keys, _in_shared_memory)
            batch = self._batch(keys, place.allocate_or_share)
            sent = place.send()  # also where the batch goes by itself: it is not to be written over meanwhile
            return sent if place.holds_all else batch
        except UserError as error:  # torch would turn it into a RuntimeError on its way out of the worker
            return _Failure.of(error)

    def __getitems__(self, keys: list[Key]) -> Batch:
        """Keys -> Batch; a record with several views gives as many consecutive rows of the same group."""
        return self._batch(keys, _in_own_memory)

    def _batch(self, keys: list[Key], allocate: Allocate) -> Batch:
        if not keys:
            raise ValueError("a batch needs at least one key")
        first = self.samples(keys[0])
        others: Iterable[list[Sample]]
        if self.train:
            batch = _Rows(first[0], len(first) * len(keys), allocate)
            others = (self.samples(key, batch.next_row()) for key in keys[1:])
        else:  # a record has any number of windows
            others = [self.samples(key) for key in keys[1:]]
            batch = _Rows(first[0], len(first) + sum(len(views) for views in others), allocate)
        for (_, row, _), views in zip(keys, chain([first], others)):
            batch.put(views, row, int(self.subject[row]), str(self.dataset.records.record[row]))
        return batch.batch

    def samples(self, key: Key, room: np.ndarray | None = None) -> list[Sample]:
        """The views of one record, normalised and (in training) augmented; the first is perhaps in `room`."""
        rng: Any = _Later(self.seed, *key) if self.train else None
        self.dataset.room = room
        try:
            views = self.dataset.read(key[1], rng)
        finally:
            self.dataset.room = None
        if rng is not None and self.recorded:
            views = [augment_recorded(view, self.recorded, rng) for view in views]
        if self.normalizer is not None:
            views = [self.normalizer.apply(view) for view in views]
        if rng is not None and self.transforms:
            views = [augment(view, self.transforms, rng) for view in views]
        return views


def generator(seed: int, epoch: int, row: int, draw: int) -> np.random.Generator:
    """The only source of randomness of one training sample."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch, row, draw])))


class _Later:
    """The `generator` of a key, made when something is first drawn: that costs more than to read a short record."""

    def __init__(self, *key: int):
        self._key = key

    def __getattr__(self, name: str) -> Any:
        if "_made" not in self.__dict__:
            self._made = generator(*self._key)
        return getattr(self._made, name)


@dataclass
class _Failure:
    """What a worker sends in place of a batch: an error that the main process raises as it was."""

    kind: type[UserError]
    arguments: tuple[str, ...]

    @classmethod
    def of(cls, error: UserError) -> _Failure:
        if isinstance(error, BadRecord):
            return cls(BadRecord, (error.record, error.reason, error.hint))
        return cls(UserError, (error.message, error.hint))


class _Rows:
    """A Batch under construction, filled record by record."""

    def __init__(self, first: Sample, rows: int, allocate: Allocate):
        self.filled = 0
        channels, samples = first.signal.shape
        label = np.asarray(first.label)
        kind = torch.int64 if label.dtype.kind in "iu" else torch.float32
        shapes = {"signal": ((rows, channels, samples), torch.float32), "label": ((rows, *label.shape), kind),
                  "channel_mask": ((rows, channels), torch.bool), "time_mask": ((rows, samples), torch.bool),
                  "subject": ((rows,), torch.int64), "index": ((rows,), torch.int64), "group": ((rows,), torch.int64)}
        self.batch = Batch(**{name: allocate(name, *of) for name, of in shapes.items()}, extra={
            name: allocate(f"{EXTRA}{name}", (rows, *np.shape(value)), torch.from_numpy(np.atleast_1d(value)).dtype)
            for name, value in first.extra.items()})
        self.arrays = {name: getattr(self.batch, name).numpy()
                       for name in ("signal", "label", "channel_mask", "time_mask", "subject", "index", "group")}
        self.extra = {name: tensor.numpy() for name, tensor in self.batch.extra.items()}

    def next_row(self) -> np.ndarray | None:
        """Where the next signal goes; None behind the last."""
        signals = self.arrays["signal"]
        return signals[self.filled] if self.filled < len(signals) else None

    def put(self, views: list[Sample], row: int, subject: int, name: str) -> None:
        arrays = self.arrays
        for at, view in enumerate(views, start=self.filled):
            self._check(view, name)
            if not _same_memory(view.signal, arrays["signal"][at]):
                arrays["signal"][at] = view.signal
            arrays["label"][at] = view.label
            arrays["channel_mask"][at] = True if view.channel_mask is None else view.channel_mask
            arrays["time_mask"][at] = True if view.time_mask is None else view.time_mask
            for field, value in view.extra.items():
                self.extra[field][at] = value
        rows = slice(self.filled, self.filled + len(views))
        self.filled += len(views)
        arrays["subject"][rows], arrays["index"][rows], arrays["group"][rows] = subject, row, row

    def _check(self, view: Sample, name: str) -> None:
        if view.signal.shape != self.arrays["signal"].shape[1:]:
            raise UserError(f"{name} has the shape {view.signal.shape}, the records before it "
                            f"{self.arrays['signal'].shape[1:]}", "`read` must give (channels, samples) of one size")


def _same_memory(first: np.ndarray, second: np.ndarray) -> bool:
    return first.__array_interface__["data"] == second.__array_interface__["data"] and first.strides == second.strides


def _in_own_memory(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return fresh(shape, dtype)


def _in_shared_memory(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return shared(shape, dtype)


def _received(sent: Sent, slots: Slots, pin_memory: bool) -> Batch:
    tensors = slots.received(sent, pin_memory)
    extra = {name.removeprefix(EXTRA): tensors.pop(name) for name in list(tensors) if name.startswith(EXTRA)}
    return Batch(**tensors, extra=extra)


class SignalLoader(DataLoader):
    """Iterating gives a `Batch` per step; `sampler` decides which, `set_position` goes on inside an epoch."""

    def __init__(self, view: DatasetView, sampler: EpochSampler | EvalSampler, num_workers: int = 0,
                 pin_memory: bool = False):
        workers: dict[str, Any] = {"worker_init_fn": _quiet_worker, "persistent_workers": True} if num_workers else {}
        super().__init__(view, batch_size=None, sampler=sampler, collate_fn=_as_it_is,  # type: ignore[arg-type]
                         num_workers=num_workers, pin_memory=pin_memory, **workers)
        self.dataset_view = view

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        if self.num_workers:
            _with_workers.add(self)
            self._give_slots()
        for batch in super().__iter__():
            if isinstance(batch, _Failure):
                raise batch.kind(*batch.arguments)
            if isinstance(batch, Sent):
                batch = _received(batch, self.dataset_view.slots, self.pin_memory)  # type: ignore[arg-type]
            yield batch

    def _give_slots(self) -> None:
        """Before the workers start, and only where they are forked: others do not see this process's memory."""
        if self._iterator is not None or (get_start_method(allow_none=True) or get_all_start_methods()[0]) != "fork":
            return
        spec = self.dataset_view.dataset.spec
        of_record = len(spec.channels) * spec.samples * 4 + spec.samples + BESIDE
        batch = min(self.sampler.batch_size, len(self.sampler.rows))  # type: ignore[attr-defined]
        self.dataset_view.slots = Slots(self.num_workers, self.prefetch_factor or 2, VIEWS * batch * of_record)

    def close(self) -> None:
        """Let the workers go; the next iteration starts new ones. Left to the garbage collector or to the end of the
        process they would never leave: their queue closes before the word to stop, and they do not heed SIGTERM."""
        if self._iterator is not None:
            self._iterator._shutdown_workers()  # type: ignore[attr-defined]
            self._iterator = None

    def set_position(self, epoch: int, consumed: int = 0) -> None:
        """Start the next iteration in `epoch`, after `consumed` samples of all ranks together."""
        if not isinstance(self.sampler, EpochSampler):
            raise TypeError("evaluation always runs over everything: it has no position")
        self.sampler.set_position(epoch, consumed)


def make_loader(dataset: BaseDataset, rows: np.ndarray, *, batch_size: int, train: bool, seed: int = 0,
                normalizer: Normalizer | None = None, transforms: Sequence[AnyTransform] = (), balanced: bool = False,
                fairseq_batches: bool = False, num_workers: int = 0, rank: int = 0, world: int = 1,
                pin_memory: bool = False) -> SignalLoader:
    """The loader of one part: shuffled (or class-balanced, or in fairseq-signals' batches) and augmented to train, in
    order and plain to evaluate."""
    view = DatasetView(dataset, train=train, seed=seed, normalizer=normalizer, transforms=transforms)
    if train and fairseq_batches and not balanced:
        lengths = np.minimum(dataset.records.length[rows], dataset.spec.samples)
        sampler = FairseqSampler(rows, lengths, batch_size, seed, rank, world)
    elif train:
        weights = class_weights(dataset.records, np.asarray(rows)) if balanced else None
        sampler = EpochSampler(rows, batch_size, seed, weights=weights, rank=rank, world=world)
    else:
        sampler = EvalSampler(rows, batch_size, rank, world)
    return SignalLoader(view, sampler, num_workers, pin_memory)


_with_workers: WeakSet[SignalLoader] = WeakSet()


@atexit.register  # runs before torch and multiprocessing wind up, as it is registered after theirs
def _close_all() -> None:
    for loader in list(_with_workers):
        loader.close()


def _as_it_is(batch: Batch | _Failure) -> Batch | _Failure:
    return batch


def _quiet_worker(worker: int) -> None:
    """The main process alone answers signals and sends stop; a forked handler here would save or exit twice."""
    for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
        signals.signal(getattr(signals, name), signals.SIG_IGN)
    torch.set_num_threads(1)
