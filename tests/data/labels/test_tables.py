from __future__ import annotations

import csv

import numpy as np
import pytest

from src.data.labels.labeler import label_names
from src.data.labels.tables import make_labels
from src.errors import UserError

STATEMENTS = {101: ("Sinus rhythm", "", " RBBB "), 102: ("Sinus rhythm",), 103: ("VT", "LBBB"), 104: ("Old MI",)}
PARTS = {101: "train", 102: "train", 103: "test"}


@pytest.fixture
def files(tmp_path):
    """machine_measurements.csv with its report columns out of order, and a split that lacks study 104."""
    with (tmp_path / "measurements.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["subject_id", "study_id", "report_10", "report_2", "report_0", "bandwidth"])
        for study, reports in STATEMENTS.items():
            first, second, third = (*reports, "", "")[:3]
            writer.writerow([1, study, third, second, first, "0.05-150 Hz"])
    (tmp_path / "split.csv").write_text("save_file,split\n" + "".join(
        f"mimic_iv_ecg_{study}.mat,{part}\n" for study, part in PARTS.items()))
    return tmp_path


def make(files, **options):
    return make_labels(files / "measurements.csv", files / "out", meta_split=files / "split.csv", workers=1, **options)


def table(path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as stream:
        return {row["name"]: row for row in csv.DictReader(stream)}


def test_the_files_hold_the_same_labels(files):
    made = make(files)
    y, soft = np.load(files / "out" / "y.npy"), np.load(files / "out" / "y_soft.npy")
    assert y.shape == (4, 17)
    assert y.dtype == soft.dtype == np.float32
    assert made.records == made.texts == 4
    assert made.counts == y.sum(axis=0).tolist()
    with (files / "out" / "labels.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["idx"] for row in rows] == list("0123")
    assert np.array_equal([[int(row[name]) for name in label_names()] for row in rows], y)
    mapping = (files / "out" / "study_id_mapping.csv").read_text().splitlines()
    assert mapping == ["idx,study_id,split", "0,101,train", "1,102,train", "2,103,test", "3,104,"]
    assert (files / "out" / "label_def_official_17.csv").read_text().splitlines() == ["name", *label_names()]
    assert not list((files / "out").glob("*.tmp"))


def test_weights_come_from_the_training_part_and_a_label_that_lacks_there_gets_one(files):
    made = make(files)
    found = table(files / "out" / "label_def_recomputed.csv")
    assert found["Sinus rhythm"] == {"name": "Sinus rhythm", "count": "2", "pos_percent": "1.0", "pos_weight": "0.0"}
    assert float(found["Right bundle branch block"]["pos_weight"]) == 1.0
    assert found["Ventricular tachycardia"]["pos_weight"] == "1.0"
    assert any("never positive" in note and "Ventricular tachycardia" in note for note in made.notes)
    assert any("1 of 4 studies are not in split.csv" in note for note in made.notes)
    assert len((files / "out" / "pos_weight.txt").read_text().split(" ")) == 17


def test_the_originals_weights_count_all_rows_and_silence_what_never_occurs(files):
    make(files, replica=True)
    found = table(files / "out" / "label_def_recomputed.csv")
    assert float(found["Sinus rhythm"]["pos_weight"]) == 1.0
    assert float(found["Ventricular tachycardia"]["pos_weight"]) == 3.0
    assert float(found["Atrial flutter"]["pos_weight"]) == 0.0


def test_one_part_or_the_first_rows_are_labelled_alone(files):
    assert make(files, part="train").records == 2
    assert make(files, max_rows=3).records == 3
    made = make(files, part="test")
    assert made.records == 1
    assert any("no training record" in note for note in made.notes)
    with pytest.raises(UserError, match="no record of the part valid"):
        make(files, part="valid")


def test_without_a_split_every_record_trains_and_the_user_is_told(files):
    made = make_labels(files / "measurements.csv", files / "out", workers=1)
    assert "no split is given" in made.notes[0]
    assert (files / "out" / "study_id_mapping.csv").read_text().count("train") == 4


@pytest.mark.parametrize(("name", "text", "says"), [
    ("measurements.csv", "subject_id,report_0\n1,RBBB\n", "expected the columns study_id, report_0"),
    ("measurements.csv", "study_id,report_0\n1,RBBB\n1,RBBB\n", "1 studies are there more than once"),
    ("measurements.csv", "study_id,report_0\nx,RBBB\n", "line 2: study_id is 'x'"),
    ("measurements.csv", "study_id,report_0\n1,RBBB,more\n", "line 2 has 3 cells"),
    ("measurements.csv", "", "an empty file"),
    ("split.csv", "save_file,split\nmimic_iv_ecg_101.mat,train\na_101.mat,test\n", "study 101 is there twice"),
    ("split.csv", "file,part\na,b\n", "expected the columns save_file and split")])
def test_tables_that_do_not_fit_are_refused(files, name, text, says):
    (files / name).write_text(text)
    with pytest.raises(UserError, match=says):
        make(files)


def test_statements_can_be_joined_with_semicolons_without_repeating_them(files):
    from src.data.labels.reports import SEMICOLON, join_statements, read_reports

    assert read_reports(files / "measurements.csv", SEMICOLON).texts[0] == "Sinus rhythm; RBBB"
    assert join_statements(["a;", "", "b"], SEMICOLON) == "a; b"
