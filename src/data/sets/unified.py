"""Several data sets as one: every WFDB record and MAT file below a folder, labelled by one mapping table.

The table has the columns dataset, record_id and mapped_label. Names are compared in several variants, since people
write them with either slash, with and without folders and suffix; the longest variant counts first, and rows of the
file's own data set (its first folder) before those of others. What has no row, or a label that is no class, is OTHER.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from src.data.prepare.raw import RawRecord, RawSet
from src.data.sets.raw_files import PublicSet, RawFiles, counted
from src.data.tables import read_columns
from src.errors import UserError

UNIFIED = PublicSet("unified", "data sets unified by a mapping table", "your own folders of WFDB and MAT files",
                    "those of the data sets", "tensor_pipeline")
CLASSES = ("MI", "AF", "BBB", "NORM", "OTHER")
COLUMNS = ("dataset", "record_id", "mapped_label")
REPLICA_HZ = 500.0  # what the original takes for the rate of a MAT file that does not say it
REPLICA = {"leads": ("mean",), "resampling": "fourier", "scale": "zscore32"}
Index = Mapping[str, set[tuple[str, str]]]  # variant of a key -> (data set, label)


@dataclass(frozen=True)
class Options:
    label_mapping: str = "logs/unified_label_mapping.csv"  # the table; a missing one makes everything OTHER
    classes: tuple[str, ...] = CLASSES  # all labels, in order; OTHER is always one of them
    rate_hz: float = 0.0  # of MAT files that do not say it; without it they are left out
    # the original's signals and parts: mean of the leads (of MAT files all of them one after the other), 500 Hz where
    # the rate is not said, resampling by Fourier's method, scikit-learn's stratified parts
    replica: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.rate_hz < float("inf"):
            raise UserError(f"rate_hz={self.rate_hz:g}: expected a number above 0, or 0 for unknown")

    @property
    def prepare(self) -> dict[str, Any]:
        """The preparation options that these ask for."""
        return REPLICA if self.replica else {}

    @property
    def stated_hz(self) -> float:
        return self.rate_hz or (REPLICA_HZ if self.replica else 0.0)


def find(root: Path, options: Options) -> RawSet:
    """All headers, then all MAT files without a header beside them, each in the order of their names."""
    files = RawFiles(root)
    headers = [path for path in files.paths if path.endswith(".hea")]
    known = {path.removesuffix(".hea") for path in headers}
    loose = [path for path in files.paths if path.endswith(".mat") and path.removesuffix(".mat") not in known]
    if not headers and not loose:
        raise UNIFIED.lacks(f"any .hea or .mat file below {root}")
    classes = options.classes if "OTHER" in options.classes else (*options.classes, "OTHER")
    index, notes = read_mapping(Path(options.label_mapping))
    labels = {path: lookup(path, index) for path in (*headers, *loose)}
    records = [RawRecord(record_name(path), path, (label if label and label in classes else "OTHER",),
                         rate_hz=options.stated_hz, strung=options.replica and path.endswith(".mat"),
                         info={"source": _dataset(path)}) for path, label in labels.items()]
    notes = (
        *notes,
        *counted(sum(label is None for label in labels.values()) if index else 0, "files have no row: OTHER"),
        *counted(sum(label is not None and label not in classes for label in labels.values()),
                 "files have a label that is no class: OTHER"))
    found = UNIFIED.raw_set(classes, "classes", records, {}, notes)
    return replace(found, keeps_order=True)


def read_mapping(path: Path) -> tuple[Index, tuple[str, ...]]:
    """Variant of `dataset/record_id` -> its rows; empty, with a note that says why, where there is no such table."""
    if not path.is_file():
        return {}, (f"no mapping table {path}: every label is OTHER (--dataset_args label_mapping=FILE.csv)",)
    table = read_columns(path)
    lost = [name for name in COLUMNS if name not in table]
    if lost:
        return {}, (f"{path} has no column {', '.join(lost)}: every label is OTHER",)
    index: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for dataset, record, label in zip(*(table[name].tolist() for name in COLUMNS)):
        for variant in path_variants(f"{dataset}/{record}".replace("\\", "/")):
            index[variant].add((dataset.casefold(), label))
    return index, ()


def lookup(path: str, index: Index) -> str | None:
    """The label of a file; None where no variant has a row, or where its rows disagree."""
    variants, dataset = sorted(path_variants(path), key=len, reverse=True), _dataset(path).casefold()
    own = [{label for name, label in index.get(variant, ()) if name == dataset} for variant in variants]
    others = [{label for _, label in index.get(variant, ())} for variant in variants]
    found = next((labels for labels in (*own, *others) if labels), set())
    return next(iter(found)) if len(found) == 1 else None


def path_variants(path: str) -> set[str]:
    """How else a path may be written: with '/', without its first folder, its last two parts, its name without
    suffix, and whole without suffix."""
    plain = path.replace("\\", "/")
    parts = plain.split("/")
    return {plain, "/".join(parts[1:]) or plain, "/".join(parts[-2:]), PurePosixPath(path).stem,
            _without_suffix(plain)}


def record_name(path: str) -> str:
    """`<data set>__<path without suffix, safe as a file name>`."""
    return f"{_dataset(path)}__{sanitize(_without_suffix(path))}"


def sanitize(path: str) -> str:
    r"""A path as one file name: every \ / : * ? " < > | is '_', runs of '_' are one, none at the ends."""
    return re.sub("_+", "_", re.sub(r'[\\/:*?"<>|]', "_", path)).strip("_")


def _dataset(path: str) -> str:
    first, slash, _ = path.partition("/")
    return first if slash else "unknown"


def _without_suffix(path: str) -> str:
    return path.removesuffix(PurePosixPath(path).suffix)
