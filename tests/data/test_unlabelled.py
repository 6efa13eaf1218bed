"""Recordings without labels: found, read, brought to a model's form, refused with a reason."""

from __future__ import annotations

import numpy as np
import pytest

from src.data.leads import STANDARD_12
from src.data.open import open_dataset
from src.data.recognise import recognise_unseen
from src.data.recordings import RecordingsDataset, recording_files
from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError

SPEC = SignalSpec(STANDARD_12, 100.0, "mV", 200)
TARGET = TargetSpec("multilabel", ("a", "b", "c"))
RNG = np.random.default_rng(3)


def stored(samples=200, signals=12):
    return RNG.integers(-900, 900, (samples, signals)).astype(np.int16)


def opened(path, **options) -> RecordingsDataset:
    return open_dataset("recordings", path, options, spec=SPEC, target=TARGET)  # type: ignore[return-value]


def test_one_record_comes_as_a_model_expects_it(tmp_path, write_wfdb):
    signal = stored()
    names = ("DII", "I", "III", "AVR", "AVL", "AVF", *(f"v{k}" for k in range(1, 7)))
    write_wfdb(tmp_path, "a", signal, channels=names)
    for path in (tmp_path / "a.hea", tmp_path / "a.dat", tmp_path / "a"):
        data = opened(path)
        assert data.records.record.tolist() == ["a"]
        assert not data.labelled
        assert data.target == TARGET
        assert (data.spec.channels, data.spec.rate_hz, data.spec.unit) == (STANDARD_12, 100, "mV")
        order = [1, 0, *range(2, 12)]
        np.testing.assert_allclose(data.read(0)[0].signal, signal.T[order] / 1000, atol=1e-6)


def test_rate_and_unit_are_converted(tmp_path, write_wfdb):
    write_wfdb(tmp_path, "a", np.full((1000, 12), 300, np.int16), channels=STANDARD_12, units=("uV",) * 12, gain=1,
               rate="500")
    sample = opened(tmp_path / "a.hea").read(0)[0]
    assert sample.signal.shape == (12, 200)
    np.testing.assert_allclose(sample.signal[:, 50:150], 0.3, atol=1e-3)


def test_limb_leads_are_derived_and_others_are_absent_with_a_warning(tmp_path, write_wfdb):
    signal = stored(signals=3)
    write_wfdb(tmp_path, "a", signal, channels=("I", "II", "V2"))
    data = opened(tmp_path / "a.hea")
    sample = data.read(0)[0]
    np.testing.assert_allclose(sample.signal[2], (signal[:, 1] - signal[:, 0]) / 1000, atol=1e-6)
    assert sample.channel_mask is not None
    absent = [lead for lead, there in zip(STANDARD_12, sample.channel_mask) if not there]
    assert absent == ["V1", "V3", "V4", "V5", "V6"]
    assert not sample.signal[~sample.channel_mask].any()
    assert "V1, V3, V4, V5, V6 absent" in data.warnings["a"]
    assert "III, aVR, aVL, aVF derived" in data.warnings["a"]


def test_long_recordings_give_windows_one_after_the_other_and_short_ones_are_masked(tmp_path, write_wfdb):
    write_wfdb(tmp_path, "long", stored(500), channels=STANDARD_12)
    write_wfdb(tmp_path, "short", stored(50), channels=STANDARD_12)
    data = opened(tmp_path)
    assert [data.windows(row) for row in range(2)] == [len(data.read(row)) for row in range(2)] == [3, 1]
    assert data.read(1)[0].time_mask.sum() == 50  # type: ignore[union-attr]
    assert [len(opened(tmp_path, windows="center").read(row)) for row in range(2)] == [1, 1]
    assert len(opened(tmp_path, stride_s=1).read(0)) == 4


def test_signals_beyond_what_is_kept_are_read_again(tmp_path, write_wfdb, monkeypatch):
    for name in "ab":
        write_wfdb(tmp_path, name, stored(500), channels=STANDARD_12)
    kept = opened(tmp_path)
    monkeypatch.setattr("src.data.recordings.KEPT_BYTES", 500 * 12 * 4)
    read_again = opened(tmp_path)
    for row in (1, 0, 1):
        for one, other in zip(kept.read(row), read_again.read(row)):
            assert np.array_equal(one.signal, other.signal)


