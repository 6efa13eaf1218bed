"""From `--dataset`, `--data_path`, `--dataset_args` to a data set; recognises a folder where no name is given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from src.data.dataset import BaseDataset
from src.data.recognise import EXAMPLE, recognise
from src.data.signal import SignalSpec, TargetSpec
from src.data.subjects import choose_subjects, chosen
from src.errors import UserError
from src.options import build, leaves
from src.registry import dataset_row, load


def open_dataset(name: str | None, data_path: str | Path | None, dataset_args: dict[str, Any] | None = None,
                 on_bad_record: str = "skip", spec: SignalSpec | None = None, target: TargetSpec | None = None,
                 subjects: Sequence[str] | None = None, places: Sequence[int] | None = None,
                 recipe: dict[str, Any] | None = None) -> BaseDataset:
    """The data set `name`, or what `data_path` is recognised as.

    `spec` and `target` are those of a trained model: data from files are then brought to its rate, unit, channels,
    window and classes as far as physics allows. `subjects` are the only ones to use, `places` their numbers. What the
    `recipe` of a model says counts less than they. Raises UserError for unknown names, options and subjects, and for
    missing data.
    """
    if name is None and data_path is None:
        raise UserError("no data: neither --dataset nor --data_path is given")
    name = name or recognise(data_path)  # type: ignore[arg-type]
    row = dataset_row(name)
    if row.needs_path:
        _check_path(name, data_path)
    dataset_class = load(row.dataset)
    options = leaves(dataset_class.Config)
    given = {**_of_model(spec, target), "on_bad_record": on_bad_record,
             **(dataset_class.options_for(subjects) if chosen(subjects) else {})}
    # a number of channels, as simulated data have it, takes no names
    known = {key: value for key, value in given.items() if key in options and (key, options[key]) != ("channels", int)}
    values = {**(recipe or {}), **known, **(dataset_args or {})}
    dataset = dataset_class(build(dataset_class.Config, values, "data set option"), data_path)
    return choose_subjects(dataset, subjects, places)


def _check_path(name: str, data_path: str | Path | None) -> None:
    if data_path is None:
        raise UserError(f"--dataset {name} needs --data_path", EXAMPLE)
    if not Path(data_path).exists() and not Path(f"{data_path}.hea").exists():
        raise UserError(f"--data_path {data_path}: not found", EXAMPLE)


def _of_model(spec: SignalSpec | None, target: TargetSpec | None) -> dict[str, Any]:
    """The options that bring recordings to what a model was trained on."""
    options: dict[str, Any] = {}
    if spec is not None:
        options = {"resample_hz": spec.rate_hz, "to_unit": spec.unit, "channels": spec.channels,
                   "window_s": spec.samples / spec.rate_hz, "preparation": spec.preparation}
    if target is not None and target.kind in ("classes", "multilabel"):
        options.update(classes=target.names, target=target.kind)
    return options
