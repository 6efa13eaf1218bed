"""Pickles of plain values and arrays are read; anything else is refused by name, and nothing in a file ever runs."""

from __future__ import annotations

import collections
import contextlib
import os
import pickle
import struct
import types

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.interop.pickle_writer import DOT_DICT, NAMESPACE, write_pickle
from src.interop.unpickle import read_pickle

ARRAYS = [np.arange(12.0).reshape(3, 4), np.arange(12, dtype="f4").reshape(3, 4).T, np.zeros((0, 3)),
          np.array([True, False]), np.array(["ba", "gudimi"]), np.arange(3, dtype=">i4"), np.array(5),
          np.ones((2, 2, 2000), np.int16)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.pkl"


def read(path, value, protocol=4):
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol=protocol))
    return read_pickle(path)


# --------------------------------------------------------------------------------------------- what is read
@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_come_back_in_every_protocol(path, protocol):
    value = {"a": [1, -70000, 10**30, 2.5, None, True, False, "ü", b"bytes", b""], "b": (1, (2,), (3, 4, 5)),
             "set": {1, 2}, "frozen": frozenset({3}), "deep": {"er": [{}, [], ()]}}
    assert read(path, value, protocol) == value


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_come_back_in_every_protocol(path, array, protocol):
    found = read(path, {"x": array, "again": array}, protocol)
    np.testing.assert_array_equal(found["x"], array)
    assert found["x"].dtype == array.dtype
    assert found["again"] is found["x"]


@pytest.mark.parametrize("protocol", range(6))
def test_namespaces_scalars_and_torch_names_become_plain(path, protocol):
    value = types.SimpleNamespace(name="ba", n=np.int64(7), x=np.float32(0.5), device=torch.device("cuda:1"),
                                  cpu=torch.device("cpu"), dtype=torch.float32, pairs=collections.OrderedDict(a=1))
    assert read(path, [value, value], protocol)[1] == {
        "name": "ba", "n": 7, "x": 0.5, "device": "cuda:1", "cpu": "cpu", "dtype": "torch.float32", "pairs": {"a": 1}}


def test_arrays_of_either_numpy_and_attribute_dicts_of_any_module_are_known(path):
    content = pickle.dumps(np.arange(3.0), protocol=2)
    other = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    np.testing.assert_array_equal(read(path, other if other != content else content), [0, 1, 2])
    assert read(path, b"\x80\x02cmy.own.dicts\nDotDict\n)\x81(U\x01aK\x01U\x01bK\x02u.") == {"a": 1, "b": 2}


def test_the_bytes_of_an_array_stay_in_the_file(path):
    found = read(path, [np.ones((10, 3000))])[0]
    assert not found.flags.owndata
    assert not found.flags.writeable


# --------------------------------------------------------------------------------------------- what is refused
class Evil:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Foreign:
    pass


HOSTILE = {
    "system": (Evil(os.system, "touch executed"), "system"),
    "eval": (Evil(eval, "open('executed', 'w')"), r"\.eval"),
    "getattr": (Evil(getattr, "x", "upper"), r"\.getattr"),
    "import": (Evil(__import__, "os"), "__import__"),
    "range": (Evil(range, 10**9), "range"),
    "class": (Foreign(), "Foreign"),
    "in an object array": (np.array([Evil(os.system, "touch executed")], dtype=object), "."),
    "objects": (np.array([{}, None], dtype=object), "numbers or texts"),
    "record array": (np.zeros(2, dtype=[("a", "f4")]), "numbers or texts"),
}


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(("value", "named"), HOSTILE.values(), ids=HOSTILE)
def test_code_is_refused_by_name_and_never_runs(path, monkeypatch, value, named, protocol):
    monkeypatch.chdir(path.parent)
    with pytest.raises(UserError, match=named) as refused:
        read(path, [1, value], protocol)
    assert "file.pkl" in refused.value.message
    assert "nothing in it was executed" in refused.value.hint
    assert not (path.parent / "executed").exists()


CRAFTED = {
    "calls what numpy.ndarray stands for": b"cnumpy\nndarray\n(I1000000000000\ntR.",
    "calls a dict of the memo": b"(dp0\ng0\n(tR.",
    "attribute of a known module": b"ctypes\nSimpleNamespace.__class__\n(tR.",
    "dotted class": b"\x80\x04\x8c\x05types\x8c\x19SimpleNamespace.__init__.x\x93.",
    "old instance": b"(ios\nsystem\nS'touch executed'\n.",
    "old object": b"(cos\nsystem\nS'touch executed'\no.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent id": b"Pfile\n.",
    "state of a list": b"]S'x'\nb.",
    "state of a function": b"ctypes\nSimpleNamespace\n}S'a'\nI1\nsb.",
    "a key that is a tuple": b"}(I1\ntI1\ns.",
    "append to a dict": b"}I1\na.",
    "unset memo": b"g7\n.",
    "an array without a state": b"cnumpy\ndtype\n(S'O'\ntR.",
    "bytes of any length": b"cbuiltins\nbytes\n(I1000000000000\ntR.",
    "named arguments": b"\x80\x04ctypes\nSimpleNamespace\n)}S'a'\nI1\ns\x92.",
}