def test_a_folder_gives_each_recording_once(tmp_path, write_wfdb):
    (tmp_path / "deep").mkdir()
    write_wfdb(tmp_path, "a", stored(), channels=STANDARD_12)
    write_wfdb(tmp_path / "deep", "b", stored(), channels=STANDARD_12)
    (tmp_path / "a.atr").write_bytes(b"\0\0")
    (tmp_path / "notes.md").write_text("words")
    (tmp_path / ".hidden.hea").write_text("words")
    (tmp_path / "whole.hea").write_text("whole/2 12 100 400\na 200\nlater 200\n")
    assert [file.name for file in recording_files(tmp_path)] == ["b.hea", "whole.hea"]


def test_files_that_cannot_be_used_are_told_one_by_one(tmp_path, write_wfdb):
    write_wfdb(tmp_path, "good", stored(), channels=STANDARD_12)
    write_wfdb(tmp_path, "eeg", stored(signals=2), channels=("Fp1", "Cz"))
    write_wfdb(tmp_path, "degrees", stored(), channels=STANDARD_12, units=("degC",) * 12)
    (tmp_path / "broken.hea").write_text("broken 12 nonsense")
    data = opened(tmp_path)
    assert data.records.record.tolist() == ["good"]
    assert set(data.failures) == {"eeg", "degrees", "broken"}
    assert "has the channels Fp1, Cz, expected any of" in data.failures["eeg"]
    assert "is in degC, expected mV" in data.failures["degrees"]
    assert all("\n" not in reason for reason in data.failures.values())
    with pytest.raises(UserError, match="broken"):
        open_dataset("recordings", tmp_path, {}, "error", SPEC, TARGET)


def test_nothing_that_fits_is_refused_with_every_reason(tmp_path, write_wfdb):
    write_wfdb(tmp_path, "eeg", stored(signals=2), channels=("Fp1", "Cz"))
    with pytest.raises(UserError, match="no recording can be used\neeg: has the channels Fp1, Cz"):
        opened(tmp_path)
    with pytest.raises(UserError, match="not found"):
        opened(tmp_path / "nowhere")


def test_what_preparation_did_is_done_to_them_but_for_the_length(tmp_path, write_wfdb):
    signal = stored(400)
    write_wfdb(tmp_path, "a", signal, channels=STANDARD_12)
    spec = SignalSpec(STANDARD_12, 100.0, "standard deviations", 200,
                      preparation={"leads": list(STANDARD_12), "unit": "mV", "scale": "zscore", "samples": 200})
    data = open_dataset("recordings", tmp_path / "a.hea", {}, spec=spec, target=TARGET)
    expected = (signal - signal.mean(0)) / signal.std(0)
    views = data.read(0)
    assert len(views) == 2
    np.testing.assert_allclose(np.concatenate([view.signal for view in views], axis=1), expected.T, atol=1e-3)


def test_an_unstated_unit_is_asked_for_and_not_guessed(tmp_path):
    np.savez(tmp_path / "a.npz", signal=stored().T.astype(np.float32), channels=np.array(STANDARD_12), fs=100.0)
    with pytest.raises(UserError, match="--dataset_args unit=mV"):
        opened(tmp_path / "a.npz")
    assert opened(tmp_path / "a.npz", unit="mV").spec.unit == "mV"


def test_labels_decide_between_a_data_set_and_recordings(tmp_path, write_wfdb):
    write_wfdb(tmp_path, "a", stored(), channels=STANDARD_12)
    assert recognise_unseen(tmp_path, "simulated_ecg") == "recordings"
    assert recognise_unseen(tmp_path / "a.hea", "wfdb") == "recordings"
    (tmp_path / "labels.csv").write_text("record,label\na,x\n")
    assert recognise_unseen(tmp_path, "simulated_ecg") == "wfdb"
    arrays = {"signal": stored().T[None].astype(np.float32), "fs": 100.0, "unit": "mV"}
    (tmp_path / "arrays").mkdir()
    np.savez(tmp_path / "arrays" / "a.npz", **arrays)
    assert recognise_unseen(tmp_path / "arrays" / "a.npz", "arrays") == "recordings"
    np.savez(tmp_path / "arrays" / "a.npz", label=np.array([1]), **arrays)
    assert recognise_unseen(tmp_path / "arrays", "arrays") == "arrays"


def test_without_a_model_they_have_the_channels_of_most_and_no_target(tmp_path, write_wfdb):
    for name, channels in {"a": ("I", "II", "V5"), "b": ("I", "II", "V5"), "c": ("I", "II")}.items():
        write_wfdb(tmp_path, name, stored(signals=len(channels)), channels=channels)
    data = open_dataset("recordings", tmp_path, {})
    assert data.spec.channels == ("I", "II", "V5")
    assert data.target.kind == "none"
    assert len(data) == 3
