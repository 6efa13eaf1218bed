"""The converted public sets open, split by subject and give training batches (needs --recordings)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.convert_recordings import SETS, main
from src.data.census import census
from src.data.loaders import make_loader
from src.data.normalize import Normalizer
from src.data.open import open_dataset
from src.data.readers.wfdb import read_wfdb
from src.data.splits import split
from src.errors import BadRecord

EXPECTED = {  # set -> records, subjects, (channels, samples), classes
    "cinc2017": (1300, 0, (1, 9000), ("A", "N", "O", "~")),
    "cinc2017_wfdb": (1300, 0, (1, 9000), ("A", "N", "O", "~")),
    "ptbxl": (366, 336, (12, 1000), ("NORM", "MI", "STTC", "CD", "HYP")),
    "mitbih": (11748, 6, (1, 720), ("other", "PVC")),
    "bci2_iv": (316, 0, (28, 50), ("left", "right")),
    "seeg_ccep": (188, 8, (1, 1024), ("rest", "response")),
}


@pytest.fixture(scope="module")
def converted(request, tmp_path_factory):
    folder = request.config.getoption("--recordings", default=None)
    if not folder:
        pytest.skip("no real recordings: give --recordings DIR or the variable VAGUS_RECORDINGS")
    out = tmp_path_factory.mktemp("converted")
    main([folder, str(out)])
    return out


@pytest.mark.parametrize("name", SETS)
def test_a_converted_set_opens_splits_and_trains_a_batch(converted, name):
    data = open_dataset(None, converted / name)
    records, subjects, shape, classes = EXPECTED[name]
    assert len(data) == records
    assert len(set(data.records.subject.tolist()) - {""}) == subjects
    assert data.target.names == classes
    for parts in (split(data.records, seed=3), split(data.records, fold=1, folds=4, seed=3)):
        assert any("nothing leaks" in line for line in census(data, parts))
    fitted = Normalizer.fit("channel", data, parts["train"][:64])
    batch = next(iter(make_loader(data, parts["train"], batch_size=8, train=True, normalizer=fitted)))
    assert batch.signal.shape == (8, *shape)
    assert torch.isfinite(batch.signal).all()
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(shape[0] * shape[1], len(classes)))
    loss = torch.nn.functional.cross_entropy(network(batch.signal), batch.label)
    loss.backward()
    assert torch.isfinite(loss)


def test_both_forms_of_one_set_hold_the_same_signals(converted):
    arrays, wfdb = (open_dataset(None, converted / name) for name in ("cinc2017", "cinc2017_wfdb"))
    assert arrays.records.record.tolist() == wfdb.records.record.tolist()
    for row in (0, 7, 1299):
        first, second = (data.read(row, np.random.default_rng(row))[0] for data in (arrays, wfdb))
        assert np.allclose(first.signal, second.signal, atol=1e-6)


def test_official_ptbxl_folds_are_the_test_part(converted):
    parts = split(open_dataset(None, converted / "ptbxl").records, seed=0)
    assert len(parts["test"]) == 105
    assert len(parts["train"]) + len(parts["valid"]) == 261


@pytest.mark.filterwarnings("ignore")
def test_every_published_wfdb_format_is_read_as_the_wfdb_package_reads_it(recordings):
    import wfdb

    folder = recordings / "wfdb_formats"
    names = sorted(path.stem for path in folder.glob("*.hea"))
    compared = 0
    for name in names:
        try:
            ours = read_wfdb(folder, name)
        except BadRecord:
            assert name == "1003"  # published without its signal file
            continue
        theirs = wfdb.rdrecord(str(folder / name), return_res=32)
        assert np.allclose(ours.signal, theirs.p_signal.T, equal_nan=True, atol=1e-4)
        compared += 1
    assert compared == len(names) - 1 >= 14
