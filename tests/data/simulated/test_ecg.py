from __future__ import annotations

import numpy as np
import pytest

from src.data.simulated.devices import DEVICES, LEADS, to_half_steps
from src.data.simulated.ecg import SimulatedECG
from src.data.simulated.patients import DIFFICULTY, draw_patient, first_record, patient_of
from src.errors import UserError

Config = SimulatedECG.Config
SHARES = {"NORM": 0.442, "AF": 0.127, "1AVB": 0.119, "LBBB": 0.087, "RBBB": 0.116, "PVC": 0.121, "STTC": 0.118,
          "LVH": 0.114}


@pytest.fixture(scope="module")
def data() -> SimulatedECG:
    return SimulatedECG()


@pytest.fixture(scope="module")
def recordings(data) -> list:
    return [data.recording(row) for row in range(0, 300, 3)]


def test_the_default_parts_are_whole_patients(data):
    assert [int((data.records.subset == part).sum()) for part in ("train", "valid", "test")] == [2000, 500, 1000]
    patients = {part: set(data.records.subject[data.records.subset == part].tolist()) for part in data.subsets}
    assert [len(patients[part]) for part in ("train", "valid", "test")] == [1000, 250, 500]
    assert min(patients["valid"]) == "p10001000"
    assert not patients["train"] & patients["test"]


def test_record_numbers_map_to_patients_and_back():
    for row in range(60):
        patient, index = patient_of(row)
        assert first_record(patient) + index == row
    assert patient_of(19) == (9, 3)
    assert patient_of(20) == (10, 0)


def test_shares_of_the_labels_are_those_of_the_design(data):
    label = data.records.label[:3000]
    for name, share in zip(data.target.names, label.mean(0)):
        assert share == pytest.approx(SHARES[name], abs=0.03), name
    assert (label.sum(1) == 0).mean() == pytest.approx(0.03, abs=0.015)
    assert (label.sum(1) >= 2).mean() == pytest.approx(0.22, abs=0.03)


def test_a_normal_record_has_no_other_label(data):
    label = data.records.label
    assert (label[label[:, 0] == 1, 1:] == 0).all()


def test_a_record_is_float32_of_the_stated_shape(data):
    sample = data.read(4)[0]
    assert sample.signal.shape == (12, 1000)
    assert sample.signal.dtype == np.float32
    assert np.array_equal(sample.label, data.records.label[4])


def test_limb_leads_follow_from_two_of_them_exactly(recordings):
    for recording in recordings:
        one, two, three, right, left, foot = to_half_steps(recording.signal, recording.metadata["lsb_uv"])[:6]
        assert np.array_equal(three, two - one)
        assert np.array_equal(-2 * right, one + two)
        assert np.array_equal(2 * left, 2 * one - two)
        assert np.array_equal(2 * foot, 2 * two - one)
        assert np.abs(recording.signal[2] - (recording.signal[1] - recording.signal[0])).max() <= 2.4e-7 * 2


def test_stored_voltages_are_whole_half_steps(recordings):
    for recording in recordings[:20]:
        steps = recording.signal.astype(np.float64) * 2000 / recording.metadata["lsb_uv"]
        assert np.abs(steps - np.rint(steps)).max() < 1e-2


def test_rates_and_r_waves_are_those_of_people(recordings):
    rates = [recording.metadata["rate_bpm"] for recording in recordings]
    assert min(rates) >= 36
    assert max(rates) <= 150
    r_waves = [np.percentile(recording.signal[LEADS.index("V5")], 99.7) for recording in recordings]
    assert 1.0 < np.median(r_waves) < 1.6


def test_order_of_access_and_cache_do_not_matter():
    forward, backward = SimulatedECG(Config(patients=20)), SimulatedECG(Config(patients=20, cache_mb=0))
    seen = {row: forward.read(row)[0].signal for row in (0, 7, 31)}
    for row in (31, 7, 0):
        assert np.array_equal(backward.read(row)[0].signal, seen[row])
        assert np.array_equal(forward.read(row)[0].signal, seen[row])


