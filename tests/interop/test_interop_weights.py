"""Weights from files of other systems: tensors by name, or a refusal that says what the file is; nothing runs."""

from __future__ import annotations

import os
import pickle
import struct

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.interop import pickles
from src.interop.archives import damage, is_archive
from src.interop.weights import read_state_dict

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")
WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.count": torch.tensor(4)}


def same(found: dict[str, torch.Tensor]) -> bool:
    return set(found) == set(WEIGHTS) and all(torch.equal(found[name], WEIGHTS[name]) for name in WEIGHTS)


# --------------------------------------------------------------------------------------------- what is read
@pytest.mark.parametrize("wrap", [lambda w: w, lambda w: {"model": w, "epoch": 3}, lambda w: {"state_dict": w},
                                  lambda w: {"model_state_dict": w, "args": None}],
                         ids=["bare", "model", "state_dict", "model_state_dict"])
@pytest.mark.parametrize("new_format", [True, False])
def test_a_state_dict_is_found_where_systems_put_it(tmp_path, wrap, new_format):
    torch.save(wrap(WEIGHTS), tmp_path / "w.pt", _use_new_zipfile_serialization=new_format)
    assert same(read_state_dict(tmp_path / "w.pt"))


def test_safetensors_are_read(tmp_path):
    from safetensors.torch import save_file

    save_file(WEIGHTS, tmp_path / "w.safetensors")
    assert same(read_state_dict(str(tmp_path / "w.safetensors")))


def test_a_checkpoint_of_ours_gives_its_model(tmp_path):
    from src.trainer import checkpoint

    checkpoint.write({"model": WEIGHTS, "resume": {"optimizer": {"step": torch.ones(1)}}}, tmp_path / "last.pth")
    assert same(read_state_dict(tmp_path / "last.pth"))


def test_what_is_no_tensor_is_left_out(tmp_path):
    torch.save({**WEIGHTS, "version": 3, "names": ["x"]}, tmp_path / "w.pt")
    assert same(read_state_dict(tmp_path / "w.pt"))


def test_tensors_saved_on_a_gpu_arrive_on_the_cpu(tmp_path):
    torch.save(WEIGHTS, tmp_path / "w.pt")
    assert {value.device.type for value in read_state_dict(tmp_path / "w.pt").values()} == {"cpu"}


# --------------------------------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(("content", "says"), [([1, 2], "holds a list, a state dict is expected"),
                                               ({"epoch": 3}, "holds no tensors by name"), ({}, "holds no tensors"),
                                               ({"model": {}}, "holds no tensors"),
                                               (torch.ones(2), "holds a Tensor")], ids=str)
def test_a_torch_file_without_weights_is_refused(tmp_path, content, says):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(UserError, match=says):
        read_state_dict(tmp_path / "w.pt")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "x.pt", tmp_path):
        with pytest.raises(UserError, match="no such file"):
            read_state_dict(path)


class Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)


@pytest.mark.parametrize("save", [
    lambda path: torch.save({"model": WEIGHTS, "args": Evil()}, path),
    lambda path: torch.save(Evil(), path, _use_new_zipfile_serialization=False),
    lambda path: path.write_bytes(pickle.dumps(Evil(), protocol=2)),
    lambda path: path.write_bytes(pickle.dumps(Evil(), protocol=4))], ids=["zip", "old", "pickle2", "pickle4"])
def test_code_is_refused_with_its_name_and_never_runs(tmp_path, monkeypatch, save):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "evil.pt")
    with pytest.raises(UserError, match=r"evil\.pt") as refused:
        read_state_dict(tmp_path / "evil.pt")
    assert "system" in refused.value.message
    assert refused.value.hint == "nothing in it was executed"
    assert not (tmp_path / "executed").exists()


def test_a_whole_module_is_refused_by_the_names_of_its_classes(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    with pytest.raises(UserError, match=r"it asks for torch\.nn\.modules\.linear\.Linear"):
        read_state_dict(tmp_path / "module.pt")


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.bin", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x80\x02", b"\x80", bytes(300), b"{}" * 50],
                         ids=lambda content: str(content[:8]))
