from __future__ import annotations

import csv
import io
import math

import pytest
from rich.console import Console

from src.pipelines.stage_table import MEAN, Cell, Score, StageTable

SCORES = [Score("001", "scratch", 0, 0.5, 20, 0.1), Score("001", "scratch", 1, 0.7, 20, 0.1),
          Score("001", "mae", 0, 0.8, 20, 0.1), Score("002", "scratch", 0, 0.2, 20, 0.1)]


@pytest.fixture
def table():
    return StageTable(SCORES, ("scratch", "mae"), "Words")


def shown(table: StageTable, width: int = 80) -> str:
    page = io.StringIO()
    table.show(Console(file=page, width=width))
    return page.getvalue()


def test_a_subject_has_the_mean_and_standard_error_over_its_seeds(table):
    cell = table.cell("001", "scratch")
    assert (cell.mean, cell.error, cell.count) == (pytest.approx(0.6), pytest.approx(0.1), 2)


def test_the_last_row_is_over_the_means_of_subjects(table):
    cell = table.cell(MEAN, "scratch")
    assert (cell.mean, cell.error, cell.count) == (pytest.approx(0.4), pytest.approx(0.2), 2)


def test_of_one_subject_the_mean_is_over_its_seeds():
    one = StageTable(SCORES[:2], ("scratch",), "Words")
    assert one.cell(MEAN, "scratch") == one.cell("001", "scratch")
    assert one.rows == ["001"]


def test_one_value_has_no_error_and_none_is_left_open(table):
    assert math.isnan(table.cell("001", "mae").error)
    assert str(table.cell("001", "mae")) == "80.0"
    assert str(table.cell("002", "mae")) == "–"
    assert str(Cell.of([])) == "–"


def test_what_is_shown_fits_eighty_columns_and_says_chance(table):
    text = shown(table)
    assert "60.0 ± 10.0" in text
    assert "Chance 10.0." in text
    assert max(map(len, text.splitlines())) <= 80


def test_csv_has_numbers_and_single_scores_a_line_each(table, tmp_path):
    paths = table.write(tmp_path, draw=True)
    assert [path.name for path in paths] == ["table.csv", "scores.csv", "table.png"]
    rows = list(csv.DictReader(io.StringIO(paths[0].read_text(encoding="utf8"))))
    assert rows[0] == {"subject": "001", "scratch_mean": "0.6", "scratch_se": "0.1", "scratch_n": "2",
                       "mae_mean": "0.8", "mae_se": "", "mae_n": "1"}
    assert rows[1]["mae_mean"] == ""
    assert len(paths[1].read_text(encoding="utf8").splitlines()) == 1 + len(SCORES)
    assert paths[2].read_bytes().startswith(b"\x89PNG")


def test_a_name_from_a_file_is_text_and_is_cut_where_it_is_long():
    name = "[red]" + "x" * 60
    assert "[red]xxxxxxxxxx…" in shown(StageTable([Score(name, "mae", 0, 1.0)], ("mae",), "Words"))
