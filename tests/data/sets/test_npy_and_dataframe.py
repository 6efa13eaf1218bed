"""`--dataset npy` and `--dataset dataframe`: DeepECG-SSL's arrays and tables."""

from __future__ import annotations

import numpy as np
import pytest

from src.data.open import open_dataset
from src.data.recognise import recognise
from src.data.signal import TargetSpec
from src.errors import UserError
from tests.data.sets.fairseq_files import SAMPLES, labels, signal, write_arrays, write_frame


def counts(number: int, scale: float = 1.0) -> np.ndarray:
    return (signal(number) * 200).astype(np.float32) * np.float32(scale)


def test_an_array_is_described_by_lines_and_scaled(tmp_path):
    folder = write_arrays(tmp_path, 6, "label_indexes:[0, 2]", "scale:0.00488")
    found = open_dataset("npy", folder)
    assert recognise(folder) == "npy"
    assert (found.spec.unit, found.spec.rate_hz, found.spec.samples) == ("mV", 250, SAMPLES)
    assert found.target == TargetSpec("multilabel", ("label_0", "label_2"))
    assert (found.records.label == labels(6)[:, [0, 2]]).all()
    np.testing.assert_allclose(found.read(4)[0].signal, counts(4, 0.00488), rtol=1e-6)


def test_the_signals_stay_in_the_file_until_they_are_read(tmp_path):
    found = open_dataset("npy", write_arrays(tmp_path))
    base = found._parts[0].signal  # type: ignore[attr-defined]
    while not isinstance(base, np.memmap):
        base = base.base
    assert base.filename.name == "x.npy"


def test_an_array_may_be_given_by_itself(tmp_path):
    folder = write_arrays(tmp_path)
    options = {"y_path": str(folder / "y.npy"), "scale": 0.00488, "label_indexes": "1"}
    found = open_dataset("npy", folder / "x.npy", options)
    assert (found.subsets, found.target.names, found.spec.unit) == ((), ("label_1",), "mV")
    assert not open_dataset("npy", folder / "x.npy").labelled


def test_nan_becomes_zero_as_in_the_original(tmp_path):
    folder = write_arrays(tmp_path)
    x = np.load(folder / "x.npy")
    x[1, 10:20] = np.nan
    np.save(folder / "x.npy", x)
    (sample,) = open_dataset("npy", folder).read(1)
    assert not sample.signal[:, 10:20].any()
    assert sample.signal[:, 9].all()


@pytest.mark.parametrize(("line", "says"), [
    ("normalization:scaler.pkl", "names a pickle, which is not opened"),
    ("scale:__import__('os')", "is no number and no list"), ("scale:0", "a number above 0"),
    ("label_indexes:[9]", "no such label"), ("nonsense", "key:value is expected"),
    ("y_path:lost.npy", "no such file of labels")])
def test_lines_that_do_not_fit_are_refused_and_nothing_is_evaluated(tmp_path, line, says):
    with pytest.raises(UserError, match=says):
        open_dataset("npy", write_arrays(tmp_path, 4, line))


def test_labels_of_another_length_are_refused(tmp_path):
    folder = write_arrays(tmp_path, 4)
    np.save(folder / "y.npy", np.zeros((3, 2)))
    with pytest.raises(UserError, match="3 rows of labels for 4 records"):
        open_dataset("npy", folder)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_names_a_file_for_each_record(tmp_path, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    folder = write_frame(tmp_path, suffix=suffix)
    found = open_dataset("dataframe", folder)
    assert recognise(folder) == "dataframe"
    assert (found.target, found.records.label.tolist()) == (TargetSpec("multilabel", ("afib",)), [[0], [1], [0], [1]])
    np.testing.assert_allclose(found.read(3)[0].signal, counts(3, 0.00488), rtol=1e-6)


def test_columns_of_a_table_are_labels_or_values(tmp_path):
    folder = write_frame(tmp_path)
    about = (folder / "train.tsv").read_text()
    (folder / "train.tsv").write_text(about.replace("['afib']", "['LVEF', 'afib']"))
    found = open_dataset("dataframe", folder)
    assert (found.target, found.records.label[1].tolist()) == (TargetSpec("value", ("LVEF", "afib")), [51.5, 1])
    (folder / "train.tsv").write_text(about.replace("['afib']", "['age']"))
    with pytest.raises(UserError, match="has no column age"):
        open_dataset("dataframe", folder)


def test_a_row_that_cannot_be_read_is_told_and_never_replaced_by_another(tmp_path):
    folder = write_frame(tmp_path)
    (folder / "2.npy").write_bytes(b"nothing")
    found = open_dataset("dataframe", folder)
    assert found.records.record.tolist() == ["train_000000", "train_000001", "train_000003"]
    assert "train_000002" in found.notes[0]
    np.testing.assert_allclose(found.read(2)[0].signal, counts(3, 0.00488), rtol=1e-6)
    with pytest.raises(UserError, match="1 records cannot be used"):
        open_dataset("dataframe", folder, on_bad_record="error")


def test_an_empty_cell_of_several_labels_is_not_known(tmp_path):
    folder = write_frame(tmp_path)
    (folder / "table.csv").write_text("npy_path,afib,lbbb\n0.npy,1,\n1.npy,,0\n2.npy,0,1\n3.npy,,\n")
    (folder / "train.tsv").write_text("x_path:table.csv\ny_labels:['afib', 'lbbb']")
    found = open_dataset("dataframe", folder)
    assert found.target.kind == "multilabel"
    np.testing.assert_array_equal(found.records.label, [[1, np.nan], [np.nan, 0], [0, 1]])
    assert "a label is missing" in found.notes[0]
