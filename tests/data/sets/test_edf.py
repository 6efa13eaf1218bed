from __future__ import annotations

import numpy as np
import pytest

from src.data.census import census
from src.data.open import open_dataset
from src.data.splits import check_leaks
from src.errors import UserError
from tests.data.continuous_files import GO_STOP, write_edf, write_table

pytest.importorskip("mne")
pytest.importorskip("edfio")


def opened(folder, **options):
    return open_dataset("edf", folder, options)


def test_trials_are_cut_around_the_annotations_of_the_file(tmp_path):
    signal = write_edf(tmp_path / "p01" / "run1.edf")
    data = open_dataset(None, tmp_path)
    assert (data.spec.channels, data.spec.rate_hz, data.spec.unit) == (("A1", "A2", "A3", "B1"), 100, "uV")
    assert data.spec.samples == 100  # the most common duration
    assert data.target.names == ("go", "stop")
    assert data.records.label[:3].tolist() == [1, 0, 1]
    assert set(data.records.subject.tolist()) == {"p01"}
    assert data.within_subject
    assert np.abs(data.read(1)[0].signal - signal[:, 450:550]).max() < 0.1


def test_tmin_and_tmax_place_the_window_and_what_leaves_the_file_is_left_out(tmp_path):
    signal = write_edf(tmp_path / "a.edf", events=[(0.5, 1, "x"), (10, 1, "y"), (59, 1, "x")])
    data = opened(tmp_path, tmin="-1", tmax="2")
    assert data.records.record.tolist() == ["a_00001"]
    assert np.abs(data.read(0)[0].signal - signal[:, 900:1200]).max() < 0.1
    assert any("2 records: its window leaves the recording (a_00000, a_00002)" in note for note in data.notes)


def test_a_table_beside_the_file_counts_before_its_annotations(tmp_path):
    write_edf(tmp_path / "a.edf")
    write_table(tmp_path / "a_events.tsv", "onset duration trial_type word", "3 0 cue n/a", "5 0 word ja",
                "9 0 word nein", "n/a 0 word ja")
    assert opened(tmp_path, tmax="1").records.label.tolist() == [0, 1, 1]
    data = opened(tmp_path, tmax="1", event_column="word")
    assert data.target.names == ("ja", "nein")
    assert len(opened(tmp_path, events="annotations")) == 20


def test_a_class_may_be_called_bad_in_a_table(tmp_path):
    write_edf(tmp_path / "a.edf", events=())
    write_table(tmp_path / "a_events.tsv", "onset duration trial_type", "3 1 good", "5 1 bad", "9 1 bad", "9.5 1 BAD_x")
    data = opened(tmp_path)
    assert data.target.names == ("bad", "good")
    assert data.records.record.tolist() == ["a_00000", "a_00001"]


def test_a_damaged_table_names_its_recording_and_spares_the_others(tmp_path):
    for name in "abc":
        write_edf(tmp_path / f"{name}.edf")
    (tmp_path / "a_events.tsv").write_text("onset\ttrial_type\n1\n")
    write_table(tmp_path / "b_events.tsv", "onset trial_type", "soon x")
    data = opened(tmp_path)
    assert {name[0] for name in data.records.record.tolist()} == {"c"}
    assert sum("its table" in note for note in data.notes) == 2
    assert len(opened(tmp_path, task="pretrain").subjects) == 3


def test_triggers_of_bdf_are_events_named_by_their_number(tmp_path):
    import edfio

    status = np.zeros(2000)
    status[300:320], status[1000:1020] = 7, 11
    signals = [edfio.BdfSignal(np.zeros(2000), 100, label="Fz", physical_dimension="uV", physical_range=(-100, 100)),
               edfio.BdfSignal(status, 100, label="Status", physical_range=(-8388608, 8388607))]
    edfio.Bdf(signals).write(tmp_path / "a.bdf")
    data = opened(tmp_path, tmax="1")
    assert data.target.names == ("11", "7")
    assert data._start.tolist() == [300, 1000]


def test_classes_choose_events_and_mistyped_ones_are_refused(tmp_path):
    write_edf(tmp_path / "a.edf", events=[(k, 1, name) for k, name in enumerate(("left", "right", "rest") * 5, 1)])
    data = opened(tmp_path, classes="right,left")
    assert data.target.names == ("right", "left")
    assert len(data) == 10
    assert any("events of no class, not used: rest 5" in note for note in data.notes)
    with pytest.raises(UserError, match="no event is named rigth; did you mean right"):
        opened(tmp_path, classes="left,rigth")
    with pytest.raises(UserError, match="no event is named go"):
        opened(tmp_path, classes="go")


