from __future__ import annotations

import numpy as np
import pytest

from src.data.prepare.options import PrepareConfig, describe
from src.data.prepare.steps import prepare_signal
from src.data.sets.unified import CLASSES, Options, find, lookup, path_variants
from src.data.signal import Recording
from tests.data.sets.fakes import write_table, write_unified


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree") / "raw"
    return root, write_unified(root)


def test_every_variant_of_a_name_finds_its_row(tree):
    root, table = tree
    labels = {record.path: record.labels[0] for record in find(root, Options(str(table))).records}
    assert labels["ptb-xl/rec00/r00000.hea"] == "MI"
    assert labels["ptb-xl/rec00/r00001.hea"] == "NORM"  # written with a backslash and the suffix
    assert labels["CinC2017/training/A00001.hea"] == "AF"  # by its name alone
    assert labels["CinC2017/training/A00002.hea"] == "BBB"
    assert labels["CinC2017/training/A00003.hea"] == "OTHER"  # a label that is no class
    assert labels["CinC2017/training/A00000.hea"] == "AF"  # of another data set, and no other row fits
    assert labels["ptb-xl/rec00/r00002.hea"] == "OTHER"


def test_a_mat_file_with_a_header_is_one_record_with_a_name_that_is_a_file_name(tree):
    root, table = tree
    found = find(root, Options(str(table)))
    assert len(found.records) == 9
    assert len({record.path for record in found.records}) == 9
    assert found.records[0].name == "CinC2017__CinC2017_training_A00000"
    assert found.records[0].info == {"source": "CinC2017"}
    assert found.notes == ("2 files have no row: OTHER", "1 files have a label that is no class: OTHER")


def test_without_a_mapping_all_are_other_and_it_goes_on(tree, tmp_path):
    root, _ = tree
    found = find(root, Options(str(tmp_path / "none.csv")))
    assert {record.labels for record in found.records} == {("OTHER",)}
    assert found.classes == CLASSES
    assert found.notes == (f"no mapping table {tmp_path / 'none.csv'}: every label is OTHER "
                           "(--dataset_args label_mapping=FILE.csv)",)
    write_table(tmp_path / "bad.csv", [("dataset", "record"), ("a", "b")])
    notes = find(root, Options(str(tmp_path / "bad.csv"))).notes
    assert notes == (f"{tmp_path / 'bad.csv'} has no column record_id, mapped_label: every label is OTHER",)


def test_other_is_always_a_class(tree):
    root, table = tree
    found = find(root, Options(str(table), classes=("MI", "LVH")))
    assert found.classes == ("MI", "LVH", "OTHER")
    assert {record.labels[0] for record in found.records if "A00003" in record.path} == {"LVH"}


def test_the_own_data_set_counts_before_others_and_the_longest_variant_first():
    index = {"A1": {("x", "AF"), ("y", "MI")}, "b/A1": {("x", "BBB")}}
    assert lookup("y/A1.hea", index) == "MI"
    assert lookup("x/c/A1.hea", index) == "AF"
    assert lookup("z/A1.hea", index) is None  # two rows of other sets that disagree
    assert lookup("z/b/A1", index) == "BBB"


def test_a_single_name_and_a_deep_path():
    assert path_variants("A00001.mat") == {"A00001", "A00001.mat"}
    assert "records100/00000/00001_lr.hea" in path_variants("ptb-xl/records100/00000/00001_lr.hea")


def test_recordings_of_different_leads_have_one_channel():
    signal = np.array([[1, 2, np.nan], [3, np.nan, np.nan], [5, 4, np.nan]], np.float32)
    record = Recording("r", signal, 100.0, ("V1", "II", "I"), "mV")
    single, mean = PrepareConfig(leads=("single",)), PrepareConfig(leads=("mean",))
    assert prepare_signal(record, single).signal[0, :2].tolist() == [5, 4]
    assert prepare_signal(record, mean).signal[0, :2].tolist() == [3, 3]
    assert np.isnan(prepare_signal(record, mean).signal[0, 2])
    other = Recording("r", signal[:2] * [[np.nan], [1]], 100.0, ("ECG1", "ECG2"), "mV")
    assert prepare_signal(other, single).signal[0, 0] == 3
    assert prepare_signal(other, single).channel_names == ("single",)
    assert describe(single) == ("one channel: lead I, or the first",)
