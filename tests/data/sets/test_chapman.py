from __future__ import annotations

import csv
import sys
import zipfile

import pytest

from src.data.leads import STANDARD_12
from src.data.readers import read_recording
from src.data.sets.chapman import RHYTHMS, Options, find
from src.data.sets.spreadsheet import read_spreadsheet
from src.errors import BadRecord, UserError
from tests.data.sets.fakes import write_chapman


def test_four_groups_or_eleven_rhythms(tmp_path):
    write_chapman(tmp_path)
    groups, rhythms = find(tmp_path, Options()), find(tmp_path, Options(labels="rhythms"))
    assert groups.classes == ("SB", "AFIB", "GSVT", "SR")
    assert [record.labels[0] for record in groups.records] == ["SB", "AFIB", "SR", "GSVT"]
    assert [record.labels[0] for record in rhythms.records] == ["SB", "AF", "SI", "SVT"]
    assert len(RHYTHMS) == 11
    assert groups.records[1].info == {"age": "51", "sex": "female"}
    assert len({record.subject for record in groups.records}) == 4
    assert len(groups.missing) == 1


def test_the_denoised_version_is_another_folder(tmp_path):
    write_chapman(tmp_path)
    with pytest.raises(UserError, match="any of 5 recordings"):
        find(tmp_path, Options(denoised=True))
    (tmp_path / "ECGData").rename(tmp_path / "ECGDataDenoised")
    path = tmp_path / find(tmp_path, Options(denoised=True)).records[0].path
    assert path.parent.name == "ECGDataDenoised"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))  # which has no line of names
    recording = read_recording(path)
    assert recording.channel_names == STANDARD_12
    assert (recording.sampling_rate_hz, recording.unit) == (500, "uV")


def test_an_unknown_rhythm_is_refused(tmp_path):
    write_chapman(tmp_path)
    table = tmp_path / "Diagnostics.csv"
    table.write_text(table.read_text().replace(",SVT,", ",VT,"))
    with pytest.raises(BadRecord, match="rhythm 'VT' is unknown"):
        find(tmp_path, Options())


def test_the_spreadsheet_as_published(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    write_chapman(tmp_path)
    book = openpyxl.Workbook()
    for row in csv.reader((tmp_path / "Diagnostics.csv").read_text().splitlines()):
        book.active.append([int(cell) if cell.isdigit() else cell for cell in row])
    book.save(tmp_path / "Diagnostics.xlsx")
    from_csv = find(tmp_path, Options())
    (tmp_path / "Diagnostics.csv").unlink()
    assert find(tmp_path, Options()) == from_csv


def test_without_the_extra_the_command_that_installs_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UserError, match="uv sync --extra xlsx"):
        read_spreadsheet(tmp_path / "Diagnostics.xlsx")


def test_a_damaged_spreadsheet_and_one_that_would_unpack_to_too_much_are_refused(tmp_path, monkeypatch):
    pytest.importorskip("openpyxl")
    path = tmp_path / "d.xlsx"
    path.write_bytes(b"PK\3\4 no archive")
    with pytest.raises(UserError, match="not a readable spreadsheet"):
        read_spreadsheet(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 5000)
    with pytest.raises(UserError, match="not a readable spreadsheet"):
        read_spreadsheet(path)
    monkeypatch.setattr("src.data.sets.spreadsheet.LARGEST", 1000)
    with pytest.raises(UserError, match="too large for a table"):
        read_spreadsheet(path)
