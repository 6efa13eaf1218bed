"""Parts of matrices in MAT files, read in place: the same bits that scipy gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from src.data.readers.mat_places import Loaded, Stored, variables
from src.errors import UserError

DTYPES = ("float64", "float32", "int16", "uint8", "int64", "bool")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("version", ["5", "4", "compressed"])
def test_arrays_are_those_of_scipy_to_the_last_bit(tmp_path, dtype, version):
    if version == "4" and dtype in ("int64", "bool"):
        pytest.skip("version 4 has no such numbers")
    feats = (np.random.default_rng(0).standard_normal((12, 400)) * 50).astype(dtype)
    content = {"first": "text", "feats": feats, "idx": 7, "a_long_name_of_a_variable": np.arange(5.0)}
    path = tmp_path / "r.mat"
    savemat(path, content, format="4" if version == "4" else "5", do_compression=version == "compressed")
    found, expected = variables(path, ("feats", "idx", "a_long_name_of_a_variable", "absent")), loadmat(path)
    assert set(found) == {"feats", "idx", "a_long_name_of_a_variable"}
    for name, variable in found.items():
        value = variable.read()
        assert (value.shape, variable.shape) == (expected[name].shape,) * 2
        assert value.tobytes() == expected[name].tobytes()
    assert isinstance(found["feats"], Stored if version == "5" else Loaded)
    np.testing.assert_array_equal(found["feats"].columns(30, 170), expected["feats"][:, 30:170])


def test_a_file_that_was_cut_off_is_refused(tmp_path):
    path = tmp_path / "r.mat"
    savemat(path, {"feats": np.ones((12, 400))})
    found = variables(path, ("feats",))["feats"]
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(UserError, match=r"r\.mat"):
        variables(path, ("feats",))
    with pytest.raises(ValueError, match="of 4800 numbers are there"):
        found.read()