@pytest.mark.parametrize(("events", "options", "said"), [
    ((), {}, "no events in these recordings"),
    ([(5, 0, "x")], {}, "the window is unknown: most events last 0 s"),
    ([(5, 1, "x")], {"kinds": "ecog"}, "has no channel of the types ecog"),
    ([(5, 1, "x")], {"channels": "A9"}, "no recording has a good channel A9"),
    ([(5, 1, "x")], {"tmin": "2", "tmax": "1"}, "a window ends after it starts"),
    ([(5, 1, "x")], {"subjs": "nobody"}, "no subject nobody"),
    ([(5, 1, "x")], {"to_unit": "kg"}, "these recordings are voltages"),
    ([(5, 1, "x")], {"events": "table"}, "no table of events beside it"),
])
def test_what_cannot_be_done_is_said(tmp_path, events, options, said):
    write_edf(tmp_path / "a.edf", events=events)
    with pytest.raises(UserError, match=said):
        opened(tmp_path, **options)


def test_a_truncated_file_is_left_out_or_refuses_to_start(tmp_path):
    for name in "ab":
        write_edf(tmp_path / f"{name}.edf")
    path = tmp_path / "b.edf"
    path.write_bytes(path.read_bytes()[:-3000])
    data = opened(tmp_path)
    assert {name[0] for name in data.records.record.tolist()} == {"a"}
    assert any("shorter than its header promises" in note and "(b)" in note for note in data.notes)
    with pytest.raises(UserError, match="shorter than its header promises"):
        opened(tmp_path, on_bad_record="error")


def test_windows_are_those_of_the_whole_recording_resampled(tmp_path):
    from scipy.signal import resample_poly

    signal = write_edf(tmp_path / "a.edf", rate=200)
    write_edf(tmp_path / "b.edf", rate=100)
    data = opened(tmp_path, resample_hz="100")
    whole = resample_poly(signal, 1, 2, axis=1)
    assert np.abs(data.read(3)[0].signal - whole[:, 950:1050]).max() < 0.1
    assert any("1 files resampled from 200 to 100 Hz" in note for note in data.notes)


def test_channels_that_some_files_lack_are_masked(tmp_path):
    write_edf(tmp_path / "s1" / "a.edf", ("Fz", "Cz"))
    write_edf(tmp_path / "s2" / "b.edf", ("Cz", "Pz"))
    data = opened(tmp_path)
    assert data.spec.channels == ("Fz", "Cz", "Pz")
    first, last = data.read(0)[0], data.read(len(data) - 1)[0]
    assert first.channel_mask.tolist() == [True, True, False]
    assert last.channel_mask.tolist() == [False, True, True]
    assert not first.signal[2].any()


def test_subjects_may_have_places_of_their_own(tmp_path):
    write_edf(tmp_path / "s1" / "a.edf", ("A1", "A2", "A3"))
    second = write_edf(tmp_path / "s2" / "b.edf", ("B1", "B2"), seed=1)
    data = opened(tmp_path, align="places")
    assert data.spec.channels == ("ch1", "ch2", "ch3")
    sample = data.read(20)[0]
    assert sample.channel_mask.tolist() == [True, True, False]
    assert np.abs(sample.signal[:2] - second[:, 200:300]).max() < 0.1
    alone = opened(tmp_path, align="places", channels="ch1,ch2,ch3,ch4", subjs="s2")
    assert alone.read(0)[0].channel_mask.tolist() == [True, True, False, False]
    with pytest.raises(UserError, match="subject s1 has 3 channels, the model has places for 2"):
        opened(tmp_path, align="places", channels="ch1,ch2")


def test_bad_channels_are_masked_where_they_are_bad_or_left_out_everywhere(tmp_path):
    for name in "ab":
        write_edf(tmp_path / f"s_{name}.edf")
    write_table(tmp_path / "s_a_channels.tsv", "name type status", "A1 SEEG good", "A2 SEEG bad", "A3 MISC good")
    write_table(tmp_path / "s_b_channels.tsv", "name type status", "A3 MISC good", "B1 SEEG bad")
    data = opened(tmp_path)
    assert data.spec.channels == ("A1", "A2", "B1")
    assert data.read(0)[0].channel_mask.tolist() == [True, False, True]
    assert data.read(25)[0].channel_mask.tolist() == [True, True, False]
    assert opened(tmp_path, bad_channels="drop").spec.channels == ("A1",)


def test_bipolar_and_average_references(tmp_path):
    signal = write_edf(tmp_path / "a.edf", ("B2", "A1", "A10", "A2", "A9"))
    bipolar, average = opened(tmp_path, reference="bipolar"), opened(tmp_path, reference="average")
    assert bipolar.spec.channels == ("A1-A2", "A9-A10")
    expected = np.stack([signal[1] - signal[3], signal[4] - signal[2]])[:, 200:300]
    assert np.abs(bipolar.read(0)[0].signal - expected).max() < 0.2
    assert np.abs(average.read(0)[0].signal.sum(axis=0)).max() < 1e-3
    assert "bipolar" in bipolar.spec.steps[0]


