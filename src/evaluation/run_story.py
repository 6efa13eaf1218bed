"""What the report says around the numbers, taken from a run that was restored for testing."""

from __future__ import annotations

import platform
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from src.data.dataset import BaseDataset
from src.data.signal import SignalSpec
from src.evaluation.report import Section, Story
from src.evaluation.run_log import METRICS, read_events
from src.evaluation.words import plural


def tell(run: Any, args: Any, sections: list[Section], command: str) -> Story:
    """`run` as `restoring.restore` gives it, `args` those of the test command."""
    saved, dataset = run.checkpoint, run.data.dataset
    events = read_events(run.folder / METRICS) if run.folder else []
    return Story(
        model=str(saved["model_name"]), data=dataset.source or type(dataset).__name__, subset=args.subset,
        weights=f"{shown(run.weights)}, epoch {saved.get('epoch')}{'' if args.weights else ' (the newest run)'}",
        spec=SignalSpec.from_dict(saved["signal_spec"]), notes=tuple(dataset.notes),
        splits=split_sizes(dataset, run.data.rows, args.subset),
        overlap=overlap(dataset, run.data.rows, args.subset),
        commands={"Training": str(saved.get("command") or "not kept in these weights"), "This page": command},
        seeds={"training seed": settings(saved).get("seed", "not kept"), "bootstrap seed": 0},
        versions=versions(saved), settings=settings(saved),
        epochs=[event for event in events if event.get("event") == "epoch"],
        read=lambda row: dataset.read(row)[0].signal, sections=sections,
    )


def shown(path: Path) -> str:
    """A path as it would be typed here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def settings(saved: dict[str, Any]) -> dict[str, Any]:
    """The training's flags as they are in the checkpoint."""
    kept = saved.get("args") or {}
    kept = kept if isinstance(kept, dict) else vars(kept)
    return {key: value for key, value in kept.items() if key != "sources"}


def versions(saved: dict[str, Any]) -> dict[str, str]:
    """Of the training, and the Python of this page."""
    trained = {f"{name} (training)": str(version) for name, version in (saved.get("versions") or {}).items()}
    return {**trained, "Python (this page)": platform.python_version(), "numpy (this page)": np.__version__}


def split_sizes(dataset: BaseDataset, rows: dict[str, np.ndarray], tested: str) -> list[dict[str, Any]]:
    """One dict per part that has records, for `Story.splits`."""
    sizes = {name: (len(part), len(known_subjects(dataset, part))) for name, part in rows.items() if len(part)}
    return [{"name": name, "records": records, "subjects": subjects, "tested": name == tested}
            for name, (records, subjects) in sizes.items()]


def overlap(dataset: BaseDataset, rows: dict[str, np.ndarray], tested: str) -> str:
    """Whether the scores hold for new people; "" where subjects or a training part are not known."""
    if tested == "train" or not len(rows.get("train", ())):
        return ""
    trained, examined = known_subjects(dataset, rows["train"]), known_subjects(dataset, rows[tested])
    if not examined:
        return "Subjects are not known: whether training saw the same people cannot be said."
    shared = len(trained & examined)
    if shared == 0:
        return "No subject of this part is in the training part: the scores hold for new people."
    return (f"{shared} of {plural(len(examined), 'subject')} of this part are in the training part too: "
            "the scores hold for people that the training has seen.")


def known_subjects(dataset: BaseDataset, rows: np.ndarray) -> set[str]:
    return set(dataset.records.subject[rows].tolist()) - {""}


def output_folder(run: Any, args: Any) -> Path:
    """--output_dir, else the run's folder; other parts and other data than the run's own get a folder inside it."""
    if args.output_dir:
        return Path(args.output_dir)
    base = Path(shown(run.folder)) if run.folder else run.weights.parent / f"{run.weights.stem}_results"
    other = args.data_path or args.dataset
    if other:
        return base / f"{args.subset}_on_{re.sub(r'[^A-Za-z0-9._-]+', '_', Path(other).name)}"
    return base if args.subset == "test" else base / args.subset


def typed(argv: list[str]) -> str:
    return shlex.join(["python", "test.py", *argv])
