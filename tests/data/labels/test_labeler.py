from __future__ import annotations

import shutil

import numpy as np
import pytest

from src.data.labels import labeler as module
from src.data.labels.configuration import DEFAULT
from src.data.labels.labeler import Labeler, label_names, label_texts
from src.errors import UserError


def labels(text: str, mode: str = "upstream") -> dict[str, float]:
    kept = label_names()
    return {name: value for name, value in Labeler.open(None, mode).read(text).labels.items() if name in kept}


def test_a_bundle_branch_block_with_a_fascicular_block_is_bifascicular_and_certain():
    assert labels("Possible RBBB with LAFB") == {"Right bundle branch block": 1.0, "Bifascicular block": 1.0}


def test_a_fast_rhythm_with_a_bundle_branch_block_counts_as_aberrant_unless_it_is_ventricular():
    assert "Supraventricular tachycardia with aberrancy" in labels("Sinus tachycardia with LBBB")
    assert "Supraventricular tachycardia with aberrancy" not in labels("Ventricular tachycardia with RBBB")


def test_descriptors_count_upstream_only_beside_a_connective():
    assert labels("Possible anterior infarct")["Infarction"] == 1.0
    assert labels("Possible anterior infarct and LVH")["Infarction"] == 0.5
    assert labels("Possible anterior infarct", "attrib")["Infarction"] == 0.5


def test_each_step_to_a_more_general_entity_takes_away_three_tenths_of_the_doubt():
    found = labels("Possible sinus tachycardia", "attrib")
    assert found == pytest.approx({"Sinus rhythm": 0.65, "Tachycardia": 0.65})
    deeper = labels("Possible atrial flutter", "attrib")  # flutter, supraventricular tachycardia, tachycardia
    assert deeper == pytest.approx({"Atrial flutter": 0.5, "Accessory pathway conduction": 0.65, "Tachycardia": 0.755})


def test_only_the_third_mode_takes_negation_as_such():
    text = "No evidence of infarct"
    assert labels(text) == labels(text, "attrib") == {"Infarction": 1.0}
    assert labels(text, "attrib_absent") == {}


def test_equal_texts_get_equal_rows_in_the_order_of_the_texts():
    table = label_texts(["RBBB", "", "LBBB", "RBBB"], workers=1)
    assert table.shape == (4, 17)
    assert [np.array(label_names())[row > 0].tolist() for row in table] == [
        ["Right bundle branch block"], [], ["Left bundle branch block"], ["Right bundle branch block"]]
    assert label_texts([], workers=1).shape == (0, 17)


def test_processes_give_what_one_gives(monkeypatch):
    monkeypatch.setattr(module, "FEW", 0)
    monkeypatch.setattr(module, "CHUNK", 7)
    texts = [f"{rhythm} {finding}" for rhythm in ("Sinus rhythm", "Atrial flutter", "VT")
             for finding in ("RBBB", "LVH", "possible infarct and LBBB", "no PVCs", "1st degree AV block")]
    assert np.array_equal(label_texts(texts, workers=2), label_texts(texts, workers=1))


def test_the_published_configuration_finds_its_tables_beside_its_folder(tmp_path):
    config = tmp_path / "config"
    shutil.copytree(DEFAULT, config, ignore=shutil.ignore_patterns("normalisation*"))
    assert "Infarction" in Labeler.open(config).read("old mi").labels  # our own table
    (tmp_path / "normalisation_terms.csv").write_text("order,term,replacement\n0,mi,sinus rhythm\n")
    assert "Sinus rhythm" in Labeler.open(config).read("old mi").labels


@pytest.mark.parametrize(("rows", "says"), [
    ("name\nInfarktion\n", "did you mean Infarction"), ("label\nInfarction\n", "expected a column name"),
    ("name\n", "no label"), ("name\nInfarction\nInfarction\n", "twice")])
def test_label_definitions_that_do_not_fit_are_refused(tmp_path, rows, says):
    config = tmp_path / "config"
    shutil.copytree(DEFAULT, config)
    (config / "label_def.csv").write_text(rows)
    with pytest.raises(UserError, match=says):
        label_texts(["RBBB"], config)


def test_unknown_modes_are_refused():
    with pytest.raises(UserError, match="did you mean attrib"):
        Labeler(mode="atrib")