def test_the_table_tells_whose_each_record_is_and_on_what_it_was_made(data, recordings):
    for row, recording in zip(range(0, 300, 3), recordings):
        told = [str(recording.metadata[name]) for name in ("age", "sex", "device")]
        assert [data.info[name][row] for name in ("age", "sex", "device")] == told


@pytest.mark.parametrize("rate_hz", [500, 250])
def test_the_rate_changes_neither_labels_nor_metadata(rate_hz):
    low, high = SimulatedECG(Config(patients=20)), SimulatedECG(Config(patients=20, rate_hz=rate_hz))
    assert np.array_equal(low.records.label, high.records.label)
    one, two = low.recording(11), high.recording(11)
    assert one.metadata == two.metadata
    assert two.signal.shape == (12, 10 * rate_hz)
    time, other = np.arange(1000) / 100, np.arange(10 * rate_hz) / rate_hz
    assert np.corrcoef(one.signal[1], np.interp(time, other, two.signal[1]))[0, 1] > 0.95


def test_chosen_leads_are_rows_of_all_leads():
    every, some = SimulatedECG(Config(patients=10)), SimulatedECG(Config(patients=10, leads="V5,I"))
    assert some.spec.channels == ("V5", "I")
    assert np.array_equal(some.read(3)[0].signal, every.read(3)[0].signal[[10, 0]])


def test_a_ninth_label_on_request_leaves_the_patients_geometry():
    with_mi = SimulatedECG(Config(patients=200, include_mi=True))
    assert with_mi.target.names[-1] == "MI"
    assert 0.03 < with_mi.records.label[:, 8].mean() < 0.2
    patients = [draw_patient(0, 5, DIFFICULTY["default"], include_mi) for include_mi in (False, True)]
    assert np.array_equal(patients[0].rotation, patients[1].rotation)


def test_labels_of_the_table_are_those_of_the_signals(data):
    for row in (1, 8, 40, 999):
        meta = data.metadata(row)
        assert meta["labels"] == data.label_names(row)
        assert (meta["pr_ms"] == 29999) == ("AF" in meta["labels"])


def test_wide_complexes_and_long_intervals_show_in_the_measurements(recordings):
    def of(label: str, key: str) -> list:
        return [each.metadata[key] for each in recordings if label in each.metadata["labels"]]

    assert np.median(of("LBBB", "qrs_ms")) > np.median(of("NORM", "qrs_ms")) + 25
    assert min(pr for pr in of("1AVB", "pr_ms")) >= 205
    assert max(pr for pr in of("NORM", "pr_ms")) < 215


def test_devices_have_the_stated_shares():
    names = [draw_patient(0, number, DIFFICULTY["default"], False).device.name for number in range(1000)]
    for device in DEVICES:
        assert names.count(device.name) / 1000 == pytest.approx(device.share, abs=0.05)


def test_statements_name_the_findings(recordings):
    words = {"AF": "fibrillation", "LBBB": "left bundle", "PVC": ("ventricular premature", "pvc")}
    hits = []
    for recording in recordings:
        text = "\n".join(recording.metadata["statements"]).lower()
        assert len(recording.metadata["statements"]) <= 18
        for label, word in words.items():
            if label in recording.metadata["labels"]:
                hits.append(any(part in text for part in ([word] if isinstance(word, str) else word)))
    assert len(hits) > 15
    assert np.mean(hits) > 0.85


@pytest.mark.parametrize(("options", "says"), [
    ({"rate_hz": 360}, "rate_hz=360"), ({"leads": "I,V7"}, "V7"), ({"leads": "I,I"}, "twice"),
    ({"patients": 0}, "patients=0"), ({"difficulty": "eazy"}, "did you mean easy")])
def test_impossible_options_are_refused(options, says):
    with pytest.raises(UserError, match=says):
        SimulatedECG(Config(**options))


def test_a_data_path_is_refused(tmp_path):
    with pytest.raises(UserError, match="made on the fly"):
        SimulatedECG(Config(patients=3), data_path=str(tmp_path))
