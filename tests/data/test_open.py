from __future__ import annotations

import numpy as np
import pytest

from src.data.open import open_dataset, recognise
from src.data.signal import SignalSpec, TargetSpec
from src.errors import UserError


@pytest.fixture
def arrays(tmp_path):
    np.savez(tmp_path / "a.npz", signal=np.ones((6, 2, 100), np.float32), label=np.array(list("NANAAN")), fs=200.0,
             unit="uV", ch_names=np.array(["x", "y"]))
    return tmp_path


def test_folders_and_files_are_recognised(arrays, tmp_path, write_wfdb):
    assert recognise(arrays) == recognise(arrays / "a.npz") == "arrays"
    write_wfdb(tmp_path, "r", np.ones((9, 1), np.int16))
    assert recognise(tmp_path) == "wfdb"
    (tmp_path / "up" / "down").mkdir(parents=True)
    write_wfdb(tmp_path / "up" / "down", "r", np.ones((9, 1), np.int16))
    assert recognise(tmp_path / "up") == "wfdb"


def test_what_is_no_data_set_says_what_one_looks_like(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    for path, said in ((tmp_path / "nowhere", "not found"), (tmp_path, "found .txt"),
                       (tmp_path / "notes.txt", "a .txt file is no data set")):
        with pytest.raises(UserError, match=said) as caught:
            open_dataset(None, path)
        assert "labels.csv" in str(caught.value)
        assert "python prepare.py --help" in str(caught.value)


def test_options_come_from_strings_and_unknown_ones_are_refused(arrays):
    assert open_dataset(None, arrays, {"window_s": "0.1"}).spec.samples == 20
    with pytest.raises(UserError, match="did you mean window_s"):
        open_dataset("arrays", arrays, {"windows_s": "1"})
    with pytest.raises(UserError, match="did you mean arrays"):
        open_dataset("array", arrays)
    with pytest.raises(UserError, match="needs --data_path"):
        open_dataset("arrays", None)
    with pytest.raises(UserError, match="neither"):
        open_dataset(None, None)


def test_data_are_brought_to_what_a_trained_model_expects(arrays):
    spec, target = SignalSpec(("y", "x"), 100.0, "mV", 30), TargetSpec("classes", ("A", "N", "O"))
    data = open_dataset(None, arrays, spec=spec, target=target)
    assert (data.spec.channels, data.spec.rate_hz, data.spec.unit, data.spec.samples) == (("y", "x"), 100, "mV", 30)
    assert data.target == target
    assert np.allclose(data.read(0)[0].signal[:, 15], 1e-3, rtol=0.02)
    with pytest.raises(UserError, match="has no channel V1"):
        open_dataset(None, arrays, spec=SignalSpec(("V1",), 100.0, "mV", 30))


def test_a_wfdb_file_in_place_of_its_folder_is_called_a_file(tmp_path):
    (tmp_path / "r.hea").touch()
    with pytest.raises(UserError, match=r"r\.hea: a file, not a folder"):
        open_dataset("wfdb", tmp_path / "r.hea")
