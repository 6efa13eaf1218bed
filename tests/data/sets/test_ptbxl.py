from __future__ import annotations

import pytest

from src.data.sets.ptbxl import Options, find, parse_codes
from src.errors import BadRecord, UserError
from src.options import build
from tests.data.sets.fakes import write_ptbxl, write_table


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ptbxl")
    write_ptbxl(folder / "ptb-xl-1.0.3", rates=(100, 500))
    return folder


def test_the_super_classes_with_official_folds_and_patients(root):
    found = find(root, Options())
    assert found.classes == ("CD", "HYP", "MI", "NORM", "STTC")
    assert found.kind == "multilabel"
    by_name = {record.name: record for record in found.records}
    assert "00001_lr" not in by_name  # a rhythm alone is no label of this task
    assert by_name["00004_lr"].labels == ("CD", "MI")
    assert by_name["00004_lr"].path == "ptb-xl-1.0.3/records100/00000/00004_lr.hea"
    assert by_name["00004_lr"].subject == by_name["00003_lr"].subject == "10001"
    assert [by_name[f"{k:05d}_lr"].subset for k in (2, 16, 17, 18, 19)] == ["train", "train", "valid", "valid", "test"]
    assert found.missing == {"00020_lr": "no such file: records100/00000/00020_lr.hea"}
    assert found.notes == ("1 records have no label of the task super: they are not part of it",)


def test_columns_for_subgroups(root):
    second = find(root, Options()).records[0]
    assert second.info == {"age": "90", "sex": "female", "device": "CS-12"}


@pytest.mark.parametrize(("task", "classes", "count"), [
    ("all", "AFIB ASMI CLBBB IMI LVH NDT NORM PVC SR", 19), ("diag", "ASMI CLBBB IMI LVH NDT NORM", 18),
    ("sub", "AMI CLBBB IMI LVH NORM STTC", 18), ("form", "NDT PVC", 8), ("rhythm", "AFIB SR", 11)])
def test_every_task_keeps_the_records_that_have_one_of_its_labels(root, task, classes, count):
    found = find(root, Options(task=task))
    assert found.classes == tuple(classes.split())
    assert len(found.records) == count


def test_statements_below_a_likelihood_count_only_when_asked_for(root):
    assert find(root, Options(task="rhythm")).classes == ("AFIB", "SR")
    with pytest.raises(UserError, match="no record with these options"):
        find(root, Options(task="rhythm", min_likelihood=1))
    labels = {record.name: record.labels for record in find(root, Options(min_likelihood=50)).records}
    assert labels["00004_lr"] == ("CD",)
    assert "00003_lr" not in labels


def test_the_rate_chooses_the_files(root):
    assert find(root, Options(rate_hz=500)).records[0].path.endswith("records500/00000/00002_hr.hea")
    with pytest.raises(UserError, match="published at 100 and at 500 Hz"):
        build(Options, {"rate_hz": "250"})


@pytest.mark.parametrize("text", ["__import__('os').system('true')", "['SR']", "{'SR': 'x'}", "{'SR': [1]}", "((" * 999,
                                  "{'SR': " + "-" * 4000 + "1}", "{" + "'SR': 0," * 9999 + "}", ""])
def test_a_cell_that_is_no_dictionary_of_statements_is_refused(text):
    with pytest.raises(BadRecord, match="scp_codes is no dictionary"):
        parse_codes(text, "7")


def test_no_table_leads_out_of_the_raw_root(tmp_path):
    write_ptbxl(tmp_path / "a", records=4)
    (tmp_path / "secret.hea").touch()
    table = (tmp_path / "a/ptbxl_database.csv").read_text().replace("records100/00000/00002_lr", "../secret")
    (tmp_path / "a/ptbxl_database.csv").write_text(table)
    found = find(tmp_path / "a", Options())
    assert "secret" in found.missing
    assert [record.name for record in found.records] == ["00003_lr"]


def test_the_recordings_are_said_to_be_missing_where_only_the_tables_are_there(tmp_path):
    write_ptbxl(tmp_path, rates=())
    with pytest.raises(UserError, match="any of 19 recordings"):
        find(tmp_path, Options())


def test_a_subset_table_by_name(tmp_path):
    write_ptbxl(tmp_path)
    (tmp_path / "ptbxl_database.csv").rename(tmp_path / "part.csv")
    assert len(find(tmp_path, Options(table="part.csv")).records) == 18
    write_table(tmp_path / "part.csv", [("ecg_id",), (1,)])
    with pytest.raises(UserError, match="has no column patient_id"):
        find(tmp_path, Options(table="part.csv"))


def test_the_real_part_has_its_published_counts(recordings):
    found = find(recordings / "ptbxl", Options(table="ptbxl_database_subset.csv"))
    every = [*found.records, *found.missing]
    assert len(every) == 355
    assert found.classes == ("CD", "HYP", "MI", "NORM", "STTC")
