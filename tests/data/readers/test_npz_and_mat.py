from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from src.data.readers import memory
from src.data.readers.mat import mat_names, read_mat
from src.data.readers.npz import npz_names, read_npy, read_npz
from src.errors import UserError


@pytest.mark.parametrize("array", [np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.array(["a", "bc"]), np.float64(3),
                                   np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.zeros((0, 3))])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_as_saved(tmp_path, array, save):
    save(tmp_path / "a.npz", value=array, other=np.arange(3))
    assert npz_names(tmp_path / "a.npz") == ["value", "other"]
    read = read_npz(tmp_path / "a.npz", "value")
    assert read.dtype == np.asarray(array).dtype
    assert (read == array).all()
    np.save(tmp_path / "a.npy", array)
    assert (read_npy(tmp_path / "a.npy") == array).all()


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


def test_objects_are_refused_and_nothing_is_executed(tmp_path):
    np.savez(tmp_path / "a.npz", value=np.array([Bomb()], dtype=object))
    np.save(tmp_path / "a.npy", np.array([Bomb()], dtype=object))
    for read in (lambda: read_npz(tmp_path / "a.npz", "value"), lambda: read_npy(tmp_path / "a.npy")):
        with pytest.raises(UserError, match="holds Python objects"):
            read()


def lying_npy(shape: str) -> bytes:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(80)


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(9,)", "(11,)", "(-10,)"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_header_that_lies_about_its_size_is_refused_before_memory_is_asked_for(tmp_path, shape, compression):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", compression) as archive:
        archive.writestr("value.npy", lying_npy(shape))
    (tmp_path / "a.npy").write_bytes(lying_npy(shape))
    with pytest.raises(UserError, match="header promises"):
        read_npz(tmp_path / "a.npz", "value")
    with pytest.raises(UserError, match="header promises"):
        read_npy(tmp_path / "a.npy")


def test_more_than_the_machine_holds_is_refused(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", value=np.zeros(100_000))
    monkeypatch.setattr(memory.os, "sysconf", lambda name: 700)
    with pytest.raises(UserError, match="more than half of this machine's memory"):
        read_npz(tmp_path / "a.npz", "value")


def test_damaged_files_are_named(tmp_path):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, value=np.random.default_rng(0).normal(size=1000))
    broken = bytearray(buffer.getvalue())
    broken[3000] ^= 255
    (tmp_path / "flip.npz").write_bytes(bytes(broken))
    (tmp_path / "cut.npz").write_bytes(buffer.getvalue()[:500])
    (tmp_path / "text.npy").write_text("hello")
    (tmp_path / "text.mat").write_text("hello " * 50)
    with pytest.raises(UserError, match=r"flip.npz:value: cannot be read"):
        read_npz(tmp_path / "flip.npz", "value")
    with pytest.raises(UserError, match=r"cut.npz: not an npz file"):
        npz_names(tmp_path / "cut.npz")
    with pytest.raises(UserError, match=r"text.npy: not an npy file"):
        read_npy(tmp_path / "text.npy")
    with pytest.raises(UserError, match=r"text.mat: not a readable MAT file"):
        mat_names(tmp_path / "text.mat")


def test_mat_cells_of_text_become_strings(tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "a.mat", {"names": np.array(["left", "right hand"], dtype=object), "one": "uV", "n": np.eye(2),
                                 "nested": {"a": 1}})
    assert set(mat_names(tmp_path / "a.mat")) == {"names", "one", "n", "nested.a"}
    assert read_mat(tmp_path / "a.mat", "names").tolist() == ["left", "right hand"]
    assert read_mat(tmp_path / "a.mat", "one").tolist() == ["uV"]
    assert (read_mat(tmp_path / "a.mat", "n") == np.eye(2)).all()


def test_hdf5_links_to_other_files_are_not_followed(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "other.mat", "w") as file:
        file["signal"] = np.ones((2, 3))
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["signal"] = h5py.ExternalLink("other.mat", "signal")
        file.create_dataset("raw", (4,), "f8", external=[(str(tmp_path / "raw.bin"), 0, 32)])
        file["own"] = np.ones((2, 3))
    assert "signal" not in mat_names(tmp_path / "a.mat")
    assert read_mat(tmp_path / "a.mat", "own").shape == (3, 2)
    with pytest.raises(UserError, match="from other files"):
        read_mat(tmp_path / "a.mat", "raw")
