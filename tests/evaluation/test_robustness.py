from __future__ import annotations

import numpy as np
import pytest

from src.data.control import disturbed
from src.data.dataset import BaseDataset, Records
from src.data.leads import LIMB_LEADS, STANDARD_12
from src.data.signal import Sample, SignalSpec, TargetSpec
from src.errors import UserError
from src.evaluation import robustness
from src.evaluation.evaluate import evaluate
from src.evaluation.predictions import Predictions
from src.evaluation.robustness_page import robustness_section

COUNT, RATE, SAMPLES = 24, 250.0, 500


class Ecg(BaseDataset):
    """Twelve leads that follow Einthoven; the class is the sign of V1's mean."""

    target = TargetSpec("classes", ("down", "up"))

    def __init__(self, channels=STANDARD_12, rate=RATE, unit="mV"):
        row = np.arange(COUNT)
        self.spec = SignalSpec(channels, rate, unit, SAMPLES)
        names = np.array([f"r{k}" for k in row])
        self.records = Records(names, names, row % 2, np.full(COUNT, "test"), np.full(COUNT, SAMPLES))

    def read(self, row, rng=None):
        rng = np.random.default_rng(row)
        one, two, *chest = 0.3 * rng.standard_normal((8, SAMPLES))
        chest[0] += 1 if row % 2 else -1
        signal = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2, *chest]
        return [Sample(np.stack(signal[:len(self.spec.channels)]).astype(np.float32), row % 2)]


def predict(dataset: BaseDataset) -> Predictions:
    """A model that looks at V1 alone."""
    means = np.array([dataset.read(row)[0].signal[6].mean() for row in range(COUNT)], np.float32)
    return Predictions(np.arange(COUNT), np.stack([-means, means], 1) * 3, np.arange(COUNT) % 2)


def outcomes(dataset=None):
    dataset = dataset or Ecg()
    found = robustness.measure(predict, dataset, evaluate(predict(dataset), dataset.target, dataset.records))
    return found, {outcome.name: outcome for outcome in found.outcomes}


def test_only_what_takes_the_lead_away_that_a_model_looks_at_costs_anything():
    found, by_name = outcomes()
    assert found.metric == "accuracy"
    assert found.clean == 1
    costly = {name for name, outcome in by_name.items() if outcome.change < 0}
    assert costly == {"without V1", "without chest leads", "V1 and V2 exchanged"}
    assert by_name["without V1"].value == 0.5
    assert by_name["without V1"].decided_otherwise == 0.5
    assert by_name["gain -20%"].decided_otherwise == 0
    assert robustness.worst(found).name in costly


def test_everything_that_was_promised_is_tried_and_repeats():
    found, by_name = outcomes()
    assert {outcome.kind for outcome in found.outcomes} == {
        "noise", "absent leads", "rate", "mains", "electrodes", "gain"}
    assert len(by_name) == 4 + 14 + 2 + 2 + 8 + 2
    assert found.left_out == []
    assert found == outcomes()[0]


def test_what_the_recordings_cannot_have_is_left_out_with_the_reason():
    listed, left_out = robustness.disturbances(SignalSpec(("I", "V1"), 100.0, "standard deviations", 1000))
    names = [one.name for one in listed]
    assert "without I" in names
    assert not any("mains" in name or "exchanged" in name for name in names[:-2] if "RA and LA" not in name)
    assert any("not in volts" in reason for reason in left_out)
    assert any(reason.startswith("V1 and V2 exchanged: these leads do not tell") for reason in left_out)
    _, left_out = robustness.disturbances(SignalSpec(STANDARD_12, 100.0, "mV", 1000))
    assert left_out == ["mains of 50 Hz: a signal at 100 Hz cannot hold it",
                        "mains of 60 Hz: a signal at 100 Hz cannot hold it"]


def test_other_signals_than_ecg_are_refused():
    with pytest.raises(UserError, match="is for ECG whose leads are known; the channels here are Fp1, Cz"):
        robustness.check(SignalSpec(("Fp1", "Cz"), 100.0, "uV", 100))


def changed(name: str, row: int = 0) -> tuple[np.ndarray, np.ndarray, Sample]:
    one = next(one for one in robustness.disturbances(Ecg().spec)[0] if one.name == name)
    sample = disturbed(Ecg(), one.change, 0).read(row)[0]
    return Ecg().read(row)[0].signal, sample.signal, sample


@pytest.mark.parametrize(("name", "decibel"), [("noise at 20 dB", 20), ("noise at 0 dB", 0)])
def test_noise_has_the_stated_ratio(name, decibel):
    before, after, _ = changed(name)
    ratio = 10 * np.log10(before.var(1).mean() / (after - before).var(1).mean())
    assert ratio == pytest.approx(decibel, abs=0.4)


def test_mains_have_their_amplitude_and_frequency():
    before, after, _ = changed("mains 50 Hz, 0.1 mV")
    hum = after - before
    assert np.abs(hum).max() == pytest.approx(0.1, rel=0.05)
    assert np.fft.rfftfreq(SAMPLES, 1 / RATE)[np.abs(np.fft.rfft(hum)).sum(0).argmax()] == 50


def test_a_fast_clock_makes_waves_longer():
    spec = SignalSpec(("I", "II"), 100.0, "mV", 1001)
    change = next(one.change for one in robustness.disturbances(spec)[0] if one.name == "clock +1%")
    wave = np.sin(2 * np.pi * np.arange(1001) / 100).astype(np.float32)
    sample = Sample(np.stack([wave, wave]))
    change(sample, np.random.default_rng(0))
    expected = np.sin(2 * np.pi * (500 + (np.arange(1001) - 500) / 1.01) / 100)
    np.testing.assert_allclose(sample.signal[0], expected, atol=1e-3)


def test_absent_leads_are_zero_and_masked_and_an_exchange_moves_the_mask():
    _, after, sample = changed("without limb leads")
    assert sample.channel_mask.tolist() == [lead not in LIMB_LEADS for lead in STANDARD_12]
    assert not after[:6].any()
    mix = next(one.change for one in robustness.disturbances(Ecg().spec)[0] if one.name == "V1 and V2 exchanged")
    lacking = Ecg().read(0)[0]
    lacking.channel_mask = np.arange(12) != 6
    lacking.signal[6] = 0
    mix(lacking, np.random.default_rng(0))
    assert np.flatnonzero(lacking.channel_mask == False).tolist() == [7]  # noqa: E712


def test_the_card_tells_the_worst_and_has_a_row_and_a_mark_for_each():
    found, by_name = outcomes()
    section = robustness_section(found)
    assert section.text.startswith("What costs most is without V1: Accuracy 0.500 instead of 1.000, 50 % of")
    assert section.table is not None
    assert [row[0] for row in section.table.rows] == ["as recorded", *by_name]
    labels = [label.get_text() for label in section.figure.axes[0].get_yticklabels()]
    assert labels == list(by_name)
    assert section.values["outcomes"][0]["name"] == "noise at 20 dB"
