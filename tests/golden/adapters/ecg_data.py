"""fairseq-signals' data: the original's records and label files written anew, read by our data sets."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from src.data.open import open_dataset
from tests.golden.folder import Case

RATE = 100


class Replayed:
    """A generator that gives the stored draws in order."""

    def __init__(self, draws: list[int]):
        self.draws = draws

    def integers(self, *bounds: int) -> int:
        return self.draws.pop(0)


def files(case: Case) -> None:
    arrays, hyper = case.arrays(), case.hyper
    feats = [arrays[f"input/feats{number}"] for number in range(4)]
    source = arrays["output/source"]
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for number, one in enumerate(feats):
            savemat(folder / f"r{number}.mat", {"feats": one, "curr_sample_rate": RATE, "idx": number,
                                                "label": arrays["input/label"][number:number + 1]})
        lines = [f"r{number}.mat\t{one.shape[1]}" for number, one in enumerate(feats)]
        (folder / "train.tsv").write_text("\n".join([text, *lines]))
        dataset = open_dataset("manifest", folder, {"window_s": source.shape[2] / RATE, **_options(folder, hyper)})
        draws = [int(np.asarray(arrays[key]).ravel()[0]) for key in sorted(arrays) if key.startswith("input/draw")]
        bucket = json.loads(hyper.get("leads_bucket", "[]"))
        rng = Replayed([bucket.index(draw) for draw in draws] if bucket else draws)  # the lead itself is stored
        for number in range(4):
            drawn = "leads_bucket" in hyper or feats[number].shape[1] > source.shape[2]
            (sample,) = dataset.read(number, rng if drawn else None)  # type: ignore[arg-type]
            case.same(f"source {number}", sample.signal, source[number])
            case.same(f"label {number}", dataset.records.label[number].astype(np.uint8), arrays["output/label"][number])
            if "output/padding_mask" in arrays:
                there = np.ones(source.shape[2], bool) if sample.time_mask is None else sample.time_mask
                case.same(f"mask {number}", ~there, _mask(arrays["output/padding_mask"][number], hyper))


def _mask(stored: np.ndarray, hyper: dict[str, Any]) -> np.ndarray:
    """Of the samples; the original marks the leads that are left out beside it."""
    return stored.all(axis=0) if hyper.get("pad_leads") else stored[0]


def _options(folder: Path, hyper: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if "leads_to_load" in hyper:
        options["channels"] = hyper["leads_to_load"]
    if "leads_bucket" in hyper:
        options["lead_bucket"] = hyper["leads_bucket"]
    if hyper.get("pad_leads"):
        options["pad_leads"] = True
    for name in ("mean", "std") if hyper.get("normalize") else ():
        path = folder / f"{name}.txt"
        path.write_text("\n".join(map(str, hyper[name])))
        options[f"{name}_path"] = str(path)
    return options


def pairs(case: Case) -> None:
    arrays, hyper = case.arrays(), case.hyper
    with tempfile.TemporaryDirectory() as text:
        folder, lines = Path(text), []
        for line, idx in zip(hyper["lines"], hyper["idx"], strict=True):
            stem, length, zero, segments = line.split()
            for segment in segments.split(","):
                savemat(folder / f"{stem}_{segment}.mat", {"feats": arrays[f"input/{stem}_{segment}"], "idx": idx,
                                                           "curr_sample_rate": RATE})
            lines.append(f"{stem}\t{length}\t{zero}\t{segments}")
        (folder / "train.tsv").write_text("\n".join([text, "mat", *lines]))
        dataset = open_dataset("manifest", folder)
        found = [sample.signal for row in range(len(dataset)) for sample in dataset.read(row)]
        case.same("source", np.stack(found), arrays["output/source"])
        owners = np.repeat(dataset.records.subject.astype(np.int32), 2)
        case.same("patient_id", owners, arrays["output/patient_id"])
        case.same("segment", np.arange(len(found), dtype=np.int32) % 2, arrays["output/segment"])


def npy(case: Case) -> None:
    arrays = case.arrays()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        np.save(folder / "x.npy", arrays["input/x"][None])
        np.save(folder / "y.npy", arrays["input/y"][None])
        lines = ["x_path:x.npy", "y_path:y.npy", "label_indexes:[0, 5]"]
        for name, more in (("source", []), ("source_scaled", ["scale:0.00488"])):
            (folder / "train.tsv").write_text("\n".join([*lines, *more]))
            dataset = open_dataset("npy", folder)
            case.same(name, dataset.read(0)[0].signal, arrays[f"output/{name}"])
            case.same("label", dataset.records.label[0], arrays["output/label"])


def dataframe(case: Case) -> None:
    arrays = case.arrays()
    with tempfile.TemporaryDirectory() as text:
        folder, rows = Path(text), ["npy_path,afib,lvef"]
        for number, (afib, lvef) in enumerate(zip(arrays["input/afib"], arrays["input/lvef"], strict=True)):
            np.save(folder / f"{number}.npy", arrays["input/x"])
            rows.append(f"{number}.npy,{afib},{lvef}")
        (folder / "table.csv").write_text("\n".join(rows))
        lines = ["x_path:table.csv", "x_shape:(2500, 12)", "y_labels:['lvef', 'afib']", "scale:0.00488"]
        (folder / "train.tsv").write_text("\n".join(lines))
        dataset = open_dataset("dataframe", folder)
        case.same("source", dataset.read(2)[0].signal, arrays["output/source"])
        case.same("label", dataset.records.label[2], arrays["output/label"])


ADAPTERS = {"FileECGDataset": files, "CMSCECGDataset": pairs, "NpECGDataset": npy, "DataframeECGDataset": dataframe}
