"""How prepared signals lie on disk, behind one interface: `npz` (a compressed file per record) and `shards`.

Records are written in blocks, each by one process and in order. `BlockWriter.write` returns what the journal must know
to find the record again; `Store.intact` says after an interruption how many records of a block are whole.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from src.errors import UserError, did_you_mean

VECTORS = "vectors"  # chosen by --layout tensor_pipeline, not by --store
Entry = dict[str, Any]  # one line of a journal: "record", "file", and "samples" or (where it failed) "reason"
STORES = {"npz": "src.data.prepare.npz_store:NpzStore", "shards": "src.data.prepare.shard_store:ShardStore",
          VECTORS: "src.data.prepare.vector_store:VectorStore"}


class BlockWriter(ABC):
    """Writes the records of one block, in order, behind those that are there."""

    @abstractmethod
    def write(self, file: str, signal: np.ndarray, label: Any) -> Entry:
        """Store (leads, samples) float32, NaN where missing; `file` is a name that no other record has."""

    @abstractmethod
    def sync(self) -> None:
        """Bring what was written to the disk."""

    @abstractmethod
    def close(self) -> None: ...


class SignalReader(ABC):
    """Reads prepared signals by row; may be sent to another process, and forked."""

    @abstractmethod
    def read(self, row: int, low: int, high: int, room: np.ndarray | None = None) -> np.ndarray:
        """Samples [low, high) of a record, (leads, high - low) float32, NaN where missing: in `room` or a new array."""

    @abstractmethod
    def digest(self, row: int) -> str:
        """Of the record's signal as stored."""

    @property
    @abstractmethod
    def gaps(self) -> bool:
        """Whether a sample of any record may be missing."""


class Store(ABC):
    """`dtype` is how samples are stored where a store has the choice."""

    def __init__(self, folder: Path, dtype: str = "int16"):
        self.folder, self.dtype = folder, dtype

    @abstractmethod
    def intact(self, block: int, entries: list[Entry]) -> int:
        """How many of the first entries of a block are whole on the disk."""

    @abstractmethod
    def writer(self, block: int, entries: list[Entry]) -> BlockWriter:
        """Goes on behind `entries`."""

    @abstractmethod
    def finish(self, entries: Iterable[tuple[int, Entry]], leads: int) -> None:
        """Write the index of all records, given as (block, entry) in order, the failed ones left out."""

    @abstractmethod
    def reader(self, leads: int, files: list[str], samples: np.ndarray, verify: bool = False) -> SignalReader:
        """For records in this order; `verify` compares all bytes with their checksums. UserError for damaged files."""


def open_store(name: str, folder: Path, dtype: str = "int16") -> Store:
    """The store of a prepared folder by its name."""
    from src.registry import load

    if name not in STORES:
        raise UserError(f"unknown store {name!r}{did_you_mean(name, STORES)}", f"known: {', '.join(STORES)}")
    return load(STORES[name])(folder, dtype)
