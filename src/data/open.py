"""From `--dataset`, `--data_path`, `--dataset_args` to a data set; recognises a folder where no name is given."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from src.data.dataset import BaseDataset
from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from src.options import build
from src.registry import dataset_row, load

ARRAYS = (".npz", ".npy", ".mat")
LOOKED_AT = 20_000  # files of a folder; a larger one is recognised by its first ones
EXAMPLE = """a data set folder is one of
    arrays   .npz, .npy or .mat files that hold signal (records, channels, samples), label and, if known, subject
    wfdb     WFDB records (.hea and .dat) and labels.csv with the columns record,label[,subject][,subset]
python prepare.py --help tells how to make one from other files"""


def open_dataset(name: str | None, data_path: str | Path | None, dataset_args: dict[str, Any] | None = None,
                 on_bad_record: str = "skip", spec: SignalSpec | None = None, target: TargetSpec | None = None
                 ) -> BaseDataset:
    """The data set `name`, or what `data_path` is recognised as.

    `spec` and `target` are those of a trained model: data from files are then brought to its rate, unit, channels,
    window and classes as far as physics allows. Raises UserError for unknown names and options and missing data.
    """
    if name is None and data_path is None:
        raise UserError("no data: neither --dataset nor --data_path is given")
    name = name or recognise(data_path)  # type: ignore[arg-type]
    row = dataset_row(name)
    if row.needs_path:
        _check_path(name, data_path)
    dataset_class = load(row.dataset)
    options = {field.name for field in fields(dataset_class.Config)}
    given = {**_of_model(spec, target), "on_bad_record": on_bad_record}
    values = {**{key: value for key, value in given.items() if key in options}, **(dataset_args or {})}
    return dataset_class(build(dataset_class.Config, values, "data set option"), data_path)


def recognise(data_path: str | Path) -> str:
    """The name of the data set that a file or folder is; UserError with what one looks like where it is none."""
    path = Path(data_path)
    if not path.exists():
        raise UserError(f"--data_path {data_path}: not found", EXAMPLE)
    if path.is_file():
        if path.suffix.lower() in ARRAYS:
            return "arrays"
        raise UserError(f"--data_path {data_path}: a {path.suffix or 'nameless'} file is no data set", EXAMPLE)
    suffixes = _suffixes(path)
    if ".hea" in suffixes:
        return "wfdb"
    if suffixes & set(ARRAYS):
        return "arrays"
    found = ", ".join(sorted(suffix for suffix in suffixes if suffix)[:8]) or "no files"
    raise UserError(f"--data_path {data_path}: no data set known here (found {found})", EXAMPLE)


def _suffixes(path: Path) -> set[str]:
    """Of the folder's files, or of its subfolders' where it has none that is known."""
    own = {file.suffix.lower() for _, file in zip(range(LOOKED_AT), path.iterdir())}
    if own & {".hea", *ARRAYS}:
        return own
    return own | {file.suffix.lower() for _, file in zip(range(LOOKED_AT), path.rglob("*.hea"))}


def _check_path(name: str, data_path: str | Path | None) -> None:
    if data_path is None:
        raise UserError(f"--dataset {name} needs --data_path", EXAMPLE)
    if not Path(data_path).exists():
        raise UserError(f"--data_path {data_path}: not found", EXAMPLE)


def _of_model(spec: SignalSpec | None, target: TargetSpec | None) -> dict[str, Any]:
    """The options that bring recordings to what a model was trained on."""
    options: dict[str, Any] = {}
    if spec is not None:
        options = {"resample_hz": spec.rate_hz, "to_unit": spec.unit, "channels": spec.channels,
                   "window_s": spec.samples / spec.rate_hz}
    if target is not None and target.kind in ("classes", "multilabel"):
        options.update(classes=target.names, target=target.kind)
    return options
