"""`--store npz`: records/NAME.npz per record with `signal` (leads, samples) float32 and `label`, compressed.

What most people's own scripts read; training from it costs a decompression per record (`benchmarks/RESULTS.md`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from src.data.prepare.stores import BlockWriter, Entry, SignalReader, Store
from src.data.readers.npz import read_npz
from src.errors import BadRecord, UserError
from src.files import remove_half_written, whole

FOLDER = "records"


class NpzStore(Store):
    @property
    def kinds(self) -> tuple[type[NpzWriter], type[NpzReader]]:
        return NpzWriter, NpzReader

    def intact(self, block: int, entries: list[Entry]) -> int:
        for number, entry in enumerate(entries):
            path = self.folder / FOLDER / f"{entry.get('file')}.npz"
            if "bytes" in entry and not (path.is_file() and path.stat().st_size == entry["bytes"]):
                return number
        return len(entries)

    def writer(self, block: int, entries: list[Entry]) -> NpzWriter:
        (self.folder / FOLDER).mkdir(exist_ok=True)
        return self.kinds[0](self.folder / FOLDER)

    def finish(self, entries: Iterable[tuple[int, Entry]], leads: int) -> None:
        """The files are their own index; what a killed process left half written goes."""
        remove_half_written(self.folder / FOLDER)

    def reader(self, leads: int, files: list[str], samples: np.ndarray, verify: bool = False) -> NpzReader:
        reader = self.kinds[1](self.folder / FOLDER, leads, files, samples)
        if verify:  # a zip archive carries the checksum of its members
            for row in range(len(files)):
                reader.whole(row)
        return reader


class NpzWriter(BlockWriter):
    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, file: str, signal: np.ndarray, label: Any) -> Entry:
        archive = BytesIO()
        np.savez_compressed(archive, signal=signal, label=label)
        with whole(self.folder / f"{file}.npz") as stream:
            stream.write(archive.getbuffer())
        entry: Entry = {"samples": signal.shape[-1], "bytes": archive.tell()}
        return entry if np.isfinite(signal).all() else {**entry, "gaps": True}

    def sync(self) -> None:
        """Files are compared with their sizes when a preparation goes on: a lost one is made again."""

    def close(self) -> None:
        pass


class NpzReader(SignalReader):
    gaps = True  # type: ignore[assignment]  known only when a file is read

    def __init__(self, folder: Path, leads: int, files: list[str], samples: np.ndarray):
        self.folder, self.leads, self.files, self.samples = folder, leads, files, samples
        outside = [file for file in files if Path(file).name != file]
        if outside:
            raise UserError(f"{folder.parent}: a record's file is outside the folder: {outside[0]}")
        there = {entry.name for entry in os.scandir(folder)} if folder.is_dir() else set()
        lost = [file for file in files if f"{file}.npz" not in there]
        if lost:
            raise UserError(f"{len(lost)} files of {folder} are not there: {', '.join(lost[:5])}",
                            "copy the whole folder, or prepare it again")

    def whole(self, row: int) -> np.ndarray:
        try:
            signal = read_npz(self.folder / f"{self.files[row]}.npz", "signal")
        except UserError as error:
            raise BadRecord(self.files[row], error.message, error.hint) from error
        expected = self.shape(row)
        if signal.shape != expected or signal.dtype != np.float32:
            raise BadRecord(self.files[row], f"holds {signal.dtype} {signal.shape}; the table says float32 {expected}")
        return signal

    def shape(self, row: int) -> tuple[int, ...]:
        """Of the stored array."""
        return self.leads, int(self.samples[row])

    def read(self, row: int, low: int, high: int, room: np.ndarray | None = None) -> np.ndarray:
        stored = self.whole(row)[:, low:high]
        if room is None:
            return np.array(stored)
        room[:] = stored
        return room

    def digest(self, row: int) -> str:
        return hashlib.blake2b(np.ascontiguousarray(self.whole(row)).view(np.uint8).data, digest_size=16).hexdigest()
