from __future__ import annotations

import numpy as np
import pytest

from src.data.readers import read_recording
from src.errors import BadRecord
from tests.data.continuous_files import write_edf

edfio = pytest.importorskip("edfio")


def signal_of(values, rate, label, unit):
    return edfio.EdfSignal(np.asarray(values, float), rate, label=label, physical_dimension=unit,
                           physical_range=(-500, 500))


@pytest.mark.parametrize(("stored", "suffix", "step"), [("Edf", ".edf", 0.1), ("Bdf", ".bdf", 0.001)])
def test_signals_and_annotations_are_read(tmp_path, stored, suffix, step):
    signal = write_edf(tmp_path / f"a{suffix}", ("EEG A1-Ref", "POL A2"), stored=stored)
    found = read_recording(tmp_path / f"a{suffix}")
    assert (found.sampling_rate_hz, found.unit, found.channel_names) == (100, "uV", ("A1", "A2"))
    assert np.abs(found.signal - signal).max() < step
    assert len(found.annotations) == 20
    assert (found.annotations.sample[1], found.annotations.length[1], found.annotations.note[1]) == (450, 100, "go")


def test_content_counts_more_than_the_suffix(tmp_path):
    write_edf(tmp_path / "a.edf", ("A1",), stored="Bdf")
    assert read_recording(tmp_path / "a.edf").channel_names == ("A1",)


@pytest.fixture
def mixed(tmp_path):
    """Two voltages at 100 Hz, five numbers and one voltage at 1 Hz."""
    rng = np.random.default_rng(0)
    signals = [signal_of(rng.normal(size=1000), 100, f"E{k}", unit) for k, unit in enumerate(("uV", "mV"))]
    slow = ("", "DegC", "", "", "", "uV")
    signals += [signal_of(rng.normal(size=10), 1, f"N{k}", unit) for k, unit in enumerate(slow)]
    edfio.Edf(signals).write(tmp_path / "a.edf")
    return tmp_path / "a.edf"


def test_of_several_rates_that_of_most_voltages_is_read_and_the_others_are_named(mixed):
    found = read_recording(mixed)
    assert (found.sampling_rate_hz, found.channel_names) == (100, ("E0", "E1"))
    assert found.metadata["units"] == ("uV", "mV")
    assert found.metadata["left_out"][:2] == ("N0 (1 Hz)", "N1 (1 Hz)")
    assert len(found.metadata["left_out"]) == 6


def test_another_rate_can_be_asked_for(mixed):
    found = read_recording(mixed, "1 Hz")
    assert found.signal.shape == (6, 10)
    with pytest.raises(BadRecord, match="has no channels of 2 Hz"):
        read_recording(mixed, "2 Hz")


def test_annotations_alone_are_a_recording_without_channels(tmp_path):
    edfio.Edf([], annotations=[edfio.EdfAnnotation(1.5, 30, "Sleep stage W")]).write(tmp_path / "a.edf")
    found = read_recording(tmp_path / "a.edf")
    assert found.signal.shape == (0, 0)
    assert found.sampling_rate_hz == 1000
    assert (found.annotations.sample.tolist(), found.annotations.length.tolist()) == ([1500], [30000])


def test_a_file_that_is_shorter_than_its_header_promises_is_refused(tmp_path):
    write_edf(tmp_path / "a.edf")
    (tmp_path / "b.edf").write_bytes((tmp_path / "a.edf").read_bytes()[:-5000])
    with pytest.raises(BadRecord, match="shorter than its header promises"):
        read_recording(tmp_path / "b.edf")
