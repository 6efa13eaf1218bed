"""Three tables, models, data sets and raw sets to prepare: name -> classes, recipe, one line of what it is.

Plain strings only, so that help texts list everything without importing torch. A new family is one row: of a model in
the file of its family, or in MODELS below. A recipe holds what its source or a measurement found to work;
`docs/models.md` says where each number is from. Weakest first, what counts is: the flag's default, the recipe,
`--config`, the command line.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from src.errors import UserError, did_you_mean
from src.registry.convolutional import CONVOLUTIONAL
from src.registry.datasets import DATASETS
from src.registry.duin import DUIN
from src.registry.ecg_transformers import ECG_TRANSFORMERS
from src.registry.raw_sets import RAW_SETS
from src.registry.rows import DatasetRow, ModelRow, RawRow

__all__ = ["DATASETS", "MODELS", "RAW_SETS", "DatasetRow", "ModelRow", "RawRow", "dataset_row", "load", "model_row",
           "raw_row", "recipe_words"]

MODELS: dict[str, ModelRow] = {**CONVOLUTIONAL, **DUIN, **ECG_TRANSFORMERS}


def raw_row(name: str) -> RawRow:
    return _row(RAW_SETS, name, "set to prepare")


def model_row(name: str) -> ModelRow:
    return _row(MODELS, name, "model")


def recipe_words(model: str, dataset: str | None, flag: str) -> list[str]:
    """The key=value words that the recipe of a model, for these data, gives to a flag."""
    row = model_row(model)
    return [*row.recipe.get(flag, []), *row.recipes.get(dataset or "", {}).get(flag, [])]


def dataset_row(name: str) -> DatasetRow:
    return _row(DATASETS, name, "data set")


def _row(table: dict[str, Any], name: str, what: str) -> Any:
    if name not in table:
        raise UserError(f"unknown {what} {name!r}{did_you_mean(name, table)}", f"known: {', '.join(table)}")
    return table[name]


def load(path: str) -> Any:
    """The class behind "module:Class", imported now."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
