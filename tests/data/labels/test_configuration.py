from __future__ import annotations

import json
import shutil

import pytest

from src.data.labels.configuration import DEFAULT, read_configuration
from src.data.labels.labeler import Labeler
from src.errors import UserError


@pytest.fixture
def folder(tmp_path):
    for path in DEFAULT.iterdir():
        shutil.copy(path, tmp_path)
    return tmp_path


def change(folder, file: str, edit) -> None:
    items = json.loads((folder / file).read_text())
    edit(items)
    (folder / file).write_text(json.dumps(items))


def add(item):
    return lambda items: items.append(item)


@pytest.mark.parametrize(("file", "edit", "says"), [
    ("entity_tem.json", add({"name": "Tachycardia"}), "'Tachycardia' twice"),
    ("entity_tem.json", add({"name": "New", "sup": ["Tachicardia"]}), "did you mean Tachycardia"),
    ("entity_tem.json", lambda items: items[0].update(sup=["Artifact"]), "goes round in a circle"),
    ("entity_tem.json", add("text"), "needs the fields name"),
    ("entity_pat.json", add({"pattern": "possible", "entities": []}), "'possible' twice"),
    ("entity_pat.json", add({"pattern": "", "entities": []}), "empty or no text"),
    ("entity_pat.json", add({"pattern": "new", "entities": [{"tem": "Infarction", "descriptors": ["Odd"]}]}), "'Odd'"),
    ("desc_pat.json", add({"pattern": "new", "descriptors": ["Old"], "before_after": "x"}), "expected b, a or ab"),
    ("connective.json", add({"pattern": "new", "descriptors": [[]]}), "needs two lists"),
    ("uncertainty_map.json", lambda items: items.update(Possible=2), "expected 0 to 1"),
    ("compound_tem.json", add({"entity": "Infarction", "including": "Ischemia"}), "expected a list")])
def test_a_wrong_configuration_is_refused_by_name(folder, file, edit, says):
    change(folder, file, edit)
    with pytest.raises(UserError, match=says):
        read_configuration(folder)


@pytest.mark.parametrize("text", ["{", "[1, 2]", '{"a": 1}', "[" * 100000])
def test_a_file_that_is_no_list_of_objects_is_refused(folder, text):
    (folder / "entity_pat.json").write_text(text)
    with pytest.raises(UserError, match="entity_pat"):
        read_configuration(folder)


def test_a_missing_required_file_is_named_and_optional_ones_may_lack(folder):
    for path in folder.glob("*.json"):
        if not path.name.startswith("entity"):
            path.unlink()
    assert Labeler(folder).read("possible infarct").labels == {"Infarction": 1.0}
    (folder / "entity_pat.json").unlink()
    with pytest.raises(UserError, match=r"entity_pat\.json is missing"):
        read_configuration(folder)


def test_a_part_of_a_split_descriptor_is_not_split_again(folder):
    (folder / "split_desc_tem.json").write_text(json.dumps(
        [{"name": "Anterolateral", "split": ["Anterior", "Anterolateral"], "patterns": ["anterolateral"]}]))
    with pytest.raises(UserError, match="split of Anterolateral names 'Anterolateral'"):
        read_configuration(folder)


def test_many_ways_up_are_not_walked_one_by_one(tmp_path):
    items = [{"name": "0"}, *({"name": f"{level}{side}", "sup": ["0"] if level == 1 else [
        f"{level - 1}a", f"{level - 1}b"]} for level in range(1, 60) for side in "ab")]
    (tmp_path / "entity_tem.json").write_text(json.dumps(items))
    (tmp_path / "entity_pat.json").write_text(json.dumps([{"pattern": "deep", "entities": ["59a"]}]))
    assert Labeler(tmp_path).graph.steps["59a"]["0"] == 59
