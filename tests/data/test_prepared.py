"""Prepared folders as data sets, for training and for trained models."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from src.data.loaders import _Rows, make_loader
from src.data.normalize import Normalizer
from src.data.open import open_dataset
from src.data.prepare.engine import Settings, prepare
from src.data.prepare.options import PrepareConfig, from_plain
from src.data.prepare.raw import RawRecord, RawSet
from src.data.prepare.steps import prepare_signal
from src.data.prepared import PreparedDataset
from src.data.readers import read_recording
from src.data.signal import Sample, SignalSpec
from src.errors import UserError


@pytest.fixture
def make(tmp_path, write_wfdb):
    """A folder of `count` prepared records, of 150 to 250 samples, and the raw ones behind it."""

    def build(count: int = 12, store: str = "shards", subsets: tuple[str, ...] = ("",), **options):
        root = tmp_path / "raw"
        root.mkdir(exist_ok=True)
        rng = np.random.default_rng(3)
        records = []
        for number in range(count):
            stored = np.cumsum(rng.integers(-20, 21, (150 + 50 * (number % 3), 2)), axis=0)
            write_wfdb(root, f"r{number:02d}", stored)
            records.append(RawRecord(f"r{number:02d}", f"r{number:02d}.hea", (("a", "b", "c")[number % 3],),
                                     f"p{number // 2}", subsets[number % len(subsets)], info={"sex": "MF"[number % 2]}))
        raw = RawSet("tiny", ("a", "b", "c"), "classes", records, "made for a test", "CC0", ("one note",))
        prepare(raw, root, tmp_path / store, Settings(PrepareConfig(**options), store, workers=0))
        return tmp_path / store

    return build


def test_a_folder_is_recognised_by_its_manifest(make):
    data = open_dataset(None, make())
    assert isinstance(data, PreparedDataset)
    assert len(data) == 12
    assert data.target.names == ("a", "b", "c")
    assert "CC0" in data.source
    assert data.notes[0] == "one note"


@pytest.mark.parametrize("store", ["npz", "shards"])
def test_records_are_what_prepare_signal_makes_of_the_files(make, tmp_path, store):
    data = PreparedDataset(data_path=make(store=store, leads=("II", "aVF", "I"), resample_hz=200, bandpass=(0.5, 40)))
    config = from_plain(data.spec.preparation)
    for row in range(len(data)):
        expected = prepare_signal(read_recording(tmp_path / "raw" / f"r{row:02d}.hea"), config).signal
        found = data.read_range(row, 0, expected.shape[1])
        assert np.abs(found - expected).max() <= (0 if store == "npz" else np.abs(expected).max() / 32767)


def test_the_spec_says_what_was_done_and_survives_a_checkpoint(make):
    spec = PreparedDataset(data_path=make(resample_hz=50, notch=(20,), scale="zscore")).spec
    assert (spec.rate_hz, spec.unit, spec.channels) == (50, "standard deviations", ("I", "II"))
    assert spec.steps == ("2 leads: I, II", "in mV", "notch at 20 Hz", "50 Hz (polyphase)",
                          "z-score per lead and record")
    again = SignalSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert from_plain(again.preparation) == from_plain(spec.preparation)
    assert again.steps == spec.steps


def test_options_of_recorded_data_apply(make):
    folder = make()
    data = open_dataset("prepared", folder, {"window_s": "1", "crop": "start", "channels": "II", "to_unit": "uV",
                                             "resample_hz": "50"})
    assert (data.spec.channels, data.spec.unit, data.spec.samples, data.spec.rate_hz) == (("II",), "uV", 50, 50)
    plain = PreparedDataset(PreparedDataset.Config(window_s=1, crop="start"), folder)
    assert np.abs(data.read(0)[0].signal[0] / 1000 - plain.read(0)[0].signal[1, ::2]).max() < 0.05


def test_parts_are_those_of_the_folder_or_of_the_source(make):
    folder = make(subsets=("", "", "", "test"))
    parts = json.loads((folder / "splits.json").read_text())
    data = PreparedDataset(data_path=folder)
    for name in ("train", "valid", "test"):
        assert data.records.record[data.records.subset == name].tolist() == parts[name]
    source = PreparedDataset(PreparedDataset.Config(parts="source"), folder)
    assert source.records.subset.tolist() == ["", "", "", "test"] * 3


def test_further_columns_are_known_of_every_record(make):
    data = PreparedDataset(data_path=make())
    assert data.info["sex"].tolist() == ["M", "F"] * 6
    assert set(data.info) == {"sex"}


def test_equal_recordings_are_seen(make):
    data = PreparedDataset(data_path=make())
    assert len({data.content_hash(row) for row in range(12)}) == 12


@pytest.mark.parametrize("workers", [0, 2])
def test_loaders_give_the_same_batches_with_and_without_workers(make, workers):
    from src.data.loaders import make_loader

    data = PreparedDataset(data_path=make())
    loader = make_loader(data, np.arange(12), batch_size=5, train=True, seed=1, num_workers=workers)
    batches = list(loader)
    loader.close()
    rows = [int(row) for batch in batches for row in batch.index]
    assert sorted(rows) != rows
    assert set(rows) <= set(range(12))
    for batch in batches:
        for place, row in enumerate(batch.index.tolist()):
            assert batch.label[place] == row % 3
            length = min(int(data.records.length[row]), data.spec.samples)
            assert batch.time_mask[place].sum() == length


def test_a_trained_model_gets_its_own_form(make):
    folder = make()
    spec = replace(PreparedDataset(data_path=folder).spec, rate_hz=50.0, samples=60, channels=("I",))
    data = open_dataset(None, folder, spec=spec)
    assert data.read(0)[0].signal.shape == (1, 60)


@pytest.mark.parametrize(("options", "message"), [
    ({"channels": ("V1",)}, "has no channel V1"), ({"to_unit": "mmHg"}, "cannot be turned into mmHg"),
    ({"classes": ("x", "y")}, "has the classes a, b, c"),
])
def test_what_is_not_stored_is_refused(make, options, message):
    with pytest.raises(UserError, match=message):
        PreparedDataset(PreparedDataset.Config(**options), make())


def spoil(path, old, new):
    path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize(("file", "old", "new", "message"), [
    ("prepare.json", '"version": 1', '"version": 99', "version 99; expected 1"),
    ("prepare.json", "{", "[", "cannot be read"),
    ("prepare.json", '"signal_spec"', '"signal"', "cannot be read"),
    ("prepare.json", '"shards"', '"sharks"', "did you mean shards"),
    ("records.csv", "samples", "lengths", "has no column samples"),
    ("records.csv", "r03", "r99", "records of .*splits.json are not in these data"),
    ("records.csv", ",150,", ",1e3,", "samples must be whole numbers"),
    ("records.csv", ",150,", ",151,", "does not belong to records.csv"),
])
def test_a_damaged_folder_is_refused_by_name(make, file, old, new, message):
    folder = make()
    spoil(folder / file, old, new)
    with pytest.raises(UserError, match=message):
        PreparedDataset(data_path=folder)


def test_labels_that_do_not_belong_are_refused(make):
    folder = make()
    for labels in (np.arange(11), np.full(12, 9), np.zeros((12, 3)), np.zeros(12)):
        np.save(folder / "labels.npy", labels)
        with pytest.raises(UserError, match=r"labels\.npy"):
            PreparedDataset(data_path=folder)


def test_changed_bytes_are_found_with_verify(make):
    folder = make()
    shard = next((folder / "shards").glob("*.bin"))
    data = bytearray(shard.read_bytes())
    data[20] ^= 4
    shard.write_bytes(data)
    PreparedDataset(data_path=folder)
    with pytest.raises(UserError, match="bytes changed"):
        PreparedDataset(PreparedDataset.Config(verify=True), folder)


def test_a_folder_that_is_not_finished_is_refused(make):
    folder = make()
    (folder / "prepare.json").unlink()
    with pytest.raises(UserError, match=r"a folder that prepare\.py finished"):
        PreparedDataset(data_path=folder)


def backwards(signal, rng):
    """A view of the very memory that it got."""
    return signal[:, ::-1]


@pytest.mark.parametrize("options", [{}, {"views": "same"}, {"views": "adjacent"}, {"window_s": 1.7},
                                     {"channels": ("II", "I")}])
@pytest.mark.parametrize("store", ["npz", "shards"])
def test_batches_are_the_same_when_records_are_not_read_into_them(make, monkeypatch, store, options):
    data = PreparedDataset(PreparedDataset.Config(**options), make(store=store))
    arguments = {"batch_size": 4, "train": True, "normalizer": Normalizer("record"), "transforms": [backwards]}
    direct = list(make_loader(data, np.arange(12), **arguments))
    monkeypatch.setattr(_Rows, "next_row", lambda rows: None)
    for one, other in zip(direct, make_loader(data, np.arange(12), **arguments), strict=True):
        assert torch.equal(one.signal, other.signal)


def test_records_are_read_into_the_batch(make, monkeypatch):
    data = PreparedDataset(data_path=make(count=1))
    given = []
    monkeypatch.setattr(data, "read", lambda row, rng: (given.append(data.room), [Sample(np.ones((2, 5), "f4"), 0)])[1])
    make_loader(data, np.zeros(3, int), batch_size=3, train=True).dataset_view[[(0, 0, draw) for draw in range(3)]]
    assert given[0] is None
    assert all(room.shape == (2, 5) for room in given[1:])
    assert data.room is None