def test_the_notch_takes_out_the_mains_alone(tmp_path):
    time = np.arange(6000) / 200
    write_edf(tmp_path / "a.edf", ("A1",), rate=200, seconds=30, events=[(k, 1, "x") for k in range(2, 28)],
              signal=(1000 * np.sin(2 * np.pi * 50 * time) + 100 * np.sin(2 * np.pi * 7 * time))[None])
    cleaned = opened(tmp_path, notch_hz="50,100,150").read(5)[0].signal[0]
    kept = 100 * np.sin(2 * np.pi * 7 * time[1400:1600])
    assert np.abs(cleaned - kept).max() < 10


def test_stretches_for_pretraining_are_cropped_and_divided_by_time(tmp_path):
    signal = write_edf(tmp_path / "a.edf", seconds=200, events=[(12, 1, "BAD spike"), (30, 1, "go")])
    data = opened(tmp_path, task="pretrain")
    assert data.target.kind == "signal"
    assert data.spec.samples == 400
    assert data.records.subset.tolist() == ["train"] * 15 + ["valid"] * 2 + ["test"] * 2
    assert not data.records.label.any()
    crops = [data.read(0, np.random.default_rng(seed))[0].signal for seed in (1, 1, 2)]
    assert (crops[0] == crops[1]).all()
    assert not (crops[0] == crops[2]).all()
    assert np.abs(data.read(0)[0].signal - signal[:, 300:700]).max() < 0.1
    assert any("marked bad (a_00001)" in note for note in data.notes)


def test_trials_and_stretches_divided_by_time_share_no_sample_between_parts(tmp_path):
    write_edf(tmp_path / "a.edf", seconds=100, events=[(0.5 + 0.9 * k, 1.5, "xy"[k % 2]) for k in range(108)])
    trials, stretches = opened(tmp_path, split="time"), opened(tmp_path, task="pretrain")

    def samples(data, part):
        return {sample for row in np.flatnonzero(data.records.subset == part)
                for sample in range(data._start[row], data._start[row] + data.records.length[row])}

    for first, second in (("train", "valid"), ("train", "test"), ("valid", "test"), ("test", "train")):
        assert samples(stretches, first)
        assert not samples(stretches, first) & samples(trials, second)
        assert not samples(trials, first) & samples(trials, second)
    assert any("cross from one part into the next" in note for note in trials.notes)
    assert any("overlap the one before" in note for note in opened(tmp_path).notes)


def test_whole_recordings_take_their_label_from_a_table(tmp_path):
    for name in "abcd":
        write_edf(tmp_path / f"{name}.edf", events=(), seed=ord(name))
    (tmp_path / "labels.csv").write_text("record,label,subject,subset\na.edf,ill,p1,train\nb,well,p2,train\n"
                                         "c,ill,p3,test\nz,ill,p3,test\n")
    data = opened(tmp_path, task="recordings", window_s="5")
    assert data.records.record.tolist() == ["a", "b", "c"]
    assert data.records.subject.tolist() == ["p1", "p2", "p3"]
    assert data.records.subset.tolist() == ["train", "train", "test"]
    assert not data.within_subject
    assert data.read(0)[0].signal.shape == (4, 500)
    assert any("1 lines of the table name no recording: z" in note for note in data.notes)
    assert any("has no label (d)" in note for note in data.notes)


def test_a_copy_of_a_file_in_another_part_refuses_to_start(tmp_path):
    for name in "ab":
        write_edf(tmp_path / f"{name}.edf", events=())
    (tmp_path / "labels.csv").write_text("record,label,subject\na,ill,p1\nb,well,p2\n")
    data = opened(tmp_path, task="recordings")
    with pytest.raises(UserError, match="byte-identical"):
        check_leaks(data, {"train": np.array([0]), "test": np.array([1])})


@pytest.mark.parametrize("name", ["b.edf", "a_events.tsv"])
def test_links_out_of_the_folder_are_refused(tmp_path, name):
    write_edf(tmp_path / "data" / "a.edf")
    write_edf(tmp_path / "elsewhere" / "b.edf")
    write_table(tmp_path / "elsewhere" / "a_events.tsv", "onset trial_type", "1 x")
    (tmp_path / "data" / name).symlink_to(tmp_path / "elsewhere" / name)
    with pytest.raises(UserError, match="outside the data folder"):
        opened(tmp_path / "data", on_bad_record="error")


def test_hidden_folders_hold_no_recordings(tmp_path):
    write_edf(tmp_path / ".git" / "a.edf")
    write_edf(tmp_path / "b.edf")
    assert len(opened(tmp_path)) == 20


def test_the_census_of_events_is_readable(tmp_path):
    write_edf(tmp_path / "sub-07" / "a.edf", events=[*GO_STOP, (2.2, 0.1, "BAD_move")])
    data = opened(tmp_path)
    said = "\n".join(census(data, {"train": np.arange(len(data))}))
    assert "go 10, stop 9" in said
    assert data.subjects == ["07"]