def test_other_files_are_refused_by_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name):
        read_state_dict(tmp_path / name)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=120), name=st.sampled_from(["w.pt", "w.safetensors"]))
def test_any_bytes_are_refused(tmp_path, content, name):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=name):
        read_state_dict(tmp_path / name)


@pytest.mark.parametrize("length", [8, 100, 2**40, 2**63])
def test_a_safetensors_header_that_promises_more_than_the_file_holds_is_refused(tmp_path, length):
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", length) + b'{"a": 1}')
    with pytest.raises(UserError, match="not a safetensors file"):
        read_state_dict(tmp_path / "w.safetensors")


def test_a_flipped_bit_in_a_weight_is_refused(tmp_path):
    torch.save(WEIGHTS, tmp_path / "w.pt")
    content = bytearray((tmp_path / "w.pt").read_bytes())
    content[content.index(WEIGHTS["a.weight"].numpy().tobytes()) + 6] ^= 1
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(UserError, match="checksum"):
        read_state_dict(tmp_path / "w.pt")


# --------------------------------------------------------------------------------------------- names in a pickle
def test_the_names_that_a_pickle_asks_for_are_read_without_importing_them(tmp_path):
    path = tmp_path / "p.pkl"
    path.write_bytes(b"cnowhere.at_all\nEvil\n(tR.")
    assert pickles.refused_names(path) == ["nowhere.at_all.Evil"]
    assert "it asks for nowhere.at_all.Evil" in pickles.refusal(path)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_the_names_are_found_in_every_protocol(tmp_path, protocol):
    (tmp_path / "p.pkl").write_bytes(pickle.dumps(np.float64(1), protocol=protocol))
    assert any("numpy" in name for name in pickles.refused_names(tmp_path / "p.pkl"))


def test_tensors_and_plain_values_ask_for_nothing(tmp_path):
    torch.save({**WEIGHTS, "half": torch.ones(2, dtype=torch.bfloat16), "parameter": torch.nn.Parameter(torch.ones(1)),
                "plain": [1, "x", None]}, tmp_path / "w.pt")
    assert pickles.refused_names(tmp_path / "w.pt") == []


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95", b"no pickle", b"PK\x03\x04"])
def test_a_damaged_pickle_asks_for_nothing_and_does_no_harm(tmp_path, content):
    (tmp_path / "p.pkl").write_bytes(content)
    assert pickles.refused_names(tmp_path / "p.pkl") == []


def test_an_end_record_that_makes_no_sense_is_no_archive(tmp_path):
    """Python's own check raises here: zip files that span multiple disks."""
    torch.save(WEIGHTS, tmp_path / "w.pt")
    whole = (tmp_path / "w.pt").read_bytes()
    places = range(len(whole) - 60, len(whole))
    for place in places:
        content = bytearray(whole)
        content[place] ^= 0xFF
        (tmp_path / "w.pt").write_bytes(content)
        assert is_archive(tmp_path / "w.pt") in (True, False)
    (tmp_path / "w.pt").write_bytes(whole)
    assert is_archive(tmp_path / "w.pt")
    assert damage(tmp_path / "w.pt") == ""


@pytest.mark.parametrize(("value", "said"), [
    (torch.tensor([1.0, float("nan")]), "holds NaN or infinite numbers"),
    (torch.tensor([1.0, float("inf")]), "holds NaN or infinite numbers"),
    (torch.eye(3).to_sparse(), "is sparse_coo"), (torch.empty(3, device="meta"), "is without values"),
    (torch.ones(2, dtype=torch.complex64), "is complex")])
def test_tensors_that_no_trained_network_has_are_refused_by_name(tmp_path, value, said):
    torch.save({**WEIGHTS, "b.weight": value}, tmp_path / "w.pt")
    with pytest.raises(UserError, match=rf"w\.pt: its tensor b\.weight {said}"):
        read_state_dict(tmp_path / "w.pt")
