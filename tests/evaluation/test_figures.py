import numpy as np
import pytest
from invented import EVIL, invented_evaluation

from src.data.signal import SignalSpec, TargetSpec
from src.evaluation import figures, style
from src.evaluation.evaluate import confusion, label_counts
from src.evaluation.recordings import choose_examples, recording_figure, rounded, thinned
from src.evaluation.training_curves import comparison_figure, training_figures


def texts_inside(figure):
    """Every visible text of a figure, checked to lie inside its edges once laid out."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    with style.house_style():
        FigureCanvasAgg(figure).draw()
    whole = figure.bbox
    found = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    found = [text for text in found if text not in beyond_the_axes(figure)]
    for text in found:
        box = text.get_window_extent()
        assert box.x0 >= whole.x0 - 1, text.get_text()
        assert box.x1 <= whole.x1 + 1, text.get_text()
        assert box.y0 >= whole.y0 - 1, text.get_text()
        assert box.y1 <= whole.y1 + 1, text.get_text()
    return [text.get_text() for text in found]


def beyond_the_axes(figure):
    """Labels of ticks that matplotlib keeps but does not draw."""
    hidden = []
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        hidden += [tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high]
    return hidden


@pytest.mark.parametrize("classes", [2, 12, 61])
def test_no_label_of_a_confusion_matrix_is_cut(classes):
    names = tuple(f"a long name {k}" for k in range(classes))
    evaluation = invented_evaluation(classes=classes, n=4 * classes, names=names)
    shown = texts_inside(figures.confusion_figure(confusion(evaluation), evaluation.target.names))
    assert shown.count("a long name 1") == 2


def test_the_confusion_matrix_counts_true_by_row():
    evaluation = invented_evaluation(classes=3, n=60)
    matrix, labels = confusion(evaluation), evaluation.predictions.labels
    assert matrix.sum(1).tolist() == np.bincount(labels).tolist()
    assert matrix[0, 1] == np.sum((labels == 0) & (evaluation.decisions == 1))


def test_found_and_missed_labels_add_up():
    evaluation = invented_evaluation("multilabel", 3)
    counts = label_counts(evaluation)
    assert (counts.sum(1) == 80).all()
    assert counts[:, :2].sum(1).tolist() == [row["support"] for row in evaluation.by_class]


@pytest.mark.parametrize("kind", ["classes", "multilabel"])
def test_charts_of_an_evaluation_hold_all_their_text(kind):
    evaluation = invented_evaluation(kind, 10 if kind == "classes" else 4)
    found = evaluation.predictions
    bars = texts_inside(figures.f1_figure(evaluation.by_class, evaluation.class_intervals("f1")))
    assert sum("(" in text and "F1" not in text for text in bars) == evaluation.target.outputs
    texts_inside(figures.reliability_figure(evaluation.calibration))
    curves = figures.curves_figures(evaluation.target, found.labels, found.scores, evaluation.by_class)
    legend = texts_inside(curves["roc"])
    assert any(text.startswith("best" if kind == "classes" else "word 0") for text in legend)


def test_svg_takes_the_colour_of_the_page_and_never_markup_from_names():
    evaluation = invented_evaluation(names=("a", "$x^2$", "b", EVIL))
    svg = style.to_svg(figures.confusion_figure(confusion(evaluation), evaluation.target.names), "confusion")
    assert svg.startswith('<svg role="img" aria-label="confusion"')
    assert "currentColor" in svg
    assert style.INK not in svg
    assert "<script" not in svg
    assert "$x^2$" in svg
    assert 'id="confusion-' in svg


def test_ids_of_two_figures_of_one_page_differ():
    import re

    evaluation = invented_evaluation()
    figure = figures.confusion_figure(confusion(evaluation), evaluation.target.names)
    ids = [set(re.findall(r'id="([^"]+)"', style.to_svg(figure, name))) for name in ("one", "two")]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_training_curves_come_from_epoch_rows_that_may_be_incomplete():
    rows = [{"epoch": 0, "train": {"loss": 1.0}},
            {"epoch": 1, "train": {"loss": 0.5}, "val": {"loss": 0.7, "auroc": 0.8},
             "monitor": {"name": "auroc", "value": 0.8, "best": 0.8, "is_best": True}}]
    assert set(training_figures(rows)) == {"training_loss", "training_metric"}
    assert "validation auroc" in texts_inside(training_figures(rows)["training_metric"])
    assert training_figures([]) == {}
    texts_inside(comparison_figure({"lr 0.1": [rows, rows], "lr 0.001, and many other settings": [[]]}))


@pytest.mark.parametrize(("unit", "channels"), [("mV", 12), ("µV", 40), ("mV", 1)])
def test_recordings_of_any_size_are_drawn(unit, channels):
    signal = np.random.default_rng(0).normal(size=(channels, 1000)).astype(np.float32)
    signal[0, :10] = np.nan
    spec = SignalSpec(tuple(f"c{k}" for k in range(channels)), 500.0, unit, 1000)
    shown = texts_inside(recording_figure(signal, spec))
    assert f"c{min(channels, 16) - 1}" in shown
    assert any(unit in text for text in shown)


def test_flat_recordings_are_drawn():
    texts_inside(recording_figure(np.zeros((3, 100)), SignalSpec(("a", "b", "c"), 100.0, "µV", 100)))


def test_thinning_keeps_spikes():
    trace = np.zeros(50_000)
    trace[12_345] = 7
    times, values = thinned(trace, 1000.0)
    assert len(values) < 3000
    assert times[values.argmax()] == pytest.approx(12.345)


def test_bars_are_round_numbers():
    assert [rounded(value) for value in (0.013, 34, 95)] == [0.01, 20.0, 100.0]


def test_examples_are_the_surest_right_and_wrong_ones_and_the_least_sure():
    scores = np.array([[9, 0], [5, 0], [0, 8], [0, 1], [0.1, 0]])
    labels = np.array([0, 0, 0, 0, 0])
    chosen = choose_examples(TargetSpec("classes", ("a", "b")), labels, scores, each=1)
    assert [(example.place, example.why) for example in chosen] == [(0, "right"), (2, "wrong"), (4, "unsure")]
