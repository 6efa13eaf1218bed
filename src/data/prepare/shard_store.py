"""`--store shards`: the records of a block one after the other in shards/NNNNN.bin, and one index of all.

A record is, for int16, the scale of each lead (float32) and then (leads, samples) stored numbers, -32768 where a sample
is missing; for float32 the samples as they are, NaN where missing. Little-endian, each record begins at a multiple of
64 bytes. `index.npz` has per record shard, offset, samples and gaps (any sample missing), per shard bytes and CRC-32.

Shards are mapped, so any range of samples is read without the rest. The maps are let go when READ_AT_ONCE bytes were
read through them, so a process stays small beside a set that is larger than memory, and there are never more than
OPEN_AT_ONCE.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable
from itertools import groupby
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np

from src.data.prepare.stores import BlockWriter, Entry, SignalReader, Store
from src.data.readers.npz import read_npz
from src.errors import UserError
from src.files import whole

FOLDER, INDEX, ALIGN = "shards", "index.npz", 64
MISSING, LARGEST = -32768, 32767
READ_AT_ONCE, OPEN_AT_ONCE = 256 << 20, 200  # bytes; maps, each of which holds a file handle
DTYPES = {"int16": np.dtype("<i2"), "float32": np.dtype("<f4")}


class ShardStore(Store):
    def _path(self, block: int) -> Path:
        return self.folder / FOLDER / f"{block:05d}.bin"

    def intact(self, block: int, entries: list[Entry]) -> int:
        path = self._path(block)
        size = path.stat().st_size if path.exists() else 0
        return next((number for number, entry in enumerate(entries) if entry.get("end", 0) > size), len(entries))

    def writer(self, block: int, entries: list[Entry]) -> ShardWriter:
        (self.folder / FOLDER).mkdir(exist_ok=True)
        last = next((entry for entry in reversed(entries) if "end" in entry), {"end": 0, "crc": 0})
        return ShardWriter(self._path(block), last["end"], last["crc"], self.dtype)

    def finish(self, entries: Iterable[tuple[int, Entry]], leads: int) -> None:
        rows, shards = [], []
        for block, of_block in groupby(entries, key=lambda item: item[0]):
            kept = [entry for _, entry in of_block]
            rows += [(block, entry["offset"], entry["samples"], entry.get("gaps", False)) for entry in kept]
            os.truncate(self._path(block), kept[-1]["end"])  # what a killed process wrote behind it
            shards.append((block, kept[-1]["end"], kept[-1]["crc"]))
        shard, offset, samples, gaps = (np.array(column) for column in zip(*rows))
        number, size, crc = (np.array(column) for column in zip(*shards))
        with whole(self.folder / FOLDER / INDEX) as stream:
            np.savez(stream, shard=shard.astype(np.int64), offset=offset.astype(np.int64),
                     samples=samples.astype(np.int64), gaps=gaps.astype(bool), leads=np.int64(leads),
                     dtype=np.array(self.dtype), shard_number=number.astype(np.int64),
                     shard_bytes=size.astype(np.int64), shard_crc=crc.astype(np.uint32))

    def reader(self, leads: int, files: list[str], samples: np.ndarray, verify: bool = False) -> ShardReader:
        reader = ShardReader(self.folder / FOLDER, leads, samples)
        if verify:
            reader.verify()
        return reader


class ShardWriter(BlockWriter):
    """`crc` is that of the first `end` bytes, behind which it goes on."""

    def __init__(self, path: Path, end: int, crc: int, dtype: str):
        if end and _crc(path, end) != crc:
            raise _changed(path)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        os.ftruncate(self._file, end)
        os.lseek(self._file, end, os.SEEK_SET)
        self.path, self.end, self.crc, self.dtype = path, end, crc, dtype

    def write(self, file: str, signal: np.ndarray, label: Any) -> Entry:
        gaps = not np.isfinite(signal).all()
        parts = _as_int16(signal, gaps) if self.dtype == "int16" else (signal.astype("<f4", copy=False),)
        offset = self.end
        for part in parts:
            self._put(memoryview(np.ascontiguousarray(part)).cast("B"))
        if padding := -self.end % ALIGN:
            self._put(memoryview(bytes(padding)))
        entry: Entry = {"samples": signal.shape[1], "offset": offset, "end": self.end, "crc": self.crc}
        return {**entry, "gaps": True} if gaps else entry

    def _put(self, data: memoryview) -> None:
        self.crc = zlib.crc32(data, self.crc)
        while len(data):
            written = os.write(self._file, data)
            data, self.end = data[written:], self.end + written

    def sync(self) -> None:
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


class ShardReader(SignalReader):
    """The index is checked against the sizes of the files before anything is mapped."""

    def __init__(self, folder: Path, leads: int, samples: np.ndarray):
        self.folder = folder.resolve()
        index = {name: np.array(read_npz(folder / INDEX, name)) for name in
                 ("shard", "offset", "samples", "gaps", "leads", "dtype", "shard_number", "shard_bytes", "shard_crc")}
        self.leads, self._dtype = leads, DTYPES.get(str(index["dtype"]))
        self.shard, self.offset, self.samples, self.with_gaps = (index[name] for name in
                                                                 ("shard", "offset", "samples", "gaps"))
        self._numbers, self._bytes, self._crc = (index[f"shard_{name}"] for name in ("number", "bytes", "crc"))
        if self._dtype is None or int(index["leads"]) != leads or not np.array_equal(self.samples, samples):
            raise self._damaged("does not belong to records.csv")
        self._scales = 4 * leads if self._dtype.kind == "i" else 0
        self._check_sizes()
        self._maps: dict[int, np.ndarray] = {}
        self._read = 0

    def _damaged(self, what: str) -> UserError:
        return UserError(f"{self.folder / INDEX} {what}", "copy the whole folder again, or prepare it again")

    def _path(self, shard: int) -> Path:
        return self.folder / f"{shard:05d}.bin"

    def _check_sizes(self) -> None:
        assert self._dtype is not None
        for number, size in zip(self._numbers.tolist(), self._bytes.tolist()):
            path = self._path(number)
            found = path.stat().st_size if path.is_file() else None
            if found != size:
                raise UserError(f"{path}: {'not there' if found is None else f'{found} bytes'}; the index says {size}",
                                "copy the whole folder again, or prepare it again")
        sizes = dict(zip(self._numbers.tolist(), self._bytes.tolist()))
        if not set(self.shard.tolist()) <= sizes.keys():
            raise self._damaged("names a shard that it does not have")
        size = np.array([sizes[number] for number in self.shard.tolist()])
        largest = size // (self._dtype.itemsize * max(self.leads, 1))
        if (self.offset < 0).any() or (self.offset % 4 != 0).any() or (self.samples < 1).any() \
                or (self.samples > largest).any() \
                or (self.offset > size - self._scales - self.samples * self.leads * self._dtype.itemsize).any():
            raise self._damaged("names samples that its shards do not have")

    def verify(self) -> None:
        """UserError where a shard is not the one that was written."""
        for number, crc in zip(self._numbers.tolist(), self._crc.tolist()):
            if _crc(self._path(number)) != crc:
                raise _changed(self._path(number))

    @property
    def gaps(self) -> bool:  # type: ignore[override]
        return bool(self.with_gaps.any())

    def _stored(self, row: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Views of a record's (leads, samples) stored numbers and of its (leads, 1) scales."""
        assert self._dtype is not None
        shard, offset, samples = int(self.shard[row]), int(self.offset[row]), int(self.samples[row])
        whole = self._maps.get(shard)
        whole = self._map(shard) if whole is None else whole
        begin = offset + self._scales
        stored = whole[begin:begin + self.leads * samples * self._dtype.itemsize]
        scales = whole[offset:begin].view("<f4")[:, None] if self._scales else None
        return stored.view(self._dtype).reshape(self.leads, samples), scales

    def _map(self, shard: int) -> np.ndarray:
        if len(self._maps) >= OPEN_AT_ONCE:
            del self._maps[next(iter(self._maps))]
        with self._path(shard).open("rb") as file:
            whole = self._maps[shard] = np.frombuffer(mmap(file.fileno(), 0, access=ACCESS_READ), np.uint8)
        return whole

    def read(self, row: int, low: int, high: int, room: np.ndarray | None = None) -> np.ndarray:
        whole, scales = self._stored(row)
        stored = whole[:, low:high]
        signal = np.empty(stored.shape, np.float32) if room is None else room
        signal[:] = stored
        if scales is not None:
            signal *= scales
            if self.with_gaps[row]:
                signal[stored == MISSING] = np.nan
        self._count(stored.nbytes)
        return signal

    def digest(self, row: int) -> str:
        stored, scales = self._stored(row)
        digest = hashlib.blake2b(stored.view(np.uint8).data, digest_size=16)
        digest.update(b"" if scales is None else scales.tobytes())
        self._count(stored.nbytes)
        return digest.hexdigest()

    def _count(self, size: int) -> None:
        self._read += size
        if self._read > READ_AT_ONCE:
            self._maps.clear()
            self._read = 0

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}  # another process maps anew


def _as_int16(signal: np.ndarray, gaps: bool) -> tuple[np.ndarray, np.ndarray]:
    """The scale of each lead, float32, and the numbers of `signal` in it: the largest becomes +-32767."""
    peak = np.fmax.reduce(np.abs(signal), axis=1, initial=0)
    scale = (peak.astype(np.float64) / LARGEST).astype(np.float32)
    scale[scale < np.finfo(np.float32).tiny] = 1
    stored = signal / scale[:, None]
    if gaps:
        stored[~np.isfinite(signal)] = MISSING
    return scale, np.clip(np.rint(stored, out=stored), MISSING, LARGEST).astype("<i2")


def _crc(path: Path, end: int = -1) -> int:
    """CRC-32 of the first `end` bytes of a file, -1 for all."""
    value, left = 0, end
    with path.open("rb") as stream:
        while block := stream.read(1 << 20 if left < 0 else min(left, 1 << 20)):
            value, left = zlib.crc32(block, value), left if left < 0 else left - len(block)
    return value


def _changed(path: Path) -> UserError:
    return UserError(f"{path}: its bytes changed since it was written (CRC-32)",
                     "copy the whole folder again, or prepare it again")
