import numpy as np
import pytest
from invented_stages import pink

from src.evaluation.reconstruction import BANDS, Reconstruction, diagnosis
from src.evaluation.reconstruction_page import reconstruction_section

RATE = 500.0


def added(signal, reconstruction, present=None, subject=None, samples=1000):
    found = Reconstruction(RATE, samples)
    n = len(signal)
    found.add(signal, reconstruction, np.ones(signal.shape[:2], bool) if present is None else present,
              np.zeros(n, int) if subject is None else subject, np.arange(n))
    return found


def tones(*hertz, samples=1000):
    """(1, 1, samples): sines of unit amplitude."""
    times = np.arange(samples) / RATE
    return sum(np.sin(2 * np.pi * f * times) for f in hertz)[None, None].astype(np.float32)


def test_each_band_is_explained_by_what_is_reconstructed_of_it():
    found = added(tones(6, 20, 100), tones(6) + 0.5 * tones(20))
    explained = dict(zip(BANDS, found.explained_by_band()))
    assert explained[4, 8] == pytest.approx(1, abs=1e-3)
    assert explained[13, 30] == pytest.approx(0.75, abs=1e-3)
    assert explained[70, 150] == pytest.approx(0, abs=1e-3)
    share = dict(zip(BANDS, found.share_of_bands()))
    assert share[4, 8] == pytest.approx(1 / 3, abs=0.01)
    assert sum(share.values()) == pytest.approx(1)


def test_the_slow_background_does_not_leak_into_the_fast_bands():
    drift = np.linspace(-50, 50, 1000)[None, None].astype(np.float32)
    found = added(drift + tones(100), drift)
    assert found.explained_by_band()[-1] == pytest.approx(0, abs=0.05)


def test_bands_are_those_that_the_recording_has():
    assert Reconstruction(100.0, 100).bands == BANDS[:5]  # up to 50 Hz
    assert Reconstruction(500.0, 250).bands == BANDS[1:]  # half a second has no 1 Hz


def test_the_standardised_error_is_one_for_a_flat_line_and_per_channel():
    rng = np.random.default_rng(0)
    signal = (rng.normal(size=(4, 2, 1000)) * [[1], [9]] + 3).astype(np.float32)
    mean = signal.mean((0, 2), keepdims=True)
    reconstruction = np.concatenate([np.broadcast_to(mean, signal.shape)[:, :1],
                                     mean[:, 1:] + 0.5 * (signal - mean)[:, 1:]], axis=1)
    found = added(signal, reconstruction)
    assert found.standardised_errors(0) == pytest.approx([1, 0.25], rel=1e-4)
    assert found.standardised_error() == pytest.approx(0.625, rel=1e-4)


def test_batches_add_up_to_the_whole():
    rng = np.random.default_rng(1)
    signal, other = (rng.normal(size=(6, 3, 1000)).astype(np.float32) for _ in range(2))
    subject, whole, parts = np.array([0, 1, 0, 1, 1, 1]), Reconstruction(RATE, 1000), Reconstruction(RATE, 1000)
    there = np.ones((6, 3), bool)
    whole.add(signal, other, there, subject, np.arange(6))
    for part in (slice(0, 4), slice(4, 6)):
        parts.add(signal[part], other[part], there[part], subject[part], np.arange(6)[part])
    for one in (0, 1):
        assert parts.standardised_errors(one) == pytest.approx(whole.standardised_errors(one))
    assert parts.explained_by_band() == pytest.approx(whole.explained_by_band())
    assert (parts.records, parts.subjects) == (6, [0, 1])


def test_channels_that_are_not_there_do_not_count():
    signal = tones(6).repeat(2, axis=1)
    signal[:, 1] = 0
    present = np.array([[True, False]])
    found = added(signal, signal + np.array([[0.0], [100.0]]), present)
    errors = found.standardised_errors(0)
    assert errors[0] == pytest.approx(0, abs=1e-9)
    assert np.isnan(errors[1])
    assert found.standardised_error() == pytest.approx(0, abs=1e-9)


def test_only_a_few_records_are_kept_of_different_subjects_where_there_are_some():
    found = Reconstruction(RATE, 1000)
    for row, subject in enumerate([0, 0, 0, 0, 1, 2, 3, 4]):
        found.add(tones(6), tones(6), np.ones((1, 1), bool), np.array([subject]), np.array([row]))
    assert [picture.subject for picture in found.pictures] == [0, 1, 2]
    alone = added(tones(6).repeat(5, axis=0), tones(6).repeat(5, axis=0))
    assert [picture.row for picture in alone.pictures] == [0, 1, 2]


def low_passed(signal, hertz):
    spectrum = np.fft.rfft(signal)
    spectrum[..., np.fft.rfftfreq(signal.shape[-1], 1 / RATE) > hertz] = 0
    return np.fft.irfft(spectrum, signal.shape[-1])


def test_the_verdict_names_the_bands_that_are_lost():
    signal = pink(np.random.default_rng(0), (4, 2, 1000), RATE)
    said = diagnosis(added(signal, low_passed(signal, 13)))
    assert "of the variance is reconstructed, but less than 10 % of 13–30 Hz, 30–70 Hz and 70–150 Hz" in said
    assert "in all bands up to 150 Hz" in diagnosis(added(signal, 0.9 * signal))
    assert "Nothing was learnt" in diagnosis(added(signal, 0 * signal))
    level = np.array([-30, 30, -30, 30])[:, None, None]
    assert "only drifts are kept" in diagnosis(added(signal + level, 0 * signal + level))


def test_the_section_shows_channels_of_one_subject_and_a_table_of_several():
    signal = pink(np.random.default_rng(0), (4, 2, 1000), RATE)
    names = np.array(["r0", "r1", "r2", "r3"])
    one = reconstruction_section(added(signal, 0.8 * signal), ["001"], [("A", "B")], names)
    assert [part.title for part in one.parts] == ["Error by channel", "Signals and reconstructions"]
    assert [part.title for part in one.parts[1].parts] == ["r0", "r1", "r2"]
    two = reconstruction_section(added(signal, 0.8 * signal, subject=np.array([0, 0, 1, 1])), ["001", "002"],
                                 [("A", "B"), ("C",)], names)
    assert [row[0] for row in two.parts[0].table.rows] == ["001", "002"]
    assert set(two.values["standardised_error_of_channels"]["002"]) == {"C"}
