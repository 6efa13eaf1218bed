from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from src.data.readers import mat_elements
from src.data.readers.mat import check_mat, mat_names, read_mat
from src.errors import UserError

VALUES = {
    "doubles": np.random.default_rng(0).normal(size=(3, 4)),
    "shorts": np.arange(-6, 6, dtype=np.int16).reshape(2, 3, 2),
    "bytes_": np.arange(5, dtype=np.uint8), "singles": np.ones((2, 2), np.float32), "longs": np.array([2**60]),
    "flags": np.array([True, False]), "empty": np.zeros((0, 3)), "text": "mV and µV", "rows": np.array(["ab", "c"]),
    "cells": np.array(["left", "right hand", ""], dtype=object), "one": 7.5,
    "ECG": {"sex": "Male", "age": 74, "data": np.arange(24.0).reshape(2, 12)},
}


@pytest.mark.parametrize("compressed", [False, True])
def test_values_are_those_that_scipy_reads(tmp_path, compressed):
    savemat(tmp_path / "a.mat", VALUES, do_compression=compressed)
    theirs = loadmat(tmp_path / "a.mat", chars_as_strings=True)
    assert set(mat_names(tmp_path / "a.mat")) == set(VALUES) - {"ECG"} | {"ECG.sex", "ECG.age", "ECG.data"}
    for name in ("doubles", "shorts", "bytes_", "singles", "longs", "flags", "empty", "one"):
        mine = read_mat(tmp_path / "a.mat", name)
        assert mine.dtype.itemsize == theirs[name].dtype.itemsize
        np.testing.assert_array_equal(mine, theirs[name])
    assert read_mat(tmp_path / "a.mat", "text").tolist() == ["mV and µV"]
    assert read_mat(tmp_path / "a.mat", "rows").tolist() == ["ab", "c"]
    assert read_mat(tmp_path / "a.mat", "cells").tolist() == ["left", "right hand", ""]
    np.testing.assert_array_equal(read_mat(tmp_path / "a.mat", "ECG.data"), VALUES["ECG"]["data"])


def test_version_4_is_read_by_scipy(tmp_path):
    savemat(tmp_path / "a.mat", {"val": np.arange(6.0).reshape(2, 3)}, format="4")
    assert mat_names(tmp_path / "a.mat") == ["val"]
    np.testing.assert_array_equal(read_mat(tmp_path / "a.mat", "val"), np.arange(6.0).reshape(2, 3))


def test_complex_and_sparse_arrays_are_passed_over(tmp_path):
    from scipy.sparse import eye_array

    savemat(tmp_path / "a.mat", {"c": np.array([1 + 2j]), "s": eye_array(3).tocsc(), "x": 1.0})
    assert mat_names(tmp_path / "a.mat") == ["x"]


def big_endian(shape, data):
    """A file with one array of int16 as a machine of the other order writes it."""
    def element(kind, content):
        return struct.pack(">2I", kind, len(content)) + content + bytes(-len(content) % 8)

    body = element(6, struct.pack(">2I", 10, 0)) + element(5, struct.pack(f">{len(shape)}i", *shape)) \
        + element(1, b"x") + element(3, data)
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI" + element(14, body)


def test_the_other_order_of_bytes_is_read(tmp_path):
    (tmp_path / "a.mat").write_bytes(big_endian((2, 3), np.arange(6, dtype=">i2").tobytes()))
    np.testing.assert_array_equal(read_mat(tmp_path / "a.mat", "x"), np.arange(6).reshape(3, 2).T)
    assert read_mat(tmp_path / "a.mat", "x").dtype == np.int16


@pytest.mark.parametrize("shape", [(2, 4), (-2, -3), (2**31 - 1, 2**31 - 1), (6,)])
def test_a_shape_that_the_numbers_do_not_fill_is_refused(tmp_path, shape):
    (tmp_path / "a.mat").write_bytes(big_endian(shape, np.arange(6, dtype=">i2").tobytes()))
    with pytest.raises(UserError, match="not a readable MAT file"):
        read_mat(tmp_path / "a.mat", "x")


def test_what_unpacks_to_more_than_it_says_or_memory_holds_is_refused(tmp_path):
    plain = struct.pack("<2I", 14, 1 << 20) + bytes(1 << 24)
    lies = zlib.compress(plain)
    huge = zlib.compress(struct.pack("<2I", 14, 0xFFFFFFF0) + bytes(1 << 20))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    for packed in (lies, huge):
        (tmp_path / "a.mat").write_bytes(head + struct.pack("<2I", 15, len(packed)) + packed)
        with pytest.raises(UserError):
            mat_names(tmp_path / "a.mat")


def test_every_cut_of_a_file_is_refused_or_lacks_its_end(tmp_path):
    savemat(tmp_path / "a.mat", {"ECG": VALUES["ECG"], "cells": VALUES["cells"]})
    whole = (tmp_path / "a.mat").read_bytes()
    for size in range(0, len(whole) - 1, 7):
        (tmp_path / "b.mat").write_bytes(whole[:size])
        try:
            mat_names(tmp_path / "b.mat")
            check_mat(tmp_path / "b.mat")
        except UserError:
            continue
        assert len(list(mat_elements.arrays(tmp_path / "b.mat"))) < 2
