"""Two tables, models and data sets: name -> classes, recipe, one line of what it is.

Plain strings only, so that help texts list everything without importing torch. A new family is one row here.
A recipe holds what its source or a measurement found to work; `docs/models.md` says where each number is from.
Weakest first, what counts is: the flag's default, the recipe, `--config`, the command line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from src.errors import UserError, did_you_mean


@dataclass(frozen=True)
class ModelRow:
    """One model: its class, its trainer, the data that it trains on by default, and what works for it."""

    model: str  # "module:Class"
    about: str
    dataset: str  # trained on this when neither --dataset nor --data_path is given
    trainer: str = "src.trainer.main_trainer:MainTrainer"
    kinds: tuple[str, ...] = ("classes", "multilabel")  # the targets it can learn
    recipe: dict[str, Any] = field(default_factory=dict)  # flag -> value
    recipes: dict[str, dict[str, Any]] = field(default_factory=dict)  # data set -> what differs there
    presets: dict[str, dict[str, Any]] = field(default_factory=dict)  # --preset NAME -> model arguments


@dataclass(frozen=True)
class DatasetRow:
    """One data set: its class, and whether it needs --data_path."""

    dataset: str  # "module:Class"
    about: str
    needs_path: bool = False
    recipe: dict[str, Any] = field(default_factory=dict)


MODELS: dict[str, ModelRow] = {
    "cnn": ModelRow(
        model="src.models.model:Model",
        about="the tutorial model: a small 1-D CNN that a student understands; edit it",
        dataset="simulated_ecg",
        recipe={"epochs": 8, "batch_size": 32, "lr": 5e-3, "weight_decay": 0.01, "scheduler": "onecycle",
                "normalize": "scale"},
        presets={"tiny": {"width": 8}, "small": {"width": 16}, "base": {"width": 32}},
    ),
    "duin_cls": ModelRow(
        model="src.models.duin.classifier:DuinClassifier",
        trainer="src.trainer.duin_trainer:DuinClassifierTrainer",
        about="Du-IN word classification from sEEG (NeurIPS 2024): patch tokenizer and transformer",
        dataset="simulated_seeg",
        kinds=("classes",),
        recipe={"epochs": 200, "warmup_epochs": 20, "batch_size": 32, "lr": 2e-4, "min_lr": 5e-6,
                "weight_decay": 0.05, "scheduler": "cosine", "augmentation": ["shift=0.1"], "normalize": "channel"},
        recipes={"simulated_seeg": {"epochs": 48, "warmup_epochs": 4.8, "lr": 5e-4, "augmentation": ["shift=300"]}},
        presets={"tiny": {"encoder.n_blocks": 1, "encoder.n_heads": 2, "encoder.d_head": 16,
                          "tokenizer.n_filters": (32, 32, 4), "head.d_hidden": (32,)},
                 "small": {"encoder.n_blocks": 4}, "base": {}},
    ),
    "resnet1d": ModelRow(
        model="src.models.resnet.resnet1d:ResNet1d",
        about="1-D ResNet of the ECG tensor pipeline: 4 stages, GELU, 1.5 M parameters at width 40",
        dataset="simulated_ecg",
        recipe={"epochs": 50, "batch_size": 32, "lr": 1e-3, "min_lr": 1e-6, "weight_decay": 1e-4,
                "scheduler": "cosine", "normalize": "scale"},
        recipes={"simulated_ecg": {"epochs": 7, "scheduler": "onecycle", "lr": 2e-3, "weight_decay": 0.01}},
        presets={"tiny": {"width": 8}, "small": {"width": 24}, "base": {"width": 64}},
    ),
    "resnet18": ModelRow(
        model="src.models.resnet.vanilla:ResNet18",
        about="torchvision's ResNet-18 with 1-D operations",
        dataset="simulated_ecg",
        recipe={"epochs": 6, "batch_size": 32, "lr": 3e-3, "weight_decay": 0.01, "scheduler": "onecycle",
                "normalize": "scale"},
        presets={"tiny": {"width": 8}, "small": {"width": 24}, "base": {}},
    ),
    "resnet50": ModelRow(
        model="src.models.resnet.vanilla:ResNet50",
        about="torchvision's ResNet-50 with 1-D operations",
        dataset="simulated_ecg",
        recipe={"epochs": 4, "batch_size": 32, "lr": 1e-3, "weight_decay": 0.01, "scheduler": "onecycle",
                "normalize": "scale"},
        presets={"tiny": {"width": 8}, "small": {"width": 24}, "base": {}},
    ),
    "unet": ModelRow(
        model="src.models.unet:UNet",
        about="symmetric 1-D U-Net with skips; pooled head for record labels, the same body per sample",
        dataset="simulated_ecg",
        kinds=("classes", "multilabel", "samples"),
        recipe={"epochs": 6, "batch_size": 32, "lr": 5e-3, "weight_decay": 0.01, "scheduler": "onecycle",
                "normalize": "scale"},
        presets={"tiny": {"width": 4}, "small": {"width": 8}, "base": {"width": 32}},
    ),
}

DATASETS: dict[str, DatasetRow] = {
    "simulated_seeg": DatasetRow(
        dataset="src.data.simulated.seeg:SimulatedSEEG",
        about="word reading, 10 channels at 1000 Hz, made on the fly: no download",
        recipe={"normalize": "channel"},
    ),
    "simulated_ecg": DatasetRow(
        dataset="src.data.simulated.ecg:SimulatedECG",
        about="12-lead ECG of patients with eight findings, made on the fly: no download",
        recipe={"normalize": "scale"},
    ),
    "arrays": DatasetRow(
        dataset="src.data.arrays:ArraysDataset",
        about="npz, npy or MAT files with signal, label and (optional) subject",
        needs_path=True,
    ),
    "wfdb": DatasetRow(
        dataset="src.data.wfdb_folder:WfdbDataset",
        about="a folder of WFDB records and a CSV of record,label[,subject]",
        needs_path=True,
    ),
    "edf": DatasetRow(
        dataset="src.data.sets.edf:EdfDataset",
        about="EDF, BDF, BrainVision, FIF, GDF or EEGLAB files with events (extra: mne)",
        needs_path=True,
        recipe={"normalize": "record"},
    ),
    "bids": DatasetRow(
        dataset="src.data.sets.bids:BidsDataset",
        about="an iEEG-BIDS or EEG-BIDS tree (extra: mne)",
        needs_path=True,
        recipe={"normalize": "record"},
    ),
}


def model_row(name: str) -> ModelRow:
    return _row(MODELS, name, "model")


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
