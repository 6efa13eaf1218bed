"""Imports run one way: doors, pipelines, assembly, trainer, evaluation and models, data, interop, the base."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOORS = [path for path in sorted(ROOT.glob("*.py")) if path.name != "arguments.py"]
FILES = [*DOORS, ROOT / "arguments.py", *sorted((ROOT / "src").rglob("*.py"))]
BASE = {"errors", "options", "registry", "config", "arguments", "command_line", "flag_rules", "files",
        "machine"}  # may be imported by all
BELOW = {  # area -> the areas that it may import, beside itself and the base
    "doors": {"pipelines", "exporting", "restoring", "resuming", "assembly", "plan", "door", "trainer", "evaluation",
              "models", "interop", "data"},
    "pipelines": {"restoring", "resuming", "assembly", "plan", "door", "trainer", "evaluation", "models", "interop",
                  "data"},
    "exporting": {"assembly", "door", "trainer", "evaluation", "models", "interop", "data"},
    "restoring": {"assembly", "door", "trainer", "evaluation", "models", "interop", "data"},
    "resuming": {"assembly", "door", "trainer", "evaluation", "models", "interop", "data"},
    "assembly": {"door", "trainer", "evaluation", "models", "interop", "data"},
    "flag_list": {"assembly", "trainer", "evaluation", "models", "interop", "data"},
    "plan": {"trainer", "evaluation", "models", "interop", "data"},
    "door": {"trainer"},
    "trainer": {"evaluation", "models", "interop", "data"},
    "evaluation": {"interop", "data"},
    "models": {"interop", "data"},
    "interop": set(),
    "data": {"interop"},
    **{name: set() for name in BASE},
}
# What is imported against the rule, inside one function and for the sake of a person alone.
LATE = {("config", "data"): "which data set --data_path holds", ("arguments", "flag_list"): "the flags printed"}
HEAVY = {"scipy", "sklearn", "matplotlib", "wfdb", "jinja2", "wandb", "tensorboard", "pandas", "h5py", "safetensors",
         "onnx", "onnxruntime", "mne", "mne_bids"}
# and no numpy: `--help` is instant
NO_TORCH = {"arguments", "errors", "registry", "config", "options", "door", "command_line", "flag_rules", "flag_list"}


def area_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "src":
        return parts[1]
    return "arguments" if parts[0] == "arguments" else "doors"


def area_imported(module: str, names: list[str]) -> set[str]:
    """The areas of the project behind one import statement; empty for other packages."""
    first, *rest = module.split(".")
    if first == "src":
        return {rest[0]} if rest else set(names)
    doors = {path.stem for path in DOORS}
    return {"arguments"} if first == "arguments" else {"doors"} if first in doors else set()


def imports(path: Path) -> list[tuple[str, list[str], bool]]:
    """(module, names, at the top) of every import of a file; what is for the type checker alone is left out."""
    tree = ast.parse(path.read_text(encoding="utf8"))
    typing = {id(node) for test in ast.walk(tree) if isinstance(test, ast.If) and "TYPE_CHECKING" in ast.dump(test.test)
              for node in ast.walk(test)}
    inside = {id(node) for function in ast.walk(tree) if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
              for node in ast.walk(function)}
    found = []
    for node in ast.walk(tree):
        if id(node) in typing:
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found.append((node.module or "", [alias.name for alias in node.names], id(node) not in inside))
        elif isinstance(node, ast.Import):
            found += [(alias.name, [], id(node) not in inside) for alias in node.names]
    return found


def against_the_rule(path: Path) -> list[str]:
    own, wrong = area_of(path), []
    for module, names, at_top in imports(path):
        for area in area_imported(module, names) - BELOW[own] - BASE - {own}:
            if at_top or (own, area) not in LATE:
                wrong.append(f"{path.relative_to(ROOT)} ({own}) imports {module} ({area})")
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    assert against_the_rule(path) == []


def test_the_rule_itself_runs_one_way():
    """No two areas may import each other, at any distance."""
    def reachable(area: str) -> set[str]:
        return BELOW[area] | {further for below in BELOW[area] for further in reachable(below)}

    assert all(area not in reachable(area) for area in BELOW)
    assert {area_of(path) for path in FILES if area_of(path) != "__init__"} <= set(BELOW)


def test_every_exception_to_the_rule_is_still_needed():
    used = {(area_of(path), area) for path in FILES for module, names, _ in imports(path)
            for area in area_imported(module, names)}
    assert set(LATE) <= used


def test_heavy_packages_are_imported_where_they_are_used():
    wrong = [f"{path.relative_to(ROOT)}: {module}" for path in FILES for module, _, at_top in imports(path)
             if at_top and module.split(".")[0] in HEAVY]
    assert wrong == []


def test_what_help_texts_need_imports_neither_torch_nor_numpy():
    files = [path for path in FILES if area_of(path) in NO_TORCH] + DOORS
    wrong = [f"{path.relative_to(ROOT)}: {module}" for path in files for module, names, at_top in imports(path)
             if at_top and (module.split(".")[0] in HEAVY | {"torch", "numpy"}
                            or not area_imported(module, names) <= NO_TORCH)]
    assert wrong == []


def test_nothing_imports_tests_or_benchmarks_or_everything_of_a_module():
    wrong = [f"{path.relative_to(ROOT)}: {module}" for path in FILES for module, names, _ in imports(path)
             if module.split(".")[0] in ("tests", "benchmarks", "notebooks") or "*" in names]
    assert wrong == []


def test_the_test_sees_a_wrong_import(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    file = tmp_path / "src/data/new.py"
    file.parent.mkdir(parents=True)
    file.write_text("from src import errors, trainer\ndef f():\n    from src.models.model import Model\n")
    assert len(against_the_rule(file)) == 2


def test_every_folder_says_what_lives_there():
    folders = {path.parent for path in FILES if path.parent != ROOT and path.parent != ROOT / "src"}
    silent = [str(folder.relative_to(ROOT)) for folder in sorted(folders)
              if not (folder / "__init__.py").is_file()
              or not ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf8")))]
    assert silent == []
