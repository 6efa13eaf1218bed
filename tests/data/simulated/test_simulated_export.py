from __future__ import annotations

import csv

import numpy as np
import pytest

from src.data.simulated.ecg import SimulatedECG
from src.data.simulated.export import export
from src.data.simulated.seeg import SimulatedSEEG
from src.data.simulated.wfdb_files import diagnosis_codes
from src.errors import UserError


@pytest.fixture(scope="module")
def ecg() -> SimulatedECG:
    return SimulatedECG(SimulatedECG.Config(patients=20))


@pytest.fixture(scope="module")
def seeg() -> SimulatedSEEG:
    return SimulatedSEEG(SimulatedSEEG.Config(stretches=2))


def read_csv(path) -> list[dict]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_wfdb_files_hold_the_signals_with_exact_identities(ecg, tmp_path):
    import wfdb

    assert export(ecg, tmp_path / "out", "wfdb") == 40
    table = read_csv(tmp_path / "out" / "labels.csv")
    assert table[5]["record"] == "p1000/p10000004/s40000005/40000005"
    for row in (5, 23):
        path = str(tmp_path / "out" / table[row]["record"])
        stored = wfdb.rdrecord(path, physical=False)
        steps = stored.d_signal.astype(np.int64)
        assert np.array_equal(steps[:, 2], steps[:, 1] - steps[:, 0])
        assert np.array_equal(2 * steps[:, 3], -(steps[:, 0] + steps[:, 1]))
        assert np.array_equal(2 * steps[:, 4], 2 * steps[:, 0] - steps[:, 1])
        assert [value % 65536 for value in stored.checksum] == (steps.sum(0) % 65536).tolist()
        assert stored.init_value == steps[0].tolist()
        signal = wfdb.rdrecord(path).p_signal.T
        np.testing.assert_allclose(signal, ecg.read(row)[0].signal, atol=1e-6)
        assert table[row]["label"].split(";") == list(ecg.label_names(row)) or not ecg.label_names(row)
        assert (table[row]["subject"], table[row]["subset"]) == (ecg.records.subject[row], ecg.records.subset[row])


def test_mat_files_hold_microvolts_and_are_read_by_two_libraries(ecg, tmp_path):
    import scipy.io
    import wfdb

    export(ecg, tmp_path / "out", "mat", limit=3)
    path, signal = tmp_path / "out" / "40000002", ecg.read(2)[0].signal
    matrix = scipy.io.loadmat(f"{path}.mat")["val"]
    assert matrix.dtype == np.int16
    assert np.abs(matrix - 1000 * signal).max() <= 0.51
    assert np.abs(matrix[2] - (matrix[1] - matrix[0])).max() <= 2
    stored = wfdb.rdrecord(str(path))
    np.testing.assert_allclose(stored.p_signal.T, signal, atol=6e-4)
    assert [value % 65536 for value in stored.checksum] == (matrix.sum(1, dtype=np.int64) % 65536).tolist()
    meta = ecg.metadata(2)
    assert stored.comments == [f"Age: {meta['age']}", f"Sex: {'Male' if meta['sex'] == 'M' else 'Female'}",
                               f"Dx: {','.join(map(str, diagnosis_codes(meta)))}"]


def test_npz_files_of_ecg_are_the_records(ecg, tmp_path):
    export(ecg, tmp_path / "out", "npz", limit=12)
    with np.load(tmp_path / "out" / "records_00000.npz", allow_pickle=False) as file:
        assert np.array_equal(file["X"][7], ecg.read(7)[0].signal)
        assert np.array_equal(file["y"], ecg.records.label[:12])
        assert file["y"].dtype == np.uint8
        assert tuple(file["classes"]) == ecg.target.names
        assert float(file["fs"]) == 100
    table = read_csv(tmp_path / "out" / "metadata.csv")
    assert [line["record"] for line in table] == ecg.records.record[:12].tolist()
    assert table[3]["findings"] == ";".join(ecg.label_names(3))
    assert table[3]["report_0"] == ecg.metadata(3)["statements"][0]
    assert "report_17" in table[3]


def test_npz_files_of_seeg_are_trials_and_stretches(seeg, tmp_path):
    assert export(seeg, tmp_path / "out", "npz", limit=13) == 13
    with np.load(tmp_path / "out" / "sub-001.npz", allow_pickle=False) as file:
        assert np.array_equal(file["X"][12], seeg.read(12)[0].signal)
        assert file["words"][12] == seeg.target.names[0]
        assert file["rep"].tolist() == [0] * 12 + [1]
        assert set(file["split"].tolist()) == {"train"}
    with np.load(tmp_path / "out" / "unlabelled" / "sub-001_unlabelled.npz", allow_pickle=False) as file:
        assert np.array_equal(file["U"][1], seeg.stretch(0, 1).signal)


def test_exported_arrays_give_the_same_samples_labels_and_parts(ecg, tmp_path):
    from src.data.arrays import ArraysDataset

    export(ecg, tmp_path / "out", "npz")
    read = ArraysDataset(None, tmp_path / "out")
    assert read.target == ecg.target
    assert read.spec.channels == ecg.spec.channels
    assert (read.spec.rate_hz, read.spec.unit, read.spec.samples) == (100, "mV", 1000)
    assert np.array_equal(read.records.label, ecg.records.label)
    assert np.array_equal(read.records.subset, ecg.records.subset)
    assert np.array_equal(read.records.subject, ecg.records.subject)
    assert np.array_equal(read.read(9)[0].signal, ecg.read(9)[0].signal)


def test_what_cannot_be_written_is_refused(ecg, seeg, tmp_path):
    with pytest.raises(UserError, match="layout='wfdb' is unknown"):
        export(seeg, tmp_path / "out", "wfdb")
    with pytest.raises(UserError, match="limit=0"):
        export(ecg, tmp_path / "out", "npz", limit=0)
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UserError, match="not an empty folder"):
        export(ecg, tmp_path, "npz")
