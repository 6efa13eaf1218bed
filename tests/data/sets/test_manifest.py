"""`--dataset manifest`: fairseq-signals' lists of .mat files, in all their forms, and what is wrong with some."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from src.data.census import census
from src.data.dataset import BaseDataset
from src.data.open import open_dataset
from src.data.recognise import recognise, recognise_unseen
from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError
from tests.data.sets.fairseq_files import RATE, SAMPLES, labels, record, signal, write_manifests, write_pairs


def opened(folder: Path, **options) -> BaseDataset:
    return open_dataset("manifest", folder, options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_manifests(tmp_path_factory.mktemp("manifests") / "M")


def test_records_parts_labels_and_people_come_from_the_files(folder):
    found = opened(folder)
    assert found.subsets == ("train", "valid", "test")
    assert found.records.record.tolist()[:2] == ["r0", "r1"]
    assert found.target == TargetSpec("multilabel", ("AF", "LBBB", "STTC"))
    assert (found.records.label == labels(12)).all()
    assert found.subjects == sorted(str(number) for number in range(12))
    assert (found.spec.rate_hz, found.spec.samples, found.spec.channels[3]) == (RATE, SAMPLES, "aVR")
    (sample,) = found.read(5)
    np.testing.assert_array_equal(sample.signal, signal(5).astype(np.float32))


def test_a_folder_and_a_file_are_recognised(folder):
    assert recognise(folder) == recognise(folder / "test.tsv") == "manifest"
    assert recognise_unseen(folder / "test.tsv", "x") == "manifest"


def test_one_manifest_of_a_part_is_that_part_and_any_other_is_no_part(folder, tmp_path):
    assert opened(folder / "test.tsv").subsets == ("test",)
    other = tmp_path / "hospital.tsv"
    other.write_text((folder / "test.tsv").read_text())
    assert opened(other, label_file=str(folder / "y.npy")).subsets == ()


def test_labels_may_be_chosen_by_number_or_name_and_one_is_binary(folder):
    found = opened(folder, label_indexes="[2, 'AF']")
    assert found.target.names == ("STTC", "AF")
    assert (found.records.label == labels(12)[:, [2, 0]]).all()
    one = opened(folder, label_indexes="LBBB")
    assert (one.target, one.records.label.shape) == (TargetSpec("multilabel", ("LBBB",)), (12, 1))
    with pytest.raises(UserError, match="label_indexes=7: no such label"):
        opened(folder, label_indexes="7")


def test_a_trained_model_finds_its_labels_by_name(folder):
    target = TargetSpec("multilabel", ("STTC", "AF"))
    spec = SignalSpec(opened(folder).spec.channels, RATE, "unknown", SAMPLES)
    found = open_dataset("manifest", folder, spec=spec, target=target)
    assert found.target == target
    assert (found.records.label == labels(12)[:, [2, 0]]).all()


def test_labels_in_the_records_are_taken_where_there_is_no_label_file(tmp_path):
    folder = write_manifests(tmp_path / "M", 4, label_file=False, label=np.array([[1, 0]], bool))
    found = opened(folder)
    assert found.records.label.tolist() == [[1, 0]] * 4
    assert found.labelled


def heads_of(number: int) -> tuple[list[int], list[int]]:
    """Two of the labels 0 to 3, and what they are."""
    return [number % 4, (number + 1) % 4], [number % 2, 1]


def write_heads(folder: Path, count: int = 8) -> Path:
    write_manifests(folder, count, label_file=False)
    for number in range(count):
        heads, told = heads_of(number)
        record(folder / "mats" / f"r{number}.mat", number, target_idx=heads, label=np.array([told]))
    return folder


def test_a_record_may_be_labelled_in_some_of_the_labels_only(tmp_path):
    found = opened(write_heads(tmp_path / "M"))
    assert found.target == TargetSpec("multilabel", ("label_0", "label_1", "label_2", "label_3"))
    np.testing.assert_array_equal(found.records.label[1], [np.nan, 1, 1, np.nan])
    assert (np.isfinite(found.records.label).sum(1) == 2).all()
    np.testing.assert_array_equal(found.read(1)[0].label, found.records.label[1])
    assert "(16 of 32 labels not known)" in " ".join(census(found, {}))


def test_labels_by_number_have_the_names_of_the_label_file_or_those_that_were_trained(tmp_path):
    folder = write_heads(tmp_path / "M", 2)
    assert opened(folder).target.outputs == 3, "no record is about the last"
    trained = TargetSpec("multilabel", ("label_1", "label_3"))
    spec = SignalSpec(opened(folder).spec.channels, RATE, "unknown", SAMPLES)
    assert open_dataset("manifest", folder, spec=spec, target=trained).target == trained
    (folder / "label_def.csv").write_text("name\nAF\nLBBB\nSTTC\nMI\n")
    assert opened(folder).target.names == ("AF", "LBBB", "STTC", "MI")
    (folder / "label_def.csv").write_text("name\nAF\nLBBB\n")
    with pytest.raises(UserError, match="2 names, but a record has a label 2"):
        opened(folder)


@pytest.mark.parametrize(("more", "says"), [
    ({"target_idx": [0, 0], "label": [1, 1]}, "not different numbers"),
    ({"target_idx": [-1], "label": [1]}, "not different numbers"),
    ({"target_idx": [1e9], "label": [1]}, "different numbers from 0"),
    ({"target_idx": [np.nan], "label": [1]}, "not different numbers"),
    ({"target_idx": [0, 1], "label": [1]}, "has 1 labels for 2 target_idx")])
def test_numbers_of_labels_that_do_not_fit_are_named(tmp_path, more, says):
    folder = write_heads(tmp_path / "M")
    record(folder / "mats" / "r3.mat", 3, **more)
    found = opened(folder)
    assert len(found) == 7
    assert says in found.notes[0]
    record(folder / "mats" / "r3.mat", 3, label=[1, 0, 1])
    with pytest.raises(UserError, match="3 labels and no target_idx; there are 4"):
        opened(folder)


def test_a_label_that_is_not_known_is_nan_and_a_record_without_any_is_left_out(tmp_path):
    folder = write_manifests(tmp_path / "M", 4)
    table = labels(4).astype(np.float32)
    table[1, 2], table[3] = np.nan, np.nan
    np.save(folder / "y.npy", table)
    found = opened(folder)
    assert found.target.kind == "multilabel"
    np.testing.assert_array_equal(found.records.label, table[:3])
    assert "has no label" in found.notes[0]


def test_records_without_labels_are_data_to_pretrain_on(tmp_path):
    found = opened(write_manifests(tmp_path / "M", 4, label_file=False))
    assert (found.target.kind, found.labelled) == ("none", False)


def test_numbers_that_are_not_0_and_1_are_values(tmp_path):
    folder = write_manifests(tmp_path / "M", 4)
    np.save(folder / "y.npy", np.array([[50.5, 1, 0]] * 4))
    assert opened(folder).target.kind == "value"
    assert opened(folder, label_indexes="1,2").target.kind == "multilabel"


def test_leads_are_chosen_by_name_in_any_case_or_number_and_padded(folder):
    found = opened(folder, channels="['I', 'v3', 1, 'avf']")
    assert found.spec.channels == ("I", "V3", "II", "aVF")
    np.testing.assert_array_equal(found.read(3)[0].signal, signal(3)[[0, 8, 1, 5]].astype(np.float32))
    padded = opened(folder, channels="I,V3", pad_leads=True).read(3)[0]
    assert np.flatnonzero(padded.channel_mask).tolist() == [0, 8]  # type: ignore[arg-type]
    assert np.flatnonzero(padded.signal.any(axis=1)).tolist() == [0, 8]


def test_one_lead_of_a_bucket_is_drawn_in_training_and_the_first_is_taken_in_evaluation(folder):
    found = opened(folder, channels="[0,1,2,6]", lead_bucket="[1,2,6]")
    assert found.spec.channels == ("I", "one of II III V1")
    assert (found.read(0)[0].signal[1] == signal(0)[1].astype(np.float32)).all()
    drawn = {found.read(0, np.random.default_rng(seed))[0].signal[1, 0] for seed in range(20)}
    assert drawn == {np.float32(signal(0)[row, 0]) for row in (1, 2, 6)}


def test_leads_are_standardised_by_the_numbers_of_two_files(folder, tmp_path):
    mean, std = np.arange(12.0), np.arange(1.0, 13)
    for name, values in (("mean", mean), ("std", std)):
        (tmp_path / name).write_text("\n".join(map(str, values)))
    options = {"mean_path": str(tmp_path / "mean"), "std_path": str(tmp_path / "std")}
    found = opened(folder, channels="V1,I", **options).read(2)[0].signal
    np.testing.assert_allclose(found, ((signal(2) - mean[:, None]) / std[:, None])[[6, 0]], rtol=1e-5, atol=1e-6)
    with pytest.raises(UserError, match="belong together"):
        opened(folder, mean_path=options["mean_path"])


def test_pairs_are_two_neighbouring_segments_of_one_recording(tmp_path):
    folder = write_pairs(tmp_path / "M")
    found = opened(folder)
    assert recognise(folder) == "manifest"
    first, second = found.read(3)
    np.testing.assert_array_equal(first.signal, signal(6).astype(np.float32))
    np.testing.assert_array_equal(second.signal, signal(7).astype(np.float32))
    assert (found.spec.samples, found.records.length[3], found.records.subject[3]) == (SAMPLES, 2 * SAMPLES, "3")


def test_a_third_column_says_whose_record_it_is(tmp_path):
    folder = write_manifests(tmp_path / "M", 4)
    lines = (folder / "train.tsv").read_text().splitlines()
    (folder / "train.tsv").write_text("\n".join([lines[0], *(f"r{n}.mat\t200\t{n // 2}" for n in range(4))]))
    found = opened(folder / "train.tsv")
    assert (found.target, found.records.label.tolist()) == (TargetSpec("classes", ("0", "1")), [0, 0, 1, 1])
    (folder / "valid.tsv").unlink()
    lines = (folder / "train.tsv").read_text().splitlines()
    (folder / "train.tsv").write_text("\n".join(lines[:3]))
    assert "has no label" in opened(folder).notes[0], "lines of test.tsv say no class"


def test_windows_of_a_long_record_are_one_after_the_other_in_evaluation(tmp_path):
    folder = write_manifests(tmp_path / "M", 4, feats=signal(0, 500))
    found = opened(folder, window_s=2.0, stride_s=2.0)
    views = found.read(0)
    assert len(views) == 3
    np.testing.assert_array_equal(views[1].signal, signal(0, 500)[:, 200:400].astype(np.float32))


def test_compressed_files_and_other_orders_of_bytes_give_the_same_signal(tmp_path):
    folder = write_manifests(tmp_path / "M", 4)
    for number in range(4):
        path = folder / "mats" / f"r{number}.mat"
        savemat(path, {key: value for key, value in loadmat(path).items() if key[0] != "_"}, do_compression=True)
    np.testing.assert_array_equal(opened(folder).read(2)[0].signal, signal(2).astype(np.float32))


# ------------------------------------------------------------------------------------------- what is refused
def test_a_record_outside_the_root_is_left_out_and_never_opened(tmp_path):
    folder = write_manifests(tmp_path / "M", 4)
    record(tmp_path / "secret.mat", 9)
    lines = (folder / "train.tsv").read_text()
    (folder / "train.tsv").write_text(lines + f"../../secret.mat\t200\n{tmp_path / 'secret.mat'}\t200\n")
    found = opened(folder)
    assert len(found) == 4
    assert "2 records: lies outside the folder of its manifest" in found.notes[0]


def test_missing_and_damaged_files_are_left_out_or_refused(tmp_path):
    folder = write_manifests(tmp_path / "M", 6)
    (folder / "mats/r0.mat").unlink()
    damaged = (folder / "mats/r1.mat").read_bytes()
    (folder / "mats/r1.mat").write_bytes(damaged[:5000])
    assert len(opened(folder)) == 4
    with pytest.raises(UserError, match="2 records cannot be used"):
        open_dataset("manifest", folder, on_bad_record="error")


@pytest.mark.parametrize(("text", "says"), [
    ("", "no manifest"), ("/nowhere\nr0.mat\t200\n", "names the folder /nowhere, which is not there"),
    (".\nr0.mat\t200\nr1.mat\n", "line 3: path, samples between tabs are expected"),
    (".\nmat\nr0\t200\t0\t0,1\nr1\t200\n", "line 4: stem, samples, 0, segments")])
def test_a_manifest_that_does_not_fit_is_refused_with_its_line(tmp_path, text, says):
    (tmp_path / "train.tsv").write_text(text)
    with pytest.raises(UserError, match=says):
        opened(tmp_path)


def test_recordings_that_were_moved_are_found_below_another_root(tmp_path):
    folder = write_manifests(tmp_path / "M", 4)
    (folder / "mats").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="dataset_args root=DIR"):
        opened(folder)
    assert len(opened(folder, root=str(tmp_path / "elsewhere"))) == 4


def test_a_label_file_of_other_recordings_is_refused(tmp_path):
    folder = write_manifests(tmp_path / "M", 6)
    np.save(folder / "y.npy", labels(3))
    with pytest.raises(UserError, match="3 records are of no row of its 3, r3 first"):
        opened(folder)
    np.save(folder / "y.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="nothing was executed"):
        opened(folder)
