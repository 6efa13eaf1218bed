"""`--dataset arrays`: npz, npy and MAT files with signal, label and (optional) subject; see `array_files` for names.

Uncompressed files are mapped, not loaded; int16 with a scale stays int16 until a record is read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from src.data.array_files import Pack, add_table, find_files, read_pack
from src.data.bad_records import BadRecords
from src.data.dataset import Records
from src.data.recorded import RecordedConfig, RecordedDataset, most_common
from src.data.targets import encode, subset_names
from src.data.units import VOLTS, unit_factor, unit_name
from src.errors import UserError, did_you_mean

LOOKED_THROUGH = 4 << 30  # bytes of real numbers that are searched for NaN when opened; beyond, each when it is read


class ArraysDataset(RecordedDataset):
    """Recordings of one or many array files; the same channels in all of them."""

    @dataclass(frozen=True)
    class Config(RecordedConfig):
        rate_hz: float = 0.0  # sampling rate of files that do not say it
        unit: str = ""  # unit of files that do not say it
        layout: Literal["nct", "ntc"] = "nct"  # axes of the signal: n records, c channels, t samples
        labels: str = ""  # CSV of labels beside the files; empty = labels.csv where there is one

    config: Config

    def __init__(self, config: Config | None = None, data_path: str | Path | None = None):
        self.config = config or self.Config()
        if data_path is None or not Path(data_path).exists():
            raise UserError(f"{data_path}: not found", "--data_path names an npz, npy or MAT file or a folder of them")
        self.path = Path(data_path)
        self.packs = self._read_packs()
        self._collect()
        self.source = f"{self.path} (arrays, {len(self.packs)} file{'s' * (len(self.packs) > 1)})"

    def _read_packs(self) -> list[Pack]:
        options, bad = self.config, BadRecords()
        files, packs = find_files(self.path), []
        for file in files:
            try:
                packs.append(read_pack(file, options.rate_hz, options.unit, options.layout))
            except UserError as error:
                if len(files) == 1:
                    raise
                bad.add(file.name, error.message.removeprefix(f"{file}: ") + f" ({error.hint})")
        if not files:
            raise UserError(f"{self.path}: no .npz, .npy or .mat file", "arrays are files with signal and label")
        self.notes = bad.settle(options.on_bad_record, len(packs))
        add_table(packs, self.path if self.path.is_dir() else self.path.parent, options.labels)
        unlabelled = [pack.path.name for pack in packs if "label" not in pack.rows]
        if unlabelled:
            raise UserError(f"no labels in {', '.join(unlabelled[:5])}",
                            "store them as label beside signal, or write labels.csv with record,label")
        return packs

    def _collect(self) -> None:
        """The table of records, without those that cannot be used."""
        packs, bad = self.packs, BadRecords()
        columns = {name: _concatenate(packs, name) for name in ("record", "subject", "subset")}
        names = columns["record"]
        self.target, label, missing = encode(_labels(packs), self.config.classes or _classes(packs), self.config.target)
        lengths = np.concatenate([pack.lengths() for pack in packs])
        self._pack = np.repeat(np.arange(len(packs)), [len(pack) for pack in packs])
        self._place = np.concatenate([np.arange(len(pack)) for pack in packs])
        self._choose_channels()
        usable = ~missing & self._first_of_name(names, bad) & self._readable(names, bad)
        for name in names[missing].tolist():
            bad.add(name, "has no label")
        rows = np.flatnonzero(usable)
        self.notes += bad.settle(self.config.on_bad_record, len(rows))
        self._pack, self._place = self._pack[rows], self._place[rows]
        self.records = Records(names[rows], columns["subject"][rows], label[rows],
                               subset_names(columns["subset"][rows]), lengths[rows])
        rates = np.array([pack.rate_hz for pack in packs])[self._pack]
        self._arrange(rates, self._channels, self._unit)

    def _choose_channels(self) -> None:
        """Per pack: which stored channels in which order, and by what to multiply."""
        self._channels = self.config.channels or self.packs[0].channels
        units = [pack.unit for pack in self.packs]
        self._unit = unit_name(self.config.to_unit) or str(most_common(units))
        self._order, self._factor = [], []
        for pack in self.packs:
            place = {name.lower(): number for number, name in enumerate(pack.channels)}
            lost = [name for name in self._channels if name.lower() not in place]
            if lost:
                near = did_you_mean(lost[0], pack.channels)
                raise UserError(f"{pack.path} has no channel {', '.join(lost[:5])}{near}",
                                f"it has {', '.join(pack.channels)}")
            order = [place[name.lower()] for name in self._channels]
            whole = order == list(range(len(pack.channels)))
            self._order.append(None if whole else order)
            factor = np.float32(self._unit_factor(pack)) * pack.scale
            factor = factor if whole or len(factor) == 1 else factor[order]
            self._factor.append(None if (factor == 1).all() else factor)
        converted = sorted({unit for unit in units if unit != self._unit})
        self.notes += tuple(f"converted from {unit} to {self._unit}" for unit in converted)

    def _unit_factor(self, pack: Pack) -> float:
        factor = unit_factor(pack.unit, self._unit)
        if factor is None:
            raise UserError(f"{pack.path} is in {pack.unit}, which cannot be turned into {self._unit}",
                            f"known units: {', '.join(VOLTS)}; state a missing one with --dataset_args unit=uV")
        return factor

    @staticmethod
    def _first_of_name(names: np.ndarray, bad: BadRecords) -> np.ndarray:
        first = np.zeros(len(names), bool)
        first[np.unique(names, return_index=True)[1]] = True
        for name in names[~first].tolist():
            bad.add(f"{name} (again)", "is there more than once")
        return first

    def _readable(self, names: np.ndarray, bad: BadRecords) -> np.ndarray:
        """(n,) bool: False where a record holds no finite number; sets `gaps` where some are missing."""
        good = np.ones(len(names), bool)
        real = [pack for pack in self.packs if pack.signal.dtype.kind == "f"]
        self.gaps = bool(real)
        if sum(pack.signal.nbytes for pack in real) > LOOKED_THROUGH:
            return good
        self.gaps = False
        for row in np.flatnonzero(np.isin(self._pack, [self.packs.index(pack) for pack in real])).tolist():
            finite = np.isfinite(self.packs[self._pack[row]].stored(self._place[row]))
            self.gaps |= not finite.all()
            if not finite.any():
                good[row] = False
                bad.add(str(names[row]), "holds no finite number")
        return good

    def read_range(self, row: int, low: int, high: int) -> np.ndarray:
        number = self._pack[row]
        stored, order = self.packs[number].stored(self._place[row], low, high), self._order[number]
        signal = np.array(stored if order is None else stored[order], dtype=np.float32, order="C")
        if (factor := self._factor[number]) is not None:
            signal *= factor
        return signal

    def content_hash(self, row: int) -> str | None:
        stored = self.packs[self._pack[row]].stored(self._place[row])
        return hashlib.blake2b(np.ascontiguousarray(stored).view(np.uint8).data, digest_size=16).hexdigest()


def _concatenate(packs: list[Pack], name: str) -> np.ndarray:
    """One text per record of all files; '' where a file does not say."""
    return np.concatenate([_texts(pack.rows[name]) if name in pack.rows else np.full(len(pack), "") for pack in packs])


def _texts(values: np.ndarray) -> np.ndarray:
    """Numbers as people write them (7, not 7.0), NaN as ''."""
    if values.dtype.kind == "f":
        return np.array(["" if np.isnan(value) else f"{value:.10g}" for value in values.tolist()])
    return np.char.strip(values.astype(str))


def _labels(packs: list[Pack]) -> np.ndarray:
    labels = [pack.rows["label"] for pack in packs]
    kinds = {(label.ndim, label.shape[1:], label.dtype.kind in "US") for label in labels}
    if len(kinds) > 1:
        raise UserError("the files have labels of different kinds: " +
                        ", ".join(f"{pack.path.name} {label.dtype}{label.shape}"
                                  for pack, label in list(zip(packs, labels))[:5]), "use one kind in all files")
    return np.concatenate(labels)


def _classes(packs: list[Pack]) -> tuple[str, ...]:
    named = {pack.classes for pack in packs}
    if len(named) > 1:
        raise UserError("the files name different classes", "use the same classes, in one order, in all files")
    return named.pop()
