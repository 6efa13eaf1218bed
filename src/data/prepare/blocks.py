"""`prepare_block`: a run of records from raw files into a store and a journal, by one process.

The unit of work of every engine: processes of this machine, Ray, a batch system's shards. It may be killed anywhere and
called again: what its journal names stays, the rest is done.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from src.data.prepare.journal import Journal, read_journal
from src.data.prepare.options import PrepareConfig
from src.data.prepare.raw import RawRecord
from src.data.prepare.steps import choose, clean, cut, fit, observe, strung
from src.data.prepare.stores import BlockWriter, Entry, open_store
from src.data.readers import read_recording
from src.data.signal import Recording
from src.errors import BadRecord, UserError

FOLDER = "journal"


class Stopped(Exception):
    """Somebody asked to stop; what is finished is kept."""


@dataclass(frozen=True)
class Job:
    """What all blocks of a preparation share; `config` has leads, unit and rate settled."""

    root: Path
    output: Path
    config: PrepareConfig
    store: str
    classes: tuple[str, ...]
    kind: str  # classes or multilabel
    stop_at_bad: bool = False


def prepare_block(job: Job, block: int, records: list[RawRecord], files: list[str],
                  finished: Callable[[], bool] = lambda: True) -> None:
    """All `records` (their names in the store: `files`) into block `block`.

    `finished` is called after each record; where it gives False the block is left as it is, `Stopped`. A record that
    cannot be used is journalled with the reason; with `stop_at_bad` it raises BadRecord.
    """
    store = open_store(job.store, job.output, job.config.dtype)
    with Journal(journal_path(job.output, block)) as journal:
        entries, ends = read_journal(journal.path)
        done = store.intact(block, entries)
        journal.cut(ends[done - 1] if done else 0)
        with closing(store.writer(block, entries[:done])) as writer:
            try:
                for record, file in zip(records[done:], files[done:]):
                    journal.append(_prepared(job, record, file, writer))
                    if not finished():
                        raise Stopped
                    if journal.is_due:
                        journal.sync(writer.sync)
            finally:
                journal.sync(writer.sync)


def journal_path(output: Path, block: int) -> Path:
    return output / FOLDER / f"{block:05d}.jsonl"


def _prepared(job: Job, record: RawRecord, file: str, writer: BlockWriter) -> Entry:
    entry: Entry = {"record": record.name, "path": record.path}
    try:
        recording, found = _recording(job, record)
        label = encode_labels(record, job.classes, job.kind)
    except BadRecord as error:
        if job.stop_at_bad:
            raise
        return {**entry, "reason": error.reason}
    entry |= {"labels": list(record.labels), "subject": record.subject, "subset": record.subset,
              "info": dict(record.info), **found, "file": file}
    return {**entry, **writer.write(file, recording.signal, label)}


def _recording(job: Job, record: RawRecord) -> tuple[Recording, dict[str, Any]]:
    """The record prepared, and what was odd about it; BadRecord for whatever a file leads its reader to."""
    try:
        if record.samples is None and not record.start:
            whole = choose(read(job.root, record), job.config)
            found, recording = observe(whole), clean(whole, job.config)
        else:
            whole, cleaned = _whole(job, record.path, record.record)
            samples = record.samples if record.samples is not None else whole.signal.shape[1] - record.start
            if samples < 1:
                raise BadRecord(record.name, f"its piece has {samples} samples")
            found, recording = observe(cut(whole, record.start, samples)), cut(cleaned, record.start, samples)
        if recording.sampling_rate_hz != job.config.resample_hz:
            found["rate_hz"] = recording.sampling_rate_hz
        return fit(replace(recording, name=record.name), job.config), found
    except BadRecord as error:
        raise BadRecord(record.name, error.reason, error.hint) from error
    except UserError as error:
        raise BadRecord(record.name, error.message, error.hint) from error
    except Exception as error:
        raise BadRecord(record.name, f"cannot be prepared: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=1)
def _whole(job: Job, path: str, record: str | None) -> tuple[Recording, Recording]:
    """A long recording whose pieces are records, chosen and cleaned: they come one after the other."""
    chosen = choose(read(job.root, RawRecord(path, path, record=record)), job.config)
    return chosen, clean(chosen, job.config)


def read(root: Path, record: RawRecord) -> Recording:
    """The recording behind a record; BadRecord for paths out of `root`."""
    path = record.path.replace("\\", "/")
    file = root / path
    if path.startswith("/") or ".." in path.split("/") or not file.parent.resolve().is_relative_to(root.resolve()):
        raise BadRecord(record.name, f"outside the data folder: {record.path}")
    recording = read_recording(file, record.record, record.rate_hz)
    return strung(recording) if record.strung else recording


def encode_labels(record: RawRecord, classes: tuple[str, ...], kind: str) -> Any:
    """int64 class, or (K,) float32 of 0 and 1; BadRecord for labels that the set does not have."""
    unknown = [label for label in record.labels if label not in classes]
    if unknown:
        raise BadRecord(record.name, f"its label is not among the classes: {unknown[0]}")
    if kind == "multilabel":
        return np.isin(np.array(classes), np.array(record.labels, str)).astype(np.float32)
    if len(record.labels) != 1:
        raise BadRecord(record.name, "has no label" if not record.labels else "has several labels; one is expected")
    return np.int64(classes.index(record.labels[0]))
