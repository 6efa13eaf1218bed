import csv
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from invented import EVIL, invented_evaluation, invented_story, records

from src.data.signal import TargetSpec
from src.errors import UserError
from src.evaluation import words
from src.evaluation.evaluate import evaluate
from src.evaluation.predictions import Predictions
from src.evaluation.report import render
from src.evaluation.write import draw, results, write

EMPTY = {"meta", "img", "br"}


class Page(HTMLParser):
    """Tags, headings, addresses and the depth of what is still open."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.headings, self.addresses, self.open, self.text = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag) if tag not in EMPTY else None

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    evaluation = invented_evaluation()
    return evaluation, folder, write(evaluation, folder, invented_story()).read_text(encoding="utf-8")


def test_the_page_needs_no_script_and_no_network(written):
    page = Page(written[2])
    assert page.open == []
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert "default-src 'none'" in written[2]


def test_every_string_from_outside_is_escaped(written):
    assert EVIL not in written[2]
    assert written[2].count("&lt;script&gt;alert(1)&lt;/script&gt;") > 12


def test_the_page_tells_its_story_in_order(written):
    assert Page(written[2]).headings == ["By class", "Confusion matrix", "Curves", "Calibration", "Example recordings",
                                         "Codebook", "The data", "How to repeat it"]
    text = " ".join(" ".join(Page(written[2]).text).split())
    first = text.index("80 records of 8 subjects"), text.index("95 % interval"), text.index("Beats chance")
    assert sorted(first) == list(first)
    assert first[2] < text.index("By class")


def test_the_first_number_is_the_score_with_interval_and_chance(written):
    evaluation, _, page = written
    score, interval = evaluation.scores["accuracy"], evaluation.interval("accuracy")
    assert f'<div class="big">{score:.3f}</div>' in page
    assert f"95 % interval {interval.low:.3f}–{interval.high:.3f}; chance 0.250" in page


def test_pictures_are_there_as_files(written):
    found = {path.name for path in (written[1] / "figures").iterdir()}
    assert found == {f"{name}.png" for name in ("confusion", "f1", "roc", "precision_recall", "reliability",
                                                "training_loss", "training_metric")}


def test_predictions_stand_by_record_name(written):
    evaluation, folder, _ = written
    with (folder / "predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chances = [f"p:{name}" for name in evaluation.target.names]
    assert list(rows[0]) == ["record", "subject", "label", "prediction", *chances]
    assert [row["record"] for row in rows] == evaluation.records.record.tolist()
    right = np.mean([row["label"] == row["prediction"] for row in rows])
    assert right == evaluation.scores["accuracy"]
    assert [sum(float(row[name]) for name in chances) for row in rows] == pytest.approx([1] * 80, abs=1e-4)


def test_metrics_json_holds_the_exact_scores(written):
    evaluation, folder, _ = written
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert found["metrics"] == evaluation.scores
    assert found["chance"]["accuracy"] == 0.25
    assert [row["support"] for row in found["per_class"]] == [20, 20, 20, 20]
    assert found["resampling"] == {"unit": "subject", "units": 8, "draws": 1000, "usable": 1000, "seed": 0}
    low, high = found["intervals"]["auroc"]
    assert low <= found["metrics"]["auroc"] <= high


@pytest.mark.parametrize("kind", ["multilabel", "value"])
def test_other_targets_have_a_page(kind):
    evaluation = invented_evaluation(kind, 3)
    page = render(evaluation, invented_story(), draw(evaluation, []))
    assert "Found and missed" in page if kind == "multilabel" else "explains" in page
    assert Page(page).open == []


def test_data_without_labels_give_predictions_and_no_scores(tmp_path):
    _, scores = np.zeros(6, int), np.eye(3)[[0, 1, 2, 0, 1, 2]].astype(np.float32)
    table = records(np.zeros(6, int))
    evaluation = evaluate(Predictions(np.arange(6), scores), TargetSpec("classes", tuple("abc")), table)
    story = invented_story()
    page = write(evaluation, tmp_path, story).read_text(encoding="utf-8")
    assert "predictions only" in page
    header, first, *_ = (tmp_path / "predictions.csv").read_text(encoding="utf-8").splitlines()
    assert header == "record,subject,prediction,p:a,p:b,p:c"
    assert first.startswith("rec000,p0,a,0.57")


def test_what_is_not_defined_is_null_in_json_and_a_dash_for_people():
    table = records(np.zeros(6, int))
    evaluation = evaluate(Predictions(np.arange(6), np.eye(2)[[0] * 6], np.zeros(6, int)),
                          TargetSpec("classes", ("a", "b")), table)
    found = results(evaluation, invented_story())
    assert found["metrics"]["auroc"] is None
    assert found["left_out_of_macro"] == ["a", "b"]
    assert words.number(evaluation.scores["auroc"]) == "–"
    json.dumps(found, allow_nan=False)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write(invented_evaluation(), tmp_path / "file", invented_story())


def test_results_do_not_depend_on_the_order_of_predictions():
    evaluation = invented_evaluation()
    found, order = evaluation.predictions, np.random.default_rng(3).permutation(80)
    shuffled = Predictions(found.rows[order], found.scores[order], found.labels[order], found.loss)
    again = evaluate(shuffled, evaluation.target, records(found.labels))
    assert results(again, invented_story()) == results(evaluation, invented_story())


@pytest.mark.parametrize(("strength", "said"), [(2.0, "Beats chance"), (0.0, "Not distinguishable from chance"),
                                                (-4.0, "Worse than chance")])
def test_the_verdict_follows_the_interval(strength, said):
    from invented import invented

    labels, scores = invented("classes", 4, 200, strength=strength)
    target = TargetSpec("classes", tuple("abcd"))
    evaluation = evaluate(Predictions(np.arange(200), scores, labels), target, records(labels))
    assert words.verdict(evaluation).startswith(said)
    above = sum(row["recall"] > 0.5 for row in evaluation.by_class)
    assert f"{above} of 4 classes above 50 %" in words.verdict(evaluation)


def test_a_small_error_beats_chance_for_values():
    assert words.verdict(invented_evaluation("value", 2)).startswith("Beats chance; explains")


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [500, 1200])
def test_a_browser_shows_the_page_without_errors_or_sideways_scrolling(written, tmp_path, width):
    """The browser itself measures the page: a probe that is no part of the report, in a copy without its policy."""
    measures = ("document.documentElement.scrollWidth, innerWidth, images.length,"
                "images.every(i => i.naturalWidth > 0)")
    probe = ("<script>addEventListener('load', () => { const images = [...document.images];"
             f"document.title = [{measures}].join() }})</script>")
    copy = tmp_path / "probe.html"
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", written[2])
    copy.write_text(page + probe, encoding="utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
               f"--window-size={width},900", "--dump-dom", f"file://{copy}"]
    page = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    scroll, inner, images, drawn = re.search(r"<title>([^<]*)</title>", page).group(1).split(",")
    assert int(scroll) <= int(inner)
    assert (int(images), drawn) == (6, "true")
