"""The notebook runs top to bottom and, after its first two cells, in any order; it is kept without outputs."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "notebooks/ecg_tensor_pipeline.ipynb"
QUICK = "EPOCHS, WIDTH = 2, 4"
LEFT = ["processed/smoke_test/splits.json", "processed/smoke_test/test_metrics.json", "models/best.pth",
        "models/latest.pth", "training_log.json"]


def cells() -> list:
    return [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]


def execute(order: list[int], place: Path, monkeypatch) -> list[str]:
    """The cells by number (from 1) in this order, small; what each printed."""
    found = cells()
    monkeypatch.setenv("ECG_ROOT", str(place))
    monkeypatch.delenv("DATASET_DIR", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(found[number - 1].source) for number in order])
    notebook.cells.insert(order.index(2) + 1, nbformat.v4.new_code_cell(QUICK))
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3",
                            resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]


def test_the_notebook_is_kept_without_outputs_and_has_eleven_cells():
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in found if cell["cell_type"] == "code"]
    assert len(code) == 11
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    assert str(ROOT) not in NOTEBOOK.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_notebook_runs_top_to_bottom(tmp_path, monkeypatch):
    said = execute(list(range(1, 12)), tmp_path, monkeypatch)
    for name in LEFT:
        assert (tmp_path / "artifacts" / name).is_file(), name
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"training_history.png", "test_f1_scores.png"}
    assert "chapman: 20 headers, 20 MAT files" in said[3]
    assert "not yet" not in said[-1]


@pytest.mark.slow
def test_the_notebook_runs_out_of_order_after_its_configuration(tmp_path, monkeypatch):
    rest = list(range(3, 12))
    random.Random(3).shuffle(rest)
    assert rest != sorted(rest)
    execute([1, 2, *rest, 2, 1, 8], tmp_path, monkeypatch)
    for name in LEFT:
        assert (tmp_path / "artifacts" / name).is_file(), name


@pytest.mark.slow
@pytest.mark.parametrize("alone", [6, 9, 10])
def test_a_cell_makes_what_it_needs(tmp_path, monkeypatch, alone):
    execute([1, 2, alone], tmp_path, monkeypatch)
    assert (tmp_path / "artifacts/processed/smoke_test/splits.json").is_file()
