"""npz and shards: what goes in comes out, in any range, and damage is seen."""

from __future__ import annotations

import multiprocessing
import os
import pickle

import numpy as np
import pytest

from src.data.prepare import shard_store
from src.data.prepare.stores import open_store
from src.errors import BadRecord, UserError

LEADS = 3


def signals(count=7):
    rng = np.random.default_rng(1)
    made = [(rng.standard_normal((LEADS, 40 + 13 * number)) * 10.0 ** (number - 3)).astype(np.float32)
            for number in range(count)]
    made[2][1, 5:9] = np.nan
    made[3][2] = np.nan
    made[4][0] = 0
    return made


def fill(folder, store, dtype="int16", blocks=((0, 4), (4, 7))):
    """Write all signals in two blocks and index them; the reader."""
    made, opened = signals(), open_store(store, folder, dtype)
    entries = []
    for block, (low, high) in enumerate(blocks):
        writer = opened.writer(block, [])
        for row in range(low, high):
            entries.append((block, {"record": str(row), "file": f"f{row}", **writer.write(f"f{row}", made[row], 1)}))
        writer.sync()
        writer.close()
    opened.finish(entries, LEADS)
    return opened, [f"f{row}" for row in range(len(made))], np.array([signal.shape[1] for signal in made])


def reader(folder, store, dtype="int16", **more):
    opened, files, samples = fill(folder, store, dtype)
    return opened.reader(LEADS, files, samples, **more)


@pytest.mark.parametrize(("store", "dtype"), [("npz", "int16"), ("shards", "int16"), ("shards", "float32")])
def test_every_range_of_every_record_comes_out(tmp_path, store, dtype):
    read = reader(tmp_path, store, dtype)
    for row, signal in enumerate(signals()):
        step = np.nan_to_num(np.abs(signal)).max(axis=1, keepdims=True) / 32767
        error = 0.502 * step if (store, dtype) == ("shards", "int16") else 0
        for low, high in ((0, signal.shape[1]), (7, 8), (5, 33)):
            found = read.read(row, low, high)
            assert found.dtype == np.float32
            assert found.flags.writeable
            assert np.array_equal(np.isnan(found), np.isnan(signal[:, low:high]))
            assert (np.nan_to_num(np.abs(found - signal[:, low:high])) <= error).all()
    assert read.gaps


def test_digests_tell_records_apart(tmp_path):
    for store in ("npz", "shards"):
        (tmp_path / store).mkdir()
        read = reader(tmp_path / store, store)
        digests = [read.digest(row) for row in range(7)]
        assert len(set(digests)) == 7
        assert digests == [read.digest(row) for row in range(7)]


def test_twice_the_amplitude_is_another_record(tmp_path):
    """Its numbers are stored alike, its scale is not."""
    store = open_store("shards", tmp_path)
    writer = store.writer(0, [])
    signal = signals()[0]
    entries = [(0, {"file": name, **writer.write(name, factor * signal, 0)}) for name, factor in (("a", 1), ("b", 2))]
    writer.close()
    store.finish(entries, LEADS)
    read = store.reader(LEADS, ["a", "b"], np.array([40, 40]))
    assert read.digest(0) != read.digest(1)


@pytest.mark.parametrize("store", ["npz", "shards"])
def test_the_same_bytes_every_time(tmp_path, store):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        fill(tmp_path / name, store)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(files) == (7 if store == "npz" else 3)
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)


def test_a_shard_goes_on_behind_what_the_journal_names(tmp_path):
    store, made = open_store("shards", tmp_path), signals()
    writer = store.writer(0, [])
    entries = [{"file": str(row), **writer.write("", made[row], 0)} for row in range(3)]
    writer.close()
    assert store.intact(0, entries) == 3
    writer = store.writer(0, entries[:2])  # the third is in the file, its line is lost
    entries[2] = {"file": "2", **writer.write("", made[2], 0)}
    writer.close()
    store.finish(((0, entry) for entry in entries), LEADS)
    found = store.reader(LEADS, ["0", "1", "2"], np.array([40, 53, 66]), verify=True).read(2, 0, 66)
    assert np.nanmax(np.abs(found - made[2])) < 1e-4


