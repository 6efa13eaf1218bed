"""A small MIMIC-IV-ECG and the first stages of the lead-I pipeline on it."""

from __future__ import annotations

from pathlib import Path

from src.data.simulated.ecg import SimulatedECG
from src.data.simulated.export import export
from src.interop.layouts.ecgfm import Tree
from src.pipelines.ecgfm_preprocess import preprocess_stage
from src.pipelines.ecgfm_signals import SignalOptions
from src.pipelines.ecgfm_tables import labels_stage, split_stage


def write_raw(folder: Path, records: int = 24) -> Path:
    export(SimulatedECG(SimulatedECG.Config(patients=16, include_mi=True)), folder, "mimic", records)
    return folder


def prepared(base: Path, raw: Path, **options) -> Tree:
    """The stages before the build."""
    split_stage(base, raw_root=raw, valid_frac=0.25, test_frac=0.25)
    labels_stage(base, raw_root=raw, workers=0)
    tree = Tree(base)
    preprocess_stage(tree, raw, SignalOptions(), workers=0, **options)
    return tree
