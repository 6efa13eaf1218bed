import argparse
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import train
from src.data.dataset import BaseDataset, Records
from src.data.signal import Sample, SignalSpec, TargetSpec
from src.evaluation import run_story
from src.evaluation.fitted import Fitted
from src.evaluation.predictions import Predictions
from src.evaluation.report import Section


@pytest.fixture
def door():
    """Our test.py, not Python's own package of that name."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("test_door", Path(__file__).parent.parent / "test.py")
    assert spec is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Invented(BaseDataset):
    """Forty records of ten people; row r has the class r % 3."""

    source = "invented recordings"
    target = TargetSpec("classes", ("one", "two", "three"))
    spec = SignalSpec(("a", "b"), 100.0, "µV", 200)

    def __init__(self):
        rows = np.arange(40)
        self.records = Records(np.array([f"r{k}" for k in rows]), np.array([f"p{k // 4}" for k in rows]), rows % 3,
                               np.where(rows < 20, "train", "test"), np.full(40, 200))

    def read(self, row, rng=None):
        return [Sample(np.random.default_rng(row).normal(size=(2, 200)).astype(np.float32), row % 3)]


def fake_run(folder):
    """What `restoring.restore` gives, with a trainer that answers from the labels."""
    dataset, rows = Invented(), {"train": np.arange(20), "valid": np.arange(0), "test": np.arange(39, 19, -1)}

    def predict(loader):
        return Predictions(loader, np.eye(3, dtype=np.float32)[loader % 3 * (loader % 2)], loader % 3, 0.5)

    sections = [Section("Of this family", "its own words")]
    trainer = SimpleNamespace(predict=predict, report_sections=lambda loader: sections,
                              target_of=lambda loader, trained: trained)
    saved = {"model_name": "cnn", "signal_spec": dataset.spec.to_dict(), "target_spec": dataset.target.to_dict(),
             "args": {"seed": 7, "lr": 0.1}, "epoch": 3, "versions": {"torch": "2"}, "command": "train.py --lr 0.1"}
    return SimpleNamespace(checkpoint=saved, data=SimpleNamespace(dataset=dataset, rows=rows), trainer=trainer,
                           folder=folder, weights=folder / "best_model.pth", loader=rows.__getitem__,
                           fitted=Fitted)


def flags(**given):
    return argparse.Namespace(**{"subset": "test", "output_dir": None, "weights": None, "data_path": None,
                                 "dataset": None, "layout": None, "robustness": False, "explain": 0,
                                 **given})


def test_a_run_is_tested_written_and_shown(door, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    door.examine(fake_run(tmp_path), flags(), ["--subset", "test"])
    output = capsys.readouterr().out
    assert "cnn on invented recordings" in output
    assert "20 records of 5 subjects, part test" in output
    assert "epoch 3 (the newest run)" in output
    assert str(tmp_path / "report.html") in output
    assert max(len(line) for line in output.splitlines() if str(tmp_path) not in line) <= 80
    assert all(character.isprintable() for line in output.splitlines() for character in line)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for part in ("Of this family", "its own words", "python test.py --subset test", "train.py --lr 0.1",
                 "the scores hold for new people"):
        assert part in page
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert found["metrics"]["accuracy"] == np.mean([k % 2 == 1 or k % 3 == 0 for k in range(20, 40)])


def test_subjects_that_training_has_seen_are_told():
    dataset = Invented()
    rows = {"train": np.arange(20), "test": np.arange(16, 24)}
    assert run_story.overlap(dataset, rows, "test").startswith("1 of 2 subjects of this part are in the training part")
    dataset.records.subject[:] = ""
    assert "cannot be said" in run_story.overlap(dataset, rows, "test")


@pytest.mark.parametrize(("given", "expected"), [
    ({}, "run"), ({"output_dir": "elsewhere"}, "elsewhere"), ({"subset": "valid"}, "run/valid"),
    ({"data_path": "some/clinic b"}, "run/test_on_clinic_b"),
    ({"dataset": "simulated_ecg"}, "run/test_on_simulated_ecg"),
])
def test_results_of_other_parts_and_data_do_not_overwrite_the_runs_own(given, expected):
    assert run_story.output_folder(fake_run(Path("run")), flags(**given)) == Path(expected)


def test_results_of_weights_without_their_run_lie_beside_them():
    run = fake_run(Path("run"))
    run.folder = None
    assert run_story.output_folder(run, flags()) == Path("run/best_model_results")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A real run, seconds long."""
    base = tmp_path_factory.mktemp("runs")
    assert train.main(["--limit", "40", "--epochs", "2", "--preset", "tiny", "--save_dir", str(base),
                       "--experiment_name", "short", "--num_workers", "0"]) == 0
    return base / "short"


def test_the_validation_part_scores_exactly_what_training_wrote(door, trained, capsys):
    assert door.main(["--weights", str(trained), "--subset", "valid"]) == 0
    written = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    best = [row["val"] for row in written if row["event"] == "epoch" and row["monitor"]["is_best"]][-1]
    found = json.loads((trained / "valid" / "metrics.json").read_text(encoding="utf-8"))
    assert {"loss": found["loss"], **found["metrics"]} == best
    assert "part valid" in capsys.readouterr().out


def test_a_part_that_is_not_there_is_refused_with_those_that_are(door, trained, capsys):
    assert door.main(["--weights", str(trained), "--subset", "holdout"]) == 2
    found = capsys.readouterr()
    assert "holdout" in found.err
    assert "train" in found.err
    assert found.out == ""
