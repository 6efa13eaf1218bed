from __future__ import annotations

import numpy as np
import pytest
from scipy.io import loadmat

from src.data.readers.mat import read_mat
from src.interop.mat_files import write_mat


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
@pytest.mark.parametrize("shape", [(1, 1), (12, 7), (3, 1)])
def test_scipy_and_our_reader_give_back_what_was_written(tmp_path, dtype, shape):
    values = (np.random.default_rng(0).normal(size=shape) * 9).astype(dtype)
    write_mat(tmp_path / "a.mat", {"x": values, "a_longer_name": values[:1]})
    stored = loadmat(tmp_path / "a.mat")
    for found in (stored["x"], read_mat(tmp_path / "a.mat", "x")):
        assert found.dtype == dtype
        assert np.array_equal(found, values)
    assert np.array_equal(stored["a_longer_name"], values[:1])


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(KeyError):
        write_mat(tmp_path / "a.mat", {"x": np.zeros((1, 1), np.float16)})
    assert not list(tmp_path.iterdir())
