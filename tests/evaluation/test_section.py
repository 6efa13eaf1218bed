import numpy as np
import pytest
from invented import EVIL, invented_story, records
from invented_stages import stages_sections, summaries
from test_figures import texts_inside

from src.data.signal import TargetSpec
from src.evaluation.counting import IGNORED
from src.evaluation.evaluate import evaluate
from src.evaluation.predictions import Predictions
from src.evaluation.section import Section, keyed
from src.evaluation.write import write

TOKENS = TargetSpec("tokens", ("a", "o", "e", "never"))


@pytest.fixture(scope="module")
def sections():
    return stages_sections(2)


def of_kind(kind):
    """An evaluation of twelve records, as the stages give them."""
    rng = np.random.default_rng(0)
    table = records(np.zeros(12, int), subjects=2)
    if kind == "signal":
        import torch

        from src.evaluation.summaries import summarize_signal

        signal = torch.from_numpy(rng.normal(size=(12, 3, 50))).float()
        kept = summarize_signal(signal, 0.5 * signal, torch.tensor([[True, True, False]] * 12)).numpy()
        found = Predictions(np.arange(12), kept, np.zeros(12, int), 0.5)
        return evaluate(found, TargetSpec("signal", tuple("xyz")), table)
    if kind == "embedding":
        return evaluate(Predictions(np.arange(12), rng.normal(size=(12, 4)), np.arange(12) % 3, 0.5),
                        TargetSpec("embedding"), table)
    target = TOKENS if kind == "tokens" else TargetSpec("tokens", tuple(f"c{k}" for k in range(4)))
    labels = rng.integers(0, 3, (12, 5))
    kept = summaries(5.0 * np.eye(4, dtype=np.float32)[labels], labels)
    labels[:, 4] = IGNORED
    return evaluate(Predictions(np.arange(12), kept, labels, 0.5), target, table)


@pytest.mark.parametrize("kind", ["signal", "tokens", "codes", "embedding"])
def test_every_target_has_a_page_of_its_own(kind, tmp_path):
    story = invented_story()
    story.sections = [Section("Codebook", f"found {EVIL}")]
    page = write(of_kind(kind), tmp_path, story).read_text(encoding="utf-8")
    assert EVIL not in page
    assert "predictions only" not in page
    assert ("By channel" in page) == (kind == "signal")
    assert ("Confusion matrix" in page) == ("By class" in page) == (kind == "tokens")
    assert page.count("found &lt;script&gt;") == 1
    assert page.index("found &lt;script&gt;") < page.index("The data")


def csv_of(kind, folder):
    from csv import DictReader

    write(of_kind(kind), folder, invented_story())
    with (folder / "predictions.csv").open(encoding="utf-8") as file:
        return list(DictReader(file))


def test_predictions_of_signals_are_the_errors_of_each_record(tmp_path):
    first = csv_of("signal", tmp_path)[0]
    assert list(first) == ["record", "subject", "mse", *(f"explained_variance:{name}" for name in "xyz")]
    assert float(first["explained_variance:x"]) == pytest.approx(0.75, abs=1e-5)
    assert first["explained_variance:z"] == ""


def test_predictions_of_tokens_are_sequences_and_their_scores(tmp_path):
    first = csv_of("tokens", tmp_path)[0]
    assert list(first) == ["record", "subject", "tokens", "right", "cross_entropy", "label", "prediction"]
    assert (first["tokens"], first["right"]) == ("4", "4")
    assert first["label"] == first["prediction"]
    assert first["label"].endswith(" -")


def test_codes_have_no_names_to_list(tmp_path):
    assert list(csv_of("codes", tmp_path)[0]) == ["record", "subject", "tokens", "right", "cross_entropy"]


def test_embeddings_are_kept_as_arrays(tmp_path):
    assert list(csv_of("embedding", tmp_path)[0]) == ["record", "subject"]
    with np.load(tmp_path / "embeddings.npz", allow_pickle=False) as found:
        assert found["embedding"].shape == (12, 4)
        assert found["label"].tolist() == [0, 1, 2] * 4
        assert found["record"][1] == "rec001"


def test_pictures_and_numbers_of_sections_are_written(sections, tmp_path):
    import json

    story = invented_story()
    story.sections = [sections[0], sections[2]]
    write(of_kind("embedding"), tmp_path, story)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert EVIL not in page
    assert "<h3>Codes by class</h3>" in page
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert {"codebook", "codebook_what_the_codes_look_like", "masked_prediction"} <= names
    values = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["sections"]
    assert values["codebook"]["codes"] == 64
    assert values["masked_prediction"]["subjects"].keys() == {"001", "002"}


def test_no_text_of_a_picture_is_cut(sections):
    drawn = [section for _, section in keyed(sections) if section.figure]
    assert len(drawn) > 8
    for section in drawn:
        assert texts_inside(section.figure), section.title


def test_sections_of_one_title_have_keys_of_their_own():
    parts = [Section("A b!"), Section("A b?", parts=[Section("c")])]
    assert [key for key, _ in keyed(parts)] == ["a_b", "a_b_", "a_b__c"]
