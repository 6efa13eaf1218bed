from __future__ import annotations

import numpy as np
import pytest

from src.data.arrays import ArraysDataset
from src.data.open import open_dataset
from src.errors import UserError

RNG = np.random.default_rng(0)
SIGNAL = RNG.integers(-500, 500, (8, 3, 50)).astype(np.int16)
LABEL = np.arange(8) % 2


def save(folder, name="data.npz", compressed=False, **arrays):
    arrays = {"signal": SIGNAL, "label": LABEL, "fs": 100.0, "unit": "mV", "scale": 0.001, **arrays}
    given = {key: value for key, value in arrays.items() if value is not None}
    (np.savez_compressed if compressed else np.savez)(folder / name, **given)
    return folder / name


def opened(path, **options):
    return open_dataset("arrays", path, options)


@pytest.mark.parametrize("compressed", [False, True])
def test_integers_are_scaled_when_a_record_is_read(tmp_path, compressed):
    data = opened(save(tmp_path, compressed=compressed))
    assert data.spec.unit == "mV"
    assert (data.spec.rate_hz, data.spec.samples, len(data)) == (100, 50, 8)
    sample = data.read(3)[0]
    assert sample.signal.dtype == np.float32
    assert np.allclose(sample.signal, SIGNAL[3] * 0.001)
    assert sample.label == LABEL[3]
    assert data.packs[0].signal.dtype == np.int16


def test_a_table_of_labels_may_hold_some_that_are_not_known(tmp_path):
    label = np.array([[0, 1, np.nan]] * 7 + [[np.nan] * 3])
    data = opened(save(tmp_path, label=label))
    assert data.target.kind == "multilabel"
    np.testing.assert_array_equal(data.records.label, label[:7])
    assert "has no label" in " ".join(data.notes)
    values = opened(save(tmp_path, label=np.array([[0.5, np.nan], *[[1.5, 2.5]] * 7])))
    assert (values.target.kind, len(values)) == ("value", 7)


def test_uncompressed_arrays_are_mapped_and_reading_never_writes_to_them(tmp_path):
    path = save(tmp_path, signal=SIGNAL.astype(np.float32), scale=None)
    data = opened(path)
    assert not data.packs[0].signal.flags.writeable
    data.read(0)[0].signal[:] = 9
    assert np.allclose(opened(path).read(0)[0].signal, SIGNAL[0])


def test_records_of_unequal_length_are_windowed_padded_and_masked(tmp_path):
    lengths = np.array([30, 30, 30, 50, 12])
    offset = np.r_[0, np.cumsum(lengths)]
    flat = np.arange(offset[-1], dtype=np.float32) + 1
    data = opened(save(tmp_path, signal=flat, offset=offset, label=np.arange(5) % 2, scale=None))
    assert data.spec.samples == 30
    assert data.records.length.tolist() == lengths.tolist()
    assert data.read(3)[0].signal[0].tolist() == flat[offset[3] + 10:offset[3] + 40].tolist()
    drawn = {data.read(3, np.random.default_rng(seed))[0].signal[0, 0] for seed in range(300)}
    assert drawn == set(flat[offset[3]:offset[3] + 21].tolist())
    short = data.read(4)[0]
    assert short.time_mask.sum() == 12
    assert (short.signal[0, 12:] == 0).all()
    assert any("shorter" in note for note in data.notes)


def test_channels_rate_unit_and_window_are_brought_to_what_is_asked(tmp_path):
    path = save(tmp_path, ch_names=np.array(["I", "II", "V1"]))
    data = opened(path, channels="v1,I", resample_hz="50", to_unit="uV", window_s="0.2")
    assert data.spec.channels == ("v1", "I")
    assert (data.spec.samples, data.spec.unit, data.spec.rate_hz) == (10, "uV", 50)
    constant = np.tile(np.array([1, 2, 3], np.int16)[None, :, None], (8, 1, 50))
    data = opened(save(tmp_path, signal=constant, ch_names=np.array(["I", "II", "V1"])), channels="V1,I", to_unit="uV")
    assert data.read(0)[0].signal[:, 0] == pytest.approx([3, 1])


def test_nan_is_bridged_masked_or_refused(tmp_path):
    signal = np.tile(np.arange(50, dtype=np.float32), (8, 3, 1))
    signal[0, 0, 10:20] = np.nan
    signal[1, :, 40:] = np.nan
    signal[2, 1] = np.nan
    signal[3] = np.nan
    data = opened(save(tmp_path, signal=signal, scale=None))
    assert len(data) == 7
    assert any("holds no finite number" in note for note in data.notes)
    assert np.allclose(data.read(0)[0].signal[0], np.arange(50))
    assert data.read(1)[0].time_mask.sum() == 40
    assert (data.read(1)[0].signal[:, 40:] == 0).all()
    assert data.read(2)[0].channel_mask.tolist() == [True, False, True]
    with pytest.raises(UserError, match="--on_bad_record skip would leave them out and go on with 7"):
        opened(save(tmp_path, signal=signal, scale=None), on_bad_record="error")


def test_subjects_parts_names_and_classes_are_read(tmp_path):
    data = opened(save(tmp_path, subject=np.arange(8.0) // 2, split=np.array(["train"] * 6 + ["val", "test"]),
                       names=np.array([f"n{i}" for i in range(8)]), classes=np.array(["left", "right"])))
    assert data.records.subject.tolist() == ["0", "0", "1", "1", "2", "2", "3", "3"]
    assert data.subsets == ("train", "valid", "test")
    assert data.records.record[5] == "n5"
    assert data.target.names == ("left", "right")


