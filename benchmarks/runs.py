"""Runs of `train.py` that a stopped benchmark goes on with, and the table of what they reached over the seeds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import train

Scores = dict[tuple[Any, str], list[float]]  # by (row of the table, start): a value per seed


def run(folder: Path, name: str, seed: int, flags: list[str], start: list[str] | None = None) -> Path:
    """`train.py` with these flags, unless it is done; its run folder. A run that goes on has what `start` names."""
    place = folder / f"{name}-seed{seed}"
    if test_scores(place):
        return place
    begun = (place / "last.pth").exists()
    done = train.main([*flags, *(["--resume", "auto"] if begun else start or []), "--seeds", str(seed), "--save_dir",
                       str(folder), "--experiment_name", name, "--no_use_tensorboard", "--print_freq", "1000"])
    if done != 0:
        sys.exit(done)
    return place


def rows(place: Path, event: str) -> list[dict[str, Any]]:
    """What a run logged of this event: start, epoch, finished, test."""
    path = place / "metrics.jsonl"
    found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [row for row in found if row["event"] == event]


def test_scores(place: Path) -> dict[str, float]:
    """Of the test part, where the run is done; else nothing."""
    found = rows(place, "test")
    return found[-1]["metrics"] if found else {}


def write_table(path: Path, scores: Scores, metric: str) -> None:
    """Mean and deviation over the seeds, and the mean paired difference to the first start; the values go to `path`."""
    starts = list(dict.fromkeys(start for _, start in scores))
    lines = [f"{'labelled':<10}" + "".join(f"{start:>24}" for start in starts)]
    for labelled in dict.fromkeys(row for row, _ in scores):
        cells = [_cell(scores[labelled, start], scores[labelled, starts[0]]) for start in starts]
        lines.append(f"{labelled:<10}" + "".join(f"{cell:>24}" for cell in cells))
    print("\n".join(lines), flush=True)
    values = [{"labelled": row, "start": start, metric: found} for (row, start), found in scores.items()]
    path.write_text(json.dumps(values, indent=1))


def _cell(found: list[float], without: list[float]) -> str:
    gain = np.subtract(found, without).mean()
    return f"{np.mean(found):.3f} +- {np.std(found, ddof=1) if len(found) > 1 else 0:.3f} ({gain:+.3f})"
