"""The ECG tensor pipeline: its tree of files through our preparation, and its sampler, against its own output."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import prepare
from src.data.dataset import Records
from src.data.prepare.options import PrepareConfig
from src.data.prepare.steps import prepare_signal
from src.data.samplers import class_weights
from src.data.signal import Recording
from tests.golden.folder import Case

ADDED = 1e-6  # to each count of its sampler
BY_ONE = PrepareConfig(leads=("mean",), unit="any", resample_hz=500, resampling="fourier", scale="zscore32",
                       gaps="zero")


def write_tree(tree: dict, root: Path) -> None:
    """The files that tree.json describes; of the MAT files the first, third, ... say that their rate is 300 Hz."""
    from scipy.io import savemat

    odd = True
    for name, values in tree["files"].items():
        path, samples = root / name, np.array(values, "<i2")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".mat":
            savemat(path, {tree["mat_key"]: samples, **({"fs": 300} if odd else {})})
            odd = not odd
            continue
        path.with_suffix(".dat").write_bytes(samples.tobytes())
        leads = [f"{path.stem}.dat 16 {tree['adc_gain']:g}/mV 16 0 {column[0]} {column.sum(dtype=np.int16)} 0 {lead}"
                 for column, lead in zip(samples.T, tree["wfdb_leads"])]
        first = f"{path.stem} {len(leads)} {tree['wfdb_fs']} {len(samples)}"
        path.write_text("\n".join([first, *leads]) + "\n")
    for name in tree["broken"]:
        (root / name).write_bytes(b"not a MAT file")


@cache
def _prepared(folder: Path) -> tuple[TemporaryDirectory, Path]:
    """The tree beside the golden files through prepare.py, as the original has it; the first object keeps it alive."""
    place = TemporaryDirectory()
    raw, output = Path(place.name, "raw"), Path(place.name, "artifacts/processed")
    write_tree(json.loads((folder / "tree.json").read_text()), raw)
    table = str(folder / "unified_label_mapping.csv")
    assert prepare.main(["unified", "--raw_root", str(raw), "--label_mapping", table, "--layout", "tensor_pipeline",
                         "--output", str(output), "--num_workers", "0", "--dataset_args", "replica=true"]) == 0
    return place, output


def expected(case: Case) -> None:
    stored, (_, output) = case.json(), _prepared(case.path.parent)
    about = json.loads((output / "prepare.json").read_text())
    assert (about["records"], about["failed"]) == (stored["total_processed"], stored["total_failed"])
    assert json.loads((output / "splits.json").read_text()) == stored["splits"]
    assert json.loads((output / "label_map.json").read_text()) == stored["label_map"]
    case.same("labels", np.load(output / "labels.npy"), stored["labels"])


def npz_checks(case: Case) -> None:
    _, output = _prepared(case.path.parent)
    for name, stored in case.json().items():
        with np.load(output / name) as file:
            signal, label = file["signal"], file["label"]
            assert sorted(file.files) == stored["keys"]
        assert (str(signal.dtype), str(label.dtype), int(label)) == \
            (stored["dtype"], stored["label_dtype"], stored["label"])
        found = {"head": signal[:8], "sum": signal.sum(), "abs": np.abs(signal).sum()}
        for key, value in found.items():
            case.same(f"{name} {key}", value, np.array(stored[key], np.float64))


def sampler(case: Case) -> None:
    stored = case.json()
    label = np.array(stored["train_labels"])
    empty = np.full(len(label), "")
    ours = class_weights(Records(empty, empty, label, empty, np.ones(len(label))), np.arange(len(label)))
    weights = 1 / (1 / ours + ADDED)
    case.same("sample weights", weights, np.array(stored["sample_weights"]))
    of_class = [weights[label == number][0] for number in range(label.max() + 1)]
    case.same("class weights", np.array(of_class), np.array(stored["class_weights"]))


def signal_cases(case: Case) -> None:
    stored = case.arrays()
    for one in sorted(name.removesuffix("_raw") for name in stored if name.endswith("_raw")):
        rate = float(stored.get(f"{one}_fs", 500))
        recording = Recording(one, stored[f"{one}_raw"][None], rate, ("ch1",), "")
        if f"{one}_resampled_len" in stored:
            whole = prepare_signal(recording, BY_ONE).signal
            case.same(f"{one} length", whole.shape[1], stored[f"{one}_resampled_len"])
        fixed = PrepareConfig(**{**vars(BY_ONE), "samples": 5000})
        case.same(one, prepare_signal(recording, fixed).signal[0], stored[f"{one}_out"])


ADAPTERS = {"tensor_pipeline/expected.json": expected, "tensor_pipeline/npz_checks.json": npz_checks,
            "tensor_pipeline/sampler.json": sampler, "tensor_pipeline/signal_cases.npz": signal_cases}