def test_missing_labels_and_names_given_twice_are_counted_and_named(tmp_path):
    path = save(tmp_path, label=np.where(np.arange(8) < 2, np.nan, LABEL), names=np.array(list("abcdefgg")))
    data = opened(path)
    assert len(data) == 5
    assert "left out: 2 records: has no label (a, b)" in data.notes
    with pytest.raises(UserError, match="3 records cannot be used") as caught:
        opened(path, on_bad_record="error")
    assert "g (again)" in str(caught.value)


def test_a_folder_of_parts_gives_them_as_subsets(tmp_path):
    for part in ("train", "val", "test"):
        save(tmp_path, f"{part}.npz")
    data = opened(tmp_path)
    assert (len(data), set(data.subsets)) == (24, {"train", "valid", "test"})
    assert len(set(data.records.record.tolist())) == 24


def test_npy_files_take_labels_from_beside_them(tmp_path):
    np.save(tmp_path / "X.npy", SIGNAL.astype(np.float32))
    np.save(tmp_path / "labels.npy", LABEL)
    assert len(opened(tmp_path, rate_hz="100", unit="mV")) == 8
    (tmp_path / "labels.npy").unlink()
    (tmp_path / "labels.csv").write_text("label,subject\n" + "\n".join(f"{'ab'[i % 2]},s{i}" for i in range(8)))
    data = opened(tmp_path, rate_hz="100")
    assert data.target.names == ("a", "b")
    assert data.records.subject[7] == "s7"
    with pytest.raises(UserError, match="sampling rate is unknown"):
        opened(tmp_path)


def test_one_file_per_record_with_a_table(tmp_path):
    for number in range(4):
        np.save(tmp_path / f"rec{number}.npy", SIGNAL[number].astype(np.float32))
    (tmp_path / "labels.csv").write_text("record,label\nrec0,a\nrec1.npy,b\nrec3,a\n")
    data = opened(tmp_path, rate_hz="100")
    assert data.records.record.tolist() == ["rec0", "rec1", "rec3"]
    assert any("has no label (rec2)" in note for note in data.notes)


def test_mat_files_of_both_kinds_give_the_same_data(tmp_path):
    from scipy.io import savemat

    h5py = pytest.importorskip("h5py")
    cells = np.array(["left", "right"] * 4, dtype=object)
    savemat(tmp_path / "old.mat", {"signal": SIGNAL.astype(float), "label": cells, "fs": 100.0, "unit": "uV"})
    with h5py.File(tmp_path / "new.mat", "w") as file:
        file["signal"] = SIGNAL.astype(float).T
        file["label"] = LABEL[None].astype(float)
        file["fs"] = np.array([[100.0]])
        file["unit"] = np.array([[ord(letter)] for letter in "uV"], np.uint16).T.T
        file["unit"].attrs["MATLAB_class"] = np.bytes_(b"char")
    old, new = opened(tmp_path / "old.mat"), opened(tmp_path / "new.mat")
    assert old.target.names == ("left", "right")
    assert old.records.label.tolist() == new.records.label.tolist()
    assert (old.spec.unit, new.spec.unit) == ("uV", "uV")
    assert np.allclose(old.read(5)[0].signal, SIGNAL[5])
    assert np.allclose(new.read(5)[0].signal, SIGNAL[5])


def test_equal_bytes_have_equal_digests(tmp_path):
    signal = SIGNAL.copy()
    signal[4] = signal[1]
    data = opened(save(tmp_path, signal=signal))
    digests = [data.content_hash(row) for row in range(8)]
    assert digests[4] == digests[1]
    assert len(set(digests)) == 7


@pytest.mark.parametrize(("arrays", "said"), [
    ({"signal": None}, "no array of signals"), ({"label": np.arange(5)}, "5 of label for 8 recordings"),
    ({"label": None}, "no labels in data.npz"), ({"ch_names": np.array(["a"])}, "1 channel names for 3 channels"),
    ({"signal": np.array(["a"] * 8)}, "must be whole or real numbers"), ({"fs": -5.0}, "sampling rate -5"),
    ({"signal": SIGNAL[0, 0], "offset": np.array([0, 40, 20])}, "offset must rise"),
    ({"scale": np.ones(2)}, "scale must be one number, or one per channel"),
])
def test_files_that_do_not_fit_together_are_refused(tmp_path, arrays, said):
    with pytest.raises(UserError, match=said):
        opened(save(tmp_path, **arrays))


def test_units_that_cannot_be_converted_are_refused(tmp_path):
    with pytest.raises(UserError, match="is in mmHg, which cannot be turned into mV"):
        opened(save(tmp_path, unit="mmHg"), to_unit="mV")


def test_a_bad_file_among_good_ones_is_named_and_skipped(tmp_path):
    save(tmp_path, "a.npz")
    (tmp_path / "b.npz").write_bytes(b"no zip at all")
    data = opened(tmp_path)
    assert len(data) == 8
    assert "b.npz" in data.notes[0]
    with pytest.raises(UserError, match="1 records cannot be used"):
        opened(tmp_path, on_bad_record="error")
    assert isinstance(data, ArraysDataset)
