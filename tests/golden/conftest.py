"""Which golden folders are run: the project's own, and those of --golden and of the variable VAGUS_GOLDEN."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.golden.folder import cases_of, golden_folders

OWN = Path(__file__).parent / "data"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "golden_case" in metafunc.fixturenames:
        given = [Path(text) for text in metafunc.config.getoption("--golden") or ()]
        variable = os.environ.get("VAGUS_GOLDEN")
        roots = dict.fromkeys(root.resolve() for root in [OWN, *given, *([Path(variable)] if variable else [])])
        cases = [case for root in roots for case in _cases(root)]
        metafunc.parametrize("golden_case", cases, ids=[f"{case.folder.name}/{case.entry['file']}" for case in cases])


def _cases(root: Path) -> list:
    folders = golden_folders(root)
    if not folders:
        raise pytest.UsageError(f"no golden.json in {root} or in its subfolders")
    return [case for folder in folders for case in cases_of(folder)]
