"""Arrays of fairseq-signals' inference: true .npy files, and its bare bytes beside a pickled header."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from src.errors import UserError
from src.interop.layouts.fairseq import array_path, new_array, read_array


def write_old(folder, array, **header):
    """As the original does it: bytes behind .npy, their shape and dtype in a pickle."""
    path = folder / "outputs_test.npy"
    array.tofile(path)
    (folder / "outputs_test_header.pkl").write_bytes(pickle.dumps(
        {"shape": array.shape, "dtype": array.dtype, **header}))
    return path


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.dtype("float32"), "float32"])
def test_the_old_form_is_read_by_its_header(tmp_path, dtype):
    array = np.random.default_rng(0).standard_normal((5, 3)).astype(dtype)
    found = read_array(write_old(tmp_path, array, dtype=dtype))
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


def test_the_new_form_is_a_true_npy_file(tmp_path):
    path = array_path(tmp_path, "outputs", "test")
    new_array(path, (2, 3))[...] = 7
    assert np.array_equal(np.load(path, allow_pickle=False), np.full((2, 3), 7, np.float32))
    assert np.array_equal(read_array(path), np.full((2, 3), 7))


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    path = write_old(tmp_path, np.ones((5, 3), np.float32))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="promises 60 bytes, the file holds 59"):
        read_array(path)


def test_a_header_that_lies_takes_no_memory(tmp_path):
    path = write_old(tmp_path, np.ones((5, 3), np.float32), shape=(10**12, 10**6))
    with pytest.raises(UserError, match="promises"):
        read_array(path)
    for wrong in ({"shape": (-1, 3)}, {"dtype": "O"}, {"shape": 3}, {"shape": ("a",)}):
        with pytest.raises(UserError, match="is expected"):
            read_array(write_old(tmp_path, np.ones((5, 3), np.float32), **wrong))


class Hostile:
    def __reduce__(self):
        return os.system, ("touch was_executed",)


def test_a_header_that_would_run_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_old(tmp_path, np.ones(3, np.float32), dtype=Hostile())
    with pytest.raises(UserError, match="system"):
        read_array(path)
    assert not (tmp_path / "was_executed").exists()


def test_without_its_header_the_old_form_is_refused(tmp_path):
    path = write_old(tmp_path, np.ones((5, 3), np.float32))
    (tmp_path / "outputs_test_header.pkl").unlink()
    with pytest.raises(UserError, match=r"outputs_test_header\.pkl"):
        read_array(path)
