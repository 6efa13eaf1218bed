"""What a row of each table says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModelRow:
    """One model: its class, its trainer, the data that it trains on by default, and what works for it."""

    model: str  # "module:Class"
    about: str
    dataset: str  # trained on this when neither --dataset nor --data_path is given
    trainer: str = "src.trainer.main_trainer:MainTrainer"
    kinds: tuple[str, ...] = ("classes", "multilabel")  # the targets it can learn
    own_target: str = ""  # the kind of target that it makes of any data by itself; "" = the data's labels
    codes_of: str = ""  # the registered model, given by --vqkd_ckpt, whose codes it predicts
    has: tuple[str, ...] = ()  # flags, or flag=value, that hold for this model and not for all
    replica_of_data: str = ""  # whose way with data --replica repeats: duin (normaliser, shift of 0), fairseq (batches)
    lacks: dict[str, str] = field(default_factory=dict)  # flag, or flag=value, without effect on it -> why
    recipe: dict[str, Any] = field(default_factory=dict)  # flag -> value
    recipes: dict[str, dict[str, Any]] = field(default_factory=dict)  # data set -> what differs there
    presets: dict[str, dict[str, Any]] = field(default_factory=dict)  # --preset NAME -> model arguments


@dataclass(frozen=True)
class DatasetRow:
    """One data set: its class, and whether it needs --data_path."""

    dataset: str  # "module:Class"
    about: str
    needs_path: bool = False
    lies_in: str = ""  # a folder that, where it lies in the current one, is found without --data_path
    recipe: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RawRow:
    """One set of raw recordings that `prepare.py NAME --raw_root DIR` turns into a data set."""

    find: str  # "module:function" (root: Path, options: Options) -> RawSet
    options: str  # "module:Options", a frozen dataclass (--dataset_args key=value)
    about: str
    prepare: dict[str, Any] = field(default_factory=dict)  # preparation options that its protocol asks for