@pytest.mark.parametrize("content", CRAFTED.values(), ids=CRAFTED)
def test_crafted_opcodes_are_refused(path, monkeypatch, content):
    monkeypatch.chdir(path.parent)
    with pytest.raises(UserError, match=r"file\.pkl"):
        read(path, content)
    assert not (path.parent / "executed").exists()


def array_of(shape: str, dtype: str = "f8", content: bytes = b"\0" * 8) -> bytes:
    """A pickled array with whatever shape, type and bytes."""
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
    typed = b"cnumpy\ndtype\n(S'" + dtype.encode() + b"'\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
    raw = b"B" + struct.pack("<I", len(content)) + content
    return b"\x80\x03" + made + b"(I1\n(" + shape.encode() + b"t" + typed + b"I00\n" + raw + b"tb."


def test_a_crafted_array_is_read_where_its_sizes_agree(path):
    assert read(path, array_of("I1\n")).tolist() == [0.0]


BOMBS = {
    "array of a terabyte": array_of("I1000000\nI1000000\n"),
    "negative shape": array_of("I-1\n"),
    "texts of a terabyte": array_of("I1\n", "U999999999999"),
    "texts of nothing": array_of("I1000000000000\n", "S0", b""),
    "objects": array_of("I1\n", "O"),
    "fields": array_of("I1\n", "f4,f4"),
    "bytes of a terabyte": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"short.",
    "text of a terabyte": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b"short.",
    "bytearray of a terabyte": b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b"short.",
    "a long number": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"1.",
    "many digits": b"I" + b"9" * 100_000 + b"\n.",
    "frame of a terabyte": b"\x80\x04\x95" + struct.pack("<Q", 2**40),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_sizes_that_a_file_only_promises_ask_for_no_memory(path, content):
    import tracemalloc

    tracemalloc.start()
    with pytest.raises(UserError, match="not a whole pickle"):
        read(path, content)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80", b"\x80\x04", b"PK\x03\x04", bytes(300), b".", b"(I1\n.",
                                     b"I1\nI2\n."], ids=str)
def test_what_is_no_pickle_is_refused(path, content):
    with pytest.raises(UserError, match=r"file\.pkl"):
        read(path, content)


def test_a_file_cut_anywhere_is_refused(path):
    whole = pickle.dumps({"a": [np.arange(600.0), "text", 1.5, types.SimpleNamespace(b=1)]})
    for length in range(0, len(whole) - 1, 61):
        with pytest.raises(UserError, match=r"file\.pkl"):
            read(path, whole[:length])


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for place in (tmp_path / "x", tmp_path):
        with pytest.raises(UserError, match="cannot be opened"):
            read_pickle(place)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_changed_byte_gives_a_value_or_a_refusal(path, place, byte):
    content = bytearray(pickle.dumps({"a": [np.arange(6.0), types.SimpleNamespace(b=(1, "x"))], "c": {1, 2}}))
    content[place % len(content)] = byte
    with contextlib.suppress(UserError):
        read(path, bytes(content))


# --------------------------------------------------------------------------------------------- what is written
VALUE = {"device": torch.device("cuda", 1), "cpu": torch.device("cpu"), "dtype": torch.float32, "n": [1, 2**40, -5],
         "rates": (5e-5, 3e-4), "none": None, "yes": True, "text": "ü", "inner": {"size": np.int64(4)}}
PLAIN = VALUE | {"device": "cuda:1", "cpu": "cpu", "dtype": "torch.float32", "inner": {"size": 4}}


@pytest.mark.parametrize("dicts", [DOT_DICT, NAMESPACE])
def test_what_is_written_is_read_back(path, dicts):
    write_pickle(path, VALUE, dicts)
    assert read_pickle(path) == PLAIN


@pytest.mark.parametrize("array", [array for array in ARRAYS if array.dtype.kind != "U"],
                         ids=lambda array: f"{array.dtype}{array.shape}")
def test_python_itself_reads_the_written_arrays(path, array):
    write_pickle(path, {"x": array, "again": array}, NAMESPACE)
    found = pickle.loads(path.read_bytes())
    assert isinstance(found, types.SimpleNamespace)
    assert found.again is found.x
    np.testing.assert_array_equal(found.x, array)
    np.testing.assert_array_equal(read_pickle(path)["x"], array)


def test_a_class_that_is_not_there_is_named_in_the_file_and_found_by_python_where_it_is(path, monkeypatch):
    module = types.ModuleType("utils.DotDict")
    module.DotDict = type("DotDict", (dict,), {"__getattr__": dict.__getitem__})  # type: ignore[attr-defined]
    write_pickle(path, VALUE)
    with pytest.raises(ModuleNotFoundError):
        pickle.loads(path.read_bytes())
    monkeypatch.setitem(__import__("sys").modules, "utils", types.ModuleType("utils"))
    monkeypatch.setitem(__import__("sys").modules, "utils.DotDict", module)
    found = pickle.loads(path.read_bytes())
    assert type(found.inner) is module.DotDict
    assert (found.inner.size, found.device, found.dtype) == (4, torch.device("cuda:1"), torch.float32)


def test_a_list_may_be_an_iterator(path):
    write_pickle(path, ({"i": number} for number in range(3)), NAMESPACE)
    assert read_pickle(path) == [{"i": 0}, {"i": 1}, {"i": 2}]


def test_what_cannot_be_written_leaves_no_file(path):
    with pytest.raises(TypeError):
        write_pickle(path, {"x": object()})
    assert not path.exists()
