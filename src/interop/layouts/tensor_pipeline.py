"""`--layout tensor_pipeline`: the tree of the ECG tensor pipeline and the formats of its files.

    artifacts/processed/[smoke_test/]  records/*.npz, splits.json, label_map.json, labels.npy, test_metrics.json
    artifacts/models/                  best.pth, latest.pth;  artifacts/training_log.json
    figures/                           training_history.png, test_f1_scores.png
    logs/                              pipeline.log, unified_label_mapping.csv

A weight file is the run's own checkpoint with the pipeline's names beside ours, so both systems read it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from src.errors import UserError

NAME = "tensor_pipeline"
PROCESSED, SMOKE_TEST = Path("artifacts/processed"), "smoke_test"
RECORDS, SPLITS = "records", "splits.json"
BEST, LATEST = "best.pth", "latest.pth"
OWNER = "run"  # a file beside the weights that names the run which they are from
OURS = {"train": "train", "val": "valid", "test": "test"}  # its names of the parts -> ours
THEIRS = {ours: theirs for theirs, ours in OURS.items()}
SEED = 42  # of its split
INDENT = 2  # of its JSON files


@dataclass(frozen=True)
class Tree:
    """Where everything lies below `root`."""

    root: Path = Path()

    @classmethod
    def around(cls, processed: str | Path | None) -> Tree:
        """The tree of a folder ROOT/artifacts/processed or one inside it; of any other folder that of this place."""
        path = Path(processed or "")
        for folder in (path, *path.parents):
            if folder.parts[-2:] == PROCESSED.parts:
                return cls(folder.parent.parent)
        return cls()

    @property
    def models(self) -> Path:
        return self.root / "artifacts/models"

    @property
    def training_log(self) -> Path:
        return self.root / "artifacts/training_log.json"

    def figure(self, name: str) -> Path:
        return _made(self.root / "figures") / f"{name}.png"

    def log(self, *lines: str, level: str = "INFO") -> None:
        """Append to logs/pipeline.log."""
        with (_made(self.root / "logs") / "pipeline.log").open("a", encoding="utf-8") as file:
            file.writelines(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {level} {line}\n" for line in lines)

    # ------------------------------------------------------------------------------------------ weights
    def check_models(self, run: Path | None = None) -> None:
        """UserError where weights lie in artifacts/models that no run of ours wrote; those of an earlier run of ours
        are replaced, as the run's own folder keeps them."""
        there = [name for name in (BEST, LATEST) if (self.models / name).exists()]
        if there and not (self.models / OWNER).exists():
            raise UserError(f"--layout {NAME}: {self.models / there[0]} is somebody else's",
                            "move that folder away, or leave --layout out")

    def claim_models(self, run: Path) -> None:
        """From here on the place is that of `run`: what an earlier one left in it goes."""
        self.check_models()
        _made(self.models)
        owner = self.models / OWNER
        if not owner.exists() or owner.read_text(encoding="utf-8") != str(run.resolve()):
            for name in (BEST, LATEST):
                (self.models / name).unlink(missing_ok=True)
            owner.write_text(str(run.resolve()), encoding="utf-8")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# ----------------------------------------------------------------------------------------------- splits.json
def items_of(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Our part -> what splits.json says about each of its records (path, label, mapped_label, dataset); UserError for
    what is no such file."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {ours: [{"path": str(item["path"]).replace("\\", "/"), "label": int(item["label"]),
                        "mapped_label": str(item.get("mapped_label", "")), "dataset": str(item.get("dataset", ""))}
                       for item in stored[theirs]] for theirs, ours in OURS.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: not a splits.json of the ECG tensor pipeline ({type(error).__name__}: {error})",
                        "it lists under train, val and test the path and label of each record") from error


def parts_of(path: Path) -> dict[str, list[str]]:
    """Our part -> names of its records."""
    return {part: [PurePosixPath(item["path"]).stem for item in items] for part, items in items_of(path).items()}


def split_table(files: Sequence[str], labels: Sequence[int], datasets: Sequence[str], classes: Sequence[str],
                parts: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """What splits.json holds: `files` are names below records/ without suffix, `parts` our part -> rows."""
    def item(row: int) -> dict[str, Any]:
        return {"path": f"{RECORDS}/{files[row]}.npz", "label": labels[row], "mapped_label": classes[labels[row]],
                "dataset": datasets[row]}

    counts = Counter(labels)
    return {**{theirs: [item(row) for row in parts.get(ours, ())] for theirs, ours in OURS.items()},
            "label_order": list(classes), "label_to_int": {name: number for number, name in enumerate(classes)},
            "counts": {name: counts[number] for number, name in enumerate(classes)}}


def original_parts(labels: Sequence[int]) -> dict[str, list[int]]:
    """Our part -> rows as the original deals them: 20 % held out, stratified, and halved, stratified; up to ten records
    all train. UserError where a class is too small for it."""
    from sklearn.model_selection import train_test_split

    rows = list(range(len(labels)))
    if len(rows) <= 10:
        return {"train": rows, "valid": [], "test": []}
    try:
        train, held = train_test_split(rows, test_size=0.2, stratify=list(labels), random_state=SEED)
        valid, test = train_test_split(held, test_size=0.5, stratify=[labels[row] for row in held], random_state=SEED)
    except ValueError as error:
        raise UserError(f"the original's split cannot be made of these records: {error}",
                        "leave replica=true out: our split takes classes of any size") from error
    return {"train": list(train), "valid": list(valid), "test": list(test)}


# ---------------------------------------------------------------------------------------------- training
def weight_file(state: Mapping[str, Any], values: Mapping[str, float]) -> dict[str, Any]:
    """A checkpoint of ours under the original's names too; `values` are the metrics of its epoch."""
    resume = state["resume"]
    return {**state, "model_state_dict": state["model"], "optimizer_state_dict": resume["optimizer"],
            "scheduler_state_dict": resume["scheduler"], "metrics": dict(values)}


def training_log(epochs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`history` and `best_val_f1` from the epoch rows of a run's metrics.jsonl; accuracies in percent."""
    def percent(values: Mapping[str, float]) -> dict[str, float]:
        return {name: 100 * value if name == "accuracy" else value for name, value in values.items()}

    history = [{"epoch": row["epoch"], "train": percent(row["train"]), "val": percent(row["val"]), "lr": row["lr"],
                "time": row["seconds"]} for row in epochs]
    return {"history": history, "best_val_f1": max((row["val"].get("f1_macro", 0.0) for row in history), default=0.0)}
