from __future__ import annotations

import shutil

import pytest

from src.data.labels.configuration import DEFAULT
from src.errors import UserError
from src.pipelines.ecgfm_tables import WRITTEN, labels_stage, split_stage


@pytest.fixture
def base(tmp_path):
    (tmp_path / "split" / "data").mkdir(parents=True)
    (tmp_path / "labels" / "label_inputs").mkdir(parents=True)
    (tmp_path / "split" / "data" / "record_list.csv").write_text(
        "subject_id,study_id,path\n" + "".join(f"{row // 2},{row},p\n" for row in range(40)))
    (tmp_path / "labels" / "label_inputs" / "machine_measurements.csv").write_text(
        "study_id,report_0,report_1\n" + "".join(f"{row},Sinus rhythm,{'RBBB' if row % 4 else ''}\n"
                                                  for row in range(40)))
    return tmp_path


def test_the_two_stages_write_the_folders_of_the_pipeline(base):
    lines = split_stage(base)
    assert "train=32, valid=4, test=4" in lines[1]
    assert not any("leaks" in line for line in lines)
    lines = labels_stage(base, workers=1)
    assert {path.name for path in (base / "labels" / "computed_labels").iterdir()} == set(WRITTEN)
    assert any(line.startswith("Right bundle branch block") and "75.000%" in line for line in lines)
    assert "weights    counted over the training part" in lines


def test_the_originals_way_says_that_it_leaks(base):
    assert any("leaks" in line for line in split_stage(base, replica=True))
    assert any("test included" in line for line in labels_stage(base, replica=True, workers=1))


def test_the_pipelines_own_configuration_comes_before_ours(base):
    own = base / "labels" / "ecg_fm_labeler_config"
    shutil.copytree(DEFAULT, own)
    (own / "label_def.csv").write_text("name\nSinus rhythm\n")
    labels_stage(base, workers=1)
    assert (base / "labels" / "computed_labels" / "labels.csv").read_text().startswith("idx,Sinus rhythm\n")
    labels_stage(base, labeler_config=DEFAULT, workers=1)
    assert len((base / "labels" / "computed_labels" / "pos_weight.txt").read_text().split()) == 17


def test_what_is_missing_is_named_with_every_place_that_was_looked_at(base):
    shutil.rmtree(base / "labels")
    with pytest.raises(UserError, match=r"raw_for_labeling.*label_inputs"):
        labels_stage(base)


def test_a_configuration_that_is_not_there_is_named(base):
    with pytest.raises(UserError, match="nowhere: no such folder"):
        labels_stage(base, labeler_config=base / "nowhere")
