"""A folder of golden numbers: its golden.json, its files, and what 'equal' means there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch


@dataclass
class Case:
    """One file of a golden folder."""

    folder: Path
    entry: dict[str, Any]
    about: dict[str, Any] = field(repr=False)

    @property
    def path(self) -> Path:
        return self.folder / self.entry["file"]

    @property
    def kind(self) -> str:
        return self.entry.get("kind", "(none)")

    @property
    def hyper(self) -> dict[str, Any]:
        return self.entry.get("hyperparameters") or {}

    @property
    def is_input(self) -> bool:
        """Tolerance null: data for other files, nothing to compare. (JSON files say no tolerance: they are exact.)"""
        return self.path.suffix != ".json" and self.entry.get("tolerance", 0) is None

    def arrays(self) -> dict[str, np.ndarray]:
        with np.load(self.path, allow_pickle=False) as stored:
            return dict(stored)

    def json(self, name: str | None = None) -> Any:
        """The file itself, or another one beside it; None where there is no such file."""
        path = self.folder / name if name else self.path
        return json.loads(path.read_text()) if path.exists() else None

    def same(self, name: str, found: Any, expected: Any, absolute: float | None = None) -> None:
        """Fail unless `found` is `expected` by the folder's rule; `absolute` replaces the tolerance."""
        found, expected = _array(found), _array(expected)
        assert found.shape == expected.shape, f"{name}: shape {found.shape}, expected {expected.shape}"
        if expected.dtype.kind in "biuUS":
            assert np.array_equal(found, expected), f"{name}: {_worst(found != expected)}"
            return
        allowed = self._allowed(expected) if absolute is None else np.full(expected.shape, absolute)
        finite = np.isfinite(expected)
        assert np.array_equal(found[~finite], expected[~finite], equal_nan=True), f"{name}: nan and inf differ"
        excess = np.abs(found[finite] - expected[finite]) - allowed[finite]
        assert not (~(excess <= 0)).any(), f"{name}: {excess.max():.3g} beyond the tolerance"

    def _allowed(self, expected: np.ndarray) -> np.ndarray:
        """Two rules are in use: relative to the largest number of an array, or to each number by itself."""
        tolerance = self.entry.get("tolerance") or 0.0
        atol, rtol = (tolerance["atol"], tolerance["rtol"]) if isinstance(tolerance, dict) else (tolerance, tolerance)
        rule = " ".join(str(text) for text in self.about.values())
        size = np.abs(np.where(np.isfinite(expected), expected, 0.0)).astype(np.float64)
        if "max|b|" in rule:
            size = np.full(expected.shape, size.max(initial=0.0))
        return atol + rtol * size


def _array(value: Any) -> np.ndarray:
    return value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _worst(wrong: np.ndarray) -> str:
    return f"{int(wrong.sum())} of {wrong.size} differ"


def golden_folders(path: Path) -> list[Path]:
    """`path` itself where it has a golden.json, else its subfolders that have one."""
    if (path / "golden.json").exists():
        return [path]
    return sorted(found.parent for found in path.glob("*/golden.json"))


def cases_of(folder: Path) -> list[Case]:
    index = json.loads((folder / "golden.json").read_text())
    return [Case(folder, entry, index.get("about", {})) for entry in index["files"]]