def test_samples_that_a_power_failure_took_are_noticed(tmp_path):
    store, files, _ = fill(tmp_path, "shards")
    entries = [{"end": 1 << 20}]
    assert store.intact(0, entries) == 0
    npz, files, _ = fill(tmp_path, "npz")
    sizes = [{"file": file, "bytes": (tmp_path / "records" / f"{file}.npz").stat().st_size} for file in files]
    assert npz.intact(0, sizes) == 7
    os.truncate(tmp_path / "records" / "f3.npz", 10)
    assert npz.intact(0, sizes) == 3


def test_a_shard_that_changed_is_not_continued(tmp_path):
    store = open_store("shards", tmp_path)
    writer = store.writer(0, [])
    entries = [{"file": "0", **writer.write("", signals()[0], 0)}]
    writer.close()
    flip(tmp_path / "shards" / "00000.bin", 30)
    with pytest.raises(UserError, match="bytes changed"):
        store.writer(0, entries)


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_flipped_bit_is_found_when_asked(tmp_path):
    store, files, samples = fill(tmp_path, "shards")
    store.reader(LEADS, files, samples, verify=True)
    flip(tmp_path / "shards" / "00001.bin", 100)
    with pytest.raises(UserError, match=r"00001\.bin: its bytes changed"):
        store.reader(LEADS, files, samples, verify=True)
    npz, files, samples = fill(tmp_path, "npz")
    flip(tmp_path / "records" / "f2.npz", 300)
    with pytest.raises(BadRecord, match="f2"):
        npz.reader(LEADS, files, samples, verify=True)


@pytest.mark.parametrize(("change", "message"), [
    ({"offset": lambda value: value + (1 << 40)}, "samples that its shards do not have"),
    ({"offset": lambda value: value - 64}, "samples that its shards do not have"),
    ({"samples": lambda value: value * 0 + (1 << 60)}, "does not belong to"),
    ({"shard": lambda value: value + 5}, "names a shard that it does not have"),
    ({"shard_bytes": lambda value: value + 1}, "the index says"),
    ({"leads": lambda value: value + 1}, "does not belong to"),
])
def test_an_index_that_lies_is_refused_before_anything_is_mapped(tmp_path, change, message):
    store, files, samples = fill(tmp_path, "shards")
    path = tmp_path / "shards" / "index.npz"
    with np.load(path) as archive:
        index = {name: change.get(name, lambda value: value)(archive[name]) for name in archive.files}
    np.savez(path, **index)
    with pytest.raises(UserError, match=message):
        store.reader(LEADS, files, samples)


def test_lost_files_are_named(tmp_path):
    store, files, samples = fill(tmp_path, "shards")
    (tmp_path / "shards" / "00001.bin").unlink()
    with pytest.raises(UserError, match=r"00001\.bin: not there"):
        store.reader(LEADS, files, samples)
    npz, files, samples = fill(tmp_path, "npz")
    (tmp_path / "records" / "f3.npz").unlink()
    with pytest.raises(UserError, match="f3"):
        npz.reader(LEADS, files, samples)
    with pytest.raises(UserError, match="outside the folder"):
        npz.reader(LEADS, ["../f1"], samples[:1])


def test_maps_are_let_go_after_so_many_bytes(tmp_path, monkeypatch):
    read = reader(tmp_path, "shards")
    monkeypatch.setattr(shard_store, "READ_AT_ONCE", 2000)
    held = set()
    for row in [0, 6, 1, 5, 2, 4, 3] * 3:
        read.read(row, 0, 40)
        held.add(len(read._maps))
    assert held == {0, 1, 2}


def test_no_more_files_are_open_than_allowed(tmp_path, monkeypatch):
    read = reader(tmp_path, "shards")
    expected = [read.digest(row) for row in range(7)]
    monkeypatch.setattr(shard_store, "OPEN_AT_ONCE", 1)
    read._maps.clear()
    for row in (0, 6, 1, 5, 2, 4, 3):
        assert read.digest(row) == expected[row]
        assert len(read._maps) == 1


def _digests(read, queue):
    queue.put([read.digest(row) for row in range(7)])


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_another_process_reads_the_same(tmp_path, start):
    read = reader(tmp_path, "shards")
    expected = [read.digest(row) for row in range(7)]
    assert pickle.loads(pickle.dumps(read))._maps == {}
    context = multiprocessing.get_context(start)
    queue = context.Queue()
    process = context.Process(target=_digests, args=(read, queue))
    process.start()
    assert queue.get(timeout=60) == expected
    process.join()


def test_an_unknown_store_is_refused():
    with pytest.raises(UserError, match="did you mean shards"):
        open_store("shard", "")
