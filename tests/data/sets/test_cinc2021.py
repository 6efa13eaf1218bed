from __future__ import annotations

import pytest

from src.data.sets.cinc2021 import Options, find, source_of
from src.data.sets.snomed import scored_classes
from src.errors import UserError
from tests.data.sets.fakes import write_cinc2021


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cinc2021")
    write_cinc2021(folder)
    return folder


def labels(found):
    return {record.name: record.labels for record in found.records}


def test_equal_codes_are_one_class_and_unscored_ones_none(root):
    found = find(root, Options())
    assert len(found.classes) == 26
    assert labels(found) == {"A0001": ("CRBBB|RBBB",), "Q0001": ("AFL", "PR"), "HR00001": ("NSR",),
                             "E00001": ("PAC|SVPB",), "JS00001": ("CRBBB|RBBB", "PAC|SVPB"), "JS20000": ()}
    assert found.notes == ("1 records have none of the classes", "PTB_XL records are those of the set ptbxl: after "
                           "training here a test there means nothing")


def test_the_classes_and_sources_of_2020(root):
    found = find(root, Options(year=2020))
    assert (found.protocol, find(root, Options()).protocol) == ("cinc2020", "cinc2021")
    assert len(found.classes) == 24
    assert not {"BBB", "PRWP", "CLBBB|LBBB"} & set(found.classes)
    assert scored_classes(2020)["LBBB"] == ("164909002",)
    assert set(labels(found)) == {"A0001", "Q0001", "HR00001", "E00001"}
    assert "2 records of other sources left out" in found.notes


def test_every_code_as_a_class(root):
    found = find(root, Options(labels="all", sources=("Georgia", "Ningbo")))
    assert found.classes == ("111111", "63593006", "67741000119109")
    assert labels(found)["E00001"] == ("63593006", "111111")


def test_one_source_left_out_is_the_whole_test_part(root):
    found = find(root, Options(test_source="Georgia", sources=("CPSC",)))
    assert {record.name: record.subset for record in found.records} == {"A0001": "train", "E00001": "test"}


def test_people_and_sources(root):
    info = {record.name: record.info for record in find(root, Options()).records}
    assert info["A0001"] == {"age": "55", "sex": "male", "source": "CPSC"}
    assert info["Q0001"] == {"sex": "female", "source": "CPSC_Extra"}
    assert info["JS00001"]["source"] == "Chapman_Shaoxing"
    assert info["JS20000"]["source"] == "Ningbo"
    assert source_of("X0001") == source_of("labels") == ""


def test_a_header_without_its_signals_is_missing(tmp_path):
    write_cinc2021(tmp_path)
    (tmp_path / "training/set0/g1/A0001.mat").unlink()
    assert find(tmp_path, Options()).missing == {"A0001": "no such file: A0001.mat"}


def test_an_unknown_source_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match="did you mean Ningbo"):
        Options(test_source="ningbo")


def test_the_real_originals(recordings):
    found = labels(find(recordings / "cinc2021", Options()))
    assert found["A2712"] == ("AF",)
    assert found["E07510"] == ("CRBBB|RBBB", "SB")
    assert len(found) == 7
