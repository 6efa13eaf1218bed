"""The tree and the formats of the ECG tensor pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from src.errors import UserError
from src.interop.layouts.tensor_pipeline import (
    SPLITS,
    Tree,
    items_of,
    original_parts,
    parts_of,
    split_table,
    training_log,
    weight_file,
)

CLASSES = ("MI", "AF")


@pytest.mark.parametrize(("data", "root"), [
    ("artifacts/processed", "."), ("artifacts/processed/smoke_test", "."), ("/a/b/artifacts/processed", "/a/b"),
    ("data/ptbxl", "."), (None, "."),
])
def test_everything_lies_around_the_processed_folder(data, root):
    assert Tree.around(data).root == Path(root)


def test_the_log_is_appended_to(tmp_path):
    tree = Tree(tmp_path)
    tree.log("one")
    tree.log("two", "three", level="WARNING")
    lines = (tmp_path / "logs/pipeline.log").read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["INFO one", "WARNING two", "WARNING three"]


def test_weights_of_somebody_else_stay_and_those_of_an_earlier_run_of_ours_go(tmp_path):
    tree = Tree(tmp_path)
    tree.models.mkdir(parents=True)
    (tree.models / "best.pth").write_bytes(b"theirs")
    with pytest.raises(UserError, match=r"best.pth is somebody else's"):
        tree.check_models()
    (tree.models / "best.pth").unlink()
    tree.claim_models(tmp_path / "run")
    (tree.models / "best.pth").write_bytes(b"ours")
    tree.claim_models(tmp_path / "run")  # resumed
    assert (tree.models / "best.pth").exists()
    tree.claim_models(tmp_path / "another")
    assert not (tree.models / "best.pth").exists()


def test_splits_are_written_as_the_original_writes_them_and_read_back(tmp_path):
    table = split_table(["a", "b", "c"], [1, 0, 1], ["x", "y", "x"], CLASSES,
                        {"train": [2, 0], "valid": [1], "test": []})
    assert table["train"][0] == {"path": "records/c.npz", "label": 1, "mapped_label": "AF", "dataset": "x"}
    assert (table["val"][0]["path"], table["test"]) == ("records/b.npz", [])
    assert table["counts"] == {"MI": 1, "AF": 2}
    assert table["label_to_int"] == {"MI": 0, "AF": 1}
    (tmp_path / SPLITS).write_text(json.dumps(table).replace("records/", "records\\\\"))
    assert parts_of(tmp_path / SPLITS) == {"train": ["c", "a"], "valid": ["b"], "test": []}


@pytest.mark.parametrize("text", ["", "[]", '{"train": []}', '{"train": [1], "val": [], "test": []}',
                                  '{"train": [{"path": "x"}], "val": [], "test": []}'])
def test_what_is_no_splits_json_is_refused(tmp_path, text):
    (tmp_path / SPLITS).write_text(text)
    with pytest.raises(UserError, match=r"not a splits\.json of the ECG tensor pipeline"):
        items_of(tmp_path / SPLITS)


def test_the_original_s_parts_of_ten_records_and_of_more():
    assert original_parts([0, 1] * 5) == {"train": list(range(10)), "valid": [], "test": []}
    parts = original_parts([0, 1] * 20)
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 32, "valid": 4, "test": 4}
    assert sorted(row for rows in parts.values() for row in rows) == list(range(40))
    with pytest.raises(UserError, match="original's split cannot be made"):
        original_parts([0] * 11 + [1])


def test_a_weight_file_has_both_systems_names():
    state = {"epoch": 3, "model": {"w": 1}, "resume": {"optimizer": {"o": 1}, "scheduler": {"s": 1}}}
    found = weight_file(state, {"f1_macro": 0.5})
    assert found | state == found
    assert found["model_state_dict"] is state["model"]
    assert (found["optimizer_state_dict"], found["scheduler_state_dict"]) == ({"o": 1}, {"s": 1})
    assert found["metrics"] == {"f1_macro": 0.5}


def test_the_training_log_has_accuracies_in_percent_and_the_best_f1():
    rows = [{"epoch": n, "train": {"loss": 1.0}, "val": {"accuracy": 0.25 * n, "f1_macro": f1}, "lr": 0.1,
             "seconds": 2.0, "step": 7} for n, f1 in ((1, 0.4), (2, 0.3))]
    found = training_log(rows)
    assert found["best_val_f1"] == 0.4
    assert found["history"][1] == {"epoch": 2, "train": {"loss": 1.0}, "val": {"accuracy": 50.0, "f1_macro": 0.3},
                                   "lr": 0.1, "time": 2.0}
    assert training_log([]) == {"history": [], "best_val_f1": 0.0}
