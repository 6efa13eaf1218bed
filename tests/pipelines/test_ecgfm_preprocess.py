from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from src.data.readers.mat import read_mat
from src.data.readers.wfdb import read_wfdb
from src.errors import UserError
from src.interop.layouts.ecgfm import Tree
from src.interop.mat_files import write_mat
from src.pipelines.ecgfm_preprocess import preprocess_stage, read_column
from src.pipelines.ecgfm_signals import SignalOptions, standardised
from src.pipelines.ecgfm_tables import split_stage
from tests.pipelines.ecgfm_files import write_raw


@pytest.fixture(scope="module")
def mimic(tmp_path_factory):
    return write_raw(tmp_path_factory.mktemp("raw") / "mimic", records=8)


@pytest.fixture
def tree(tmp_path, mimic):
    split_stage(tmp_path, raw_root=mimic)
    return Tree(tmp_path)


def files(tree):
    return {path.name: path.stat().st_mtime_ns for path in tree.mats.glob("*.mat")}


def run(tree, raw, **more):
    return preprocess_stage(tree, raw, more.pop("options", SignalOptions()), workers=0, **more)


def test_each_record_becomes_a_file_of_its_lead(tree, mimic):
    lines = run(tree, mimic)
    assert len(files(tree)) == 8
    assert "8 files, 8 records now, 0 were there" in lines[1]
    study, path = next(iter(read_column(mimic / "record_list.csv", "path").items()))
    recording = read_wfdb(mimic, path)
    assert recording.channel_names[4:6] == ("aVF", "aVL")  # MIMIC's order
    feats = read_mat(tree.mats / f"mimic_iv_ecg_{study}.mat", "feats")
    step = round(500 / recording.sampling_rate_hz)
    lead = recording.signal[0].astype(float)
    line = np.interp(np.arange(5000), np.linspace(0, 4999, len(lead)), lead) if step > 1 else lead
    assert np.allclose(feats, np.tile(standardised(line[None]), (12, 1)), atol=1e-5)


def test_a_second_run_writes_only_what_is_missing(tree, mimic):
    run(tree, mimic)
    before = files(tree)
    gone = next(iter(before))
    (tree.mats / gone).rename(tree.mats / f".{gone}.77.tmp")  # as a killed process leaves it
    assert "8 files, 1 records now, 7 were there" in run(tree, mimic)[1]
    after = files(tree)
    assert not list(tree.mats.glob("*.tmp"))
    assert {name for name in before if before[name] != after[name]} == {gone}


def test_what_failed_is_counted_named_and_tried_again(tree, mimic, tmp_path):
    raw = tmp_path / "raw"
    shutil.copytree(mimic, raw)
    path = list(read_column(raw / "record_list.csv", "path").values())[3]
    (raw / f"{path}.dat").rename(raw / "away")
    lines = run(tree, raw)
    assert any(line.startswith("note       1 records have no file: no such file") for line in lines)
    assert "7 files, 8 records now" in lines[1]
    failures = tree.mats.with_name("lead_1_duplicated_failures.csv")
    assert path.rpartition("/")[2] in failures.read_text()
    (raw / "away").rename(raw / f"{path}.dat")
    assert "8 files, 1 records now" in run(tree, raw)[1]
    assert failures.read_text() == "study_id,reason\n"


def test_other_settings_in_the_same_folder_are_refused(tree, mimic):
    run(tree, mimic)
    with pytest.raises(UserError, match=r"was begun with .*'flat': 'drop'"):
        run(tree, mimic, options=SignalOptions(flat="zero"))
    run(Tree(tree.base, (1, 2)), mimic, options=SignalOptions(flat="zero"))
    assert len(list((tree.base / "preprocess/data/leads_1-2").glob("*.mat"))) == 8


def test_a_journal_that_was_torn_goes_on(tree, mimic):
    run(tree, mimic)
    journal = tree.mats.with_suffix(".jsonl")
    journal.write_bytes(journal.read_bytes()[:-10])
    assert "8 files, 1 records now, 7 were there" in run(tree, mimic)[1]
    assert len([json.loads(line) for line in journal.read_text().splitlines()]) == 9


def test_a_limit_takes_the_first_of_the_split(tree, mimic):
    run(tree, mimic, limit=3)
    studies = [line.split(",")[0] for line in (tree.base / "split/data/meta_split.csv").read_text().splitlines()[1:4]]
    assert set(files(tree)) == set(studies)


def test_a_path_out_of_the_raw_folder_is_no_record(tree, mimic, tmp_path):
    table = tmp_path / "split/data/record_list.csv"
    lines = (mimic / "record_list.csv").read_text().splitlines()
    first = lines[1].split(",")
    table.write_text("\n".join([lines[0], ",".join([*first[:-1], f"../{mimic.name}/{first[-1]}"]), *lines[2:]]))
    assert any("lies outside the folder" in line for line in run(tree, mimic))
    assert len(files(tree)) == 7


def test_files_that_are_not_what_they_should_be_stop_the_stage(tree, mimic):
    run(tree, mimic)
    write_mat(next(tree.mats.glob("*.mat")), {"feats": np.zeros((12, 10)), "curr_sample_rate": np.array([[500.0]])})
    with pytest.raises(UserError, match=r"float64\(12, 10\).*expected float32 \(12, 5000\)"):
        run(tree, mimic)


def test_what_a_stage_needs_is_named(tmp_path, mimic):
    with pytest.raises(UserError, match="ecgfm split makes it"):
        run(Tree(tmp_path), mimic)
    with pytest.raises(UserError, match="no such folder"):
        run(Tree(tmp_path), tmp_path / "nowhere")
