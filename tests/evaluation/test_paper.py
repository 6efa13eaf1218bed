"""Millimetres of paper are seconds and millivolts."""

from __future__ import annotations

import numpy as np
import pytest

from src.data.leads import STANDARD_12
from src.evaluation.paper import BOTTOM, LEFT, RIGHT, TOP, paper_figure, rounded, save_paper


def texts(figure):
    return {text.get_text(): text for text in figure.axes[0].texts}


def traces(figure):
    """The lines of signals, in mm: not the grid (collections), not the pulses (six points), not the ticks (two)."""
    return [line for line in figure.axes[0].lines if len(line.get_xdata()) > 6]


@pytest.fixture
def twelve():
    """(12, 5000) in mV: each lead a step of 1 mV from its own sample on."""
    signal = np.zeros((12, 5000), np.float32)
    for row in range(12):
        signal[row, 100 * row + 3000:] = 1.0
    return signal


def test_a_second_is_25_mm_and_a_millivolt_10_mm(tmp_path, twelve):
    figure = paper_figure(twelve, STANDARD_12, 500.0, "mV")
    axes = figure.axes[0]
    width, height = (size * 25.4 for size in figure.get_size_inches())
    assert (axes.get_xlim(), axes.get_ylim()) == (pytest.approx((0, width)), pytest.approx((0, height)))
    assert width == pytest.approx(LEFT + 250 + RIGHT)
    rhythm = traces(figure)[-1]
    x, y = rhythm.get_xdata(), rhythm.get_ydata()
    assert x[0] == pytest.approx(LEFT)
    assert x[-1] == pytest.approx(LEFT + 250, abs=0.06)
    assert y.max() - y.min() == pytest.approx(10)
    assert x[np.argmax(y > y.min() + 5)] == pytest.approx(LEFT + 25 * 3100 / 500, abs=0.06)  # lead II is the second
    save_paper(figure, tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    at = data.index(b"pHYs") + 4
    assert int.from_bytes(data[at:at + 4], "big") == pytest.approx(10_000, abs=1)  # pixels a metre
    assert int.from_bytes(data[16:20], "big") == pytest.approx(width * 10, abs=1)


def test_twelve_leads_stand_in_three_rows_of_four_with_ii_below(twelve):
    figure = paper_figure(twelve, STANDARD_12, 500.0, "mV", title="someone")
    place = {text.get_text(): text.get_position() for text in figure.axes[0].texts if text.get_text() != "II"}
    columns = [("I", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6")]
    for number, leads in enumerate(columns):
        assert {round(place[lead][0], 3) for lead in leads} == {round(LEFT + 1 + number * 62.5, 3)}
    assert place["I"][1] == place["aVR"][1] == place["V1"][1] == place["V4"][1]
    assert place["V1"][1] > place["V2"][1] > place["V3"][1]
    seconds = [text for text in figure.axes[0].texts if text.get_text() == "II"]
    assert min(text.get_position()[1] for text in seconds) < place["III"][1]
    assert len(traces(figure)) == 13
    assert {"someone", "25 mm/s   10 mm/mV   10 s"} <= set(place)


def test_leads_in_another_order_and_spelling_are_found(twelve):
    names = ("DI", "Lead II", "V1", "V2", "V3", "V4", "V5", "V6", "DIII", "AVR", "AVL", "AVF")
    assert len(traces(paper_figure(twelve, names, 500.0, "mV"))) == 13


def test_voltages_of_ecg_leads_in_uv_have_the_same_scale(twelve):
    one, other = (paper_figure(twelve * factor, STANDARD_12, 500.0, unit)
                  for factor, unit in ((1, "mV"), (1000, "uV")))
    np.testing.assert_allclose(traces(one)[-1].get_ydata(), traces(other)[-1].get_ydata(), atol=1e-3)


@pytest.mark.parametrize(("unit", "size", "said"), [
    ("uV", 40.0, "10 mm/100 uV"), ("mmHg", 40.0, "10 mm/100 mmHg"), ("", 4.0, "10 mm/10 (unit unknown)"),
    ("mV", 400.0, "10 mm/1000 mV"), ("mV", 0.3, "10 mm/mV")])
def test_what_is_no_ecg_in_volts_says_its_own_gain(unit, size, said):
    signal = np.random.default_rng(0).normal(0, size, (3, 2000))
    figure = paper_figure(signal, ("A1", "A2", "A3"), 200.0, unit)
    assert any(said in text for text in texts(figure))
    assert len(traces(figure)) == 3


def test_gaps_are_left_open_absent_channels_are_said_and_the_start_is_where_signal_is():
    signal = np.full((2, 4000), np.nan, np.float32)
    signal[0, 1000:1500] = signal[0, 1600:3000] = np.sin(np.arange(4000) / 9)[:500].repeat(1)[0]
    figure = paper_figure(signal, ("II", "V"), 100.0, "mV", seconds=10)
    assert "absent" in texts(figure)
    assert any("from 10 s" in text for text in texts(figure))
    assert len(traces(figure)) == 2


def test_sixteen_of_many_channels_are_drawn_and_said():
    figure = paper_figure(np.random.default_rng(0).normal(size=(40, 100)), [f"E{k}" for k in range(40)], 100.0, "uV")
    assert len(traces(figure)) == 16
    assert any("the first 16 of 40 channels" in text for text in texts(figure))


@pytest.mark.parametrize("signal", [np.zeros((1, 300)), np.zeros((3, 2)), np.full((2, 50), np.nan),
                                    np.full((1, 50), 1e30)])
def test_flat_short_empty_and_absurd_recordings_are_drawn(tmp_path, signal):
    figure = paper_figure(signal, [f"E{k}" for k in range(len(signal))], 100.0, "mV")
    save_paper(figure, tmp_path / "a.png")
    assert figure.get_figheight() * 25.4 < TOP + BOTTOM + 200


def test_rounded_gives_handy_numbers():
    assert [rounded(value) for value in (0.8, 1.4, 3.0, 7.0, 130.0)] == [1, 1, 2, 5, 100]
