"""The lead-I pipeline by its commands, from MIMIC-IV-ECG's files (simulated ones) to test metrics."""

from __future__ import annotations

import csv
import importlib
import shutil

import numpy as np
import pytest

import prepare
import train
from src.data.labels.configuration import DEFAULT
from src.data.readers.mat import read_mat
from tests.pipelines.ecgfm_files import write_raw

judge = importlib.import_module("test")  # the door


@pytest.fixture(scope="module")
def mimic(tmp_path_factory):
    return write_raw(tmp_path_factory.mktemp("raw") / "mimic")


def ecgfm(stage: str, base, raw=None, *more: str) -> int:
    roots = ["--base_dir", str(base), *(["--raw_root", str(raw)] if raw else [])]
    return prepare.main(["ecgfm", stage, *roots, *more])


def test_from_mimics_files_to_test_metrics(tmp_path, mimic, capsys):
    base, runs = tmp_path / "base", tmp_path / "runs"
    assert ecgfm("all", base, mimic, "--split_ratio", "0.5", "0.25", "0.25", "--num_workers", "0") == 0
    out = capsys.readouterr().out
    stages = ["--- split", "--- labels", "--- preprocess", "--- build"]  # weights come from the training part
    assert [line for line in out.splitlines() if line.startswith("---")] == stages
    assert "weights    counted over the training part" in out
    manifests = base / "build/data/finetune_lead1_duplicated/manifests"
    assert train.main(["--model", "ecg_transformer", "--preset", "tiny", "--dataset", "manifest", "--data_path",
                       str(manifests), "--pos_weight", str(manifests / "pos_weight.txt"), "--normalize", "none",
                       "--monitor", "loss", "--batch_size", "8", "--max_steps", "2", "--save_dir", str(runs),
                       "--experiment_name", "lead1", "--no_use_tensorboard"]) == 0
    capsys.readouterr()
    assert judge.main(["--weights", str(runs / "lead1"), "--layout", "ecgfm", "--base_dir", str(base)]) == 0
    written = {path.name.partition("_")[0]: path for path in (base / "eval/data").iterdir()}
    listed = rows_of(base / "build/data/test_lead1_duplicated/test_file_list.csv")
    predictions, metrics = rows_of(written["predictions"]), rows_of(written["eval"])
    assert sorted(row["study_id"] for row in predictions) == sorted(row["study_id"] for row in listed)
    names = [row["name"] for row in rows_of(manifests / "label_def.csv")]
    assert list(predictions[0]) == ["study_id", *names]
    assert [row["label"] for row in metrics] == [*names, "__macro__", "__micro__"]
    assert int(metrics[-1]["n_pos"]) + int(metrics[-1]["n_neg"]) == 17 * len(listed)
    assert f"{len(listed)} records of" in capsys.readouterr().out  # the report judges records, too


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_check_tells_what_is_there_and_where_the_rest_comes_from(tmp_path, mimic, capsys):
    assert ecgfm("check", tmp_path) == 2
    out = capsys.readouterr().out
    assert out.count("missing") == 3
    assert "physionet.org/content/mimic-iv-ecg/1.0 (open, ODbL 1.0)" in out
    assert "raw_for_labeling/machine_measurements.csv" in out
    assert "label_inputs/machine_measurements.csv" in out
    assert ecgfm("check", tmp_path, mimic) == 0
    out = capsys.readouterr().out
    assert "its first record can be read" in out
    assert out.count("to do") == 4
    assert ecgfm("split", tmp_path, mimic) == 0
    capsys.readouterr()
    assert ecgfm("check", tmp_path, mimic, "--leads", "V1") == 0
    out = capsys.readouterr().out
    assert "done       split" in out
    assert "lead_7_duplicated, 0 files" in out
    assert "for 24 records of 10 s" in out


def test_leads_have_folders_of_their_own_and_lie_in_their_rows(tmp_path, mimic):
    assert ecgfm("all", tmp_path, mimic, "--leads", "II", "V1", "--limit", "8", "--num_workers", "0") == 0
    path = next((tmp_path / "preprocess/data/leads_2-7").glob("*.mat"))
    assert np.flatnonzero(read_mat(path, "feats").any(axis=1)).tolist() == [1, 6]
    assert len(list((tmp_path / "build/data/finetune_leads2-7/segmented_5s").iterdir())) == 16


def test_labeler_config_and_labeler_args_decide_the_labels(tmp_path, mimic):
    config, table = tmp_path / "config", tmp_path / "labels/computed_labels/labels.csv"
    shutil.copytree(DEFAULT, config)
    (config / "label_def.csv").write_text("name\nSinus rhythm\n")
    (tmp_path / "labels/label_inputs").mkdir(parents=True)
    (tmp_path / "labels/label_inputs/machine_measurements.csv").write_text(
        "study_id,report_0,report_1\n1,No sinus rhythm,\n2,Sinus rhythm,\n")
    assert ecgfm("labels", tmp_path, None, "--labeler_config", str(config)) == 0
    assert table.read_text() == "idx,Sinus rhythm\n0,1\n1,1\n"
    assert ecgfm("labels", tmp_path, None, "--labeler_config", str(config), "--labeler_args", "mode=attrib_absent") == 0
    assert table.read_text() == "idx,Sinus rhythm\n0,0\n1,1\n"


def test_check_reads_a_recording(tmp_path, mimic, capsys):
    (tmp_path / "split/data").mkdir(parents=True)
    (tmp_path / "split/data/record_list.csv").write_text("study_id,path\n1,files/nowhere/1\n")
    assert ecgfm("check", tmp_path, mimic) == 2
    assert "missing    recordings (WFDB)" in capsys.readouterr().out


def test_the_base_folder_is_the_flags_before_the_variables(tmp_path, mimic, monkeypatch):
    monkeypatch.setenv("ECG_FINETUNE_BASE", str(tmp_path / "variable"))
    assert ecgfm("split", tmp_path / "flag", mimic) == 0
    assert prepare.main(["ecgfm", "split", "--raw_root", str(mimic)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flag", "variable"]


@pytest.mark.parametrize(("words", "said"), [
    (["ecgfm"], "no stage"),
    (["ecgfm", "biuld"], "did you mean build?"),
    (["ecgfm", "split", "--leads", "II"], "--leads: has no effect on prepare.py ecgfm split"),
    (["ecgfm", "split", "--valid-frac", "0.2"], "did you mean --split_ratio?"),
    (["ecgfm", "split", "--split_ratio", "0.8", "0.8", "0.1"], "expected shares with a sum of 1"),
    (["ecgfm", "preprocess"], "--raw_root is not given"),
    (["ecgfm", "all", "--raw_root", "r", "--leads", "MLII"], "MLII is none of the leads"),
    (["ecgfm", "labels", "--labeler_args", "mode=absent"], "mode=absent"),
    (["ecgfm", "preprocess", "--raw_root", "r", "--replica", "--prepare_args", "gaps=zero"],
     "has no effect with --replica"),
])
def test_mistakes_are_said(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert prepare.main(words) == 2
    assert said in capsys.readouterr().err
