"""A whole preparation: every record once, whatever interrupts it and however many work at it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from src.data.prepare import blocks, engine
from src.data.prepare.engine import Settings, merge, prepare
from src.data.prepare.options import PrepareConfig
from src.data.prepared import PreparedDataset
from src.errors import BadRecord, StoppedBySignal, UserError

ROOT = Path(__file__).resolve().parents[3]


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a prepared folder by its name, without locks."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix != ".lock" and path.name != "lock"}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def here(store="shards", **more) -> Settings:
    return Settings(store=store, workers=0, **more)


@pytest.mark.parametrize("store", ["npz", "shards"])
def test_every_record_is_prepared_in_order_of_names(make_raw, tmp_path, store):
    root, raw = make_raw(8)
    raw.records.reverse()
    summary = prepare(raw, root, tmp_path / "out", here(store))
    assert (summary.records, summary.failed) == (8, {})
    rows = table(tmp_path / "out" / "records.csv")
    assert [row["record"] for row in rows] == [f"r{number:03d}" for number in range(8)]
    assert [row["label"] for row in rows] == ["sick", "well"] * 4
    assert [row["age"] for row in rows] == [str(40 + number) for number in range(8)]
    assert np.load(tmp_path / "out" / "labels.npy").tolist() == [0, 1] * 4
    assert json.loads((tmp_path / "out" / "label_map.json").read_text()) == {
        "label_order": ["sick", "well"], "label_to_int": {"sick": 0, "well": 1}}
    stored = np.fromfile(root / "r003.dat", "<i2").reshape(-1, 2).T / 1000
    found = PreparedDataset(data_path=tmp_path / "out").read(3)[0].signal
    assert np.abs(found - stored).max() < (1e-6 if store == "npz" else 4e-5)


def test_parts_keep_patients_together_and_cover_everything(make_raw, tmp_path):
    root, raw = make_raw(40)
    prepare(raw, root, tmp_path / "out", here())
    parts = json.loads((tmp_path / "out" / "splits.json").read_text())
    assert sorted(name for names in parts.values() for name in names) == [f"r{number:03d}" for number in range(40)]
    patients = [{int(name[1:]) // 2 for name in names} for names in parts.values()]
    assert sum(map(len, patients)) == 20
    assert [len(names) for names in parts.values()] == [32, 4, 4]


@pytest.mark.parametrize(("count", "parts"), [(1, [1, 0, 0]), (2, [2, 0, 0]), (6, [2, 2, 2])])
def test_a_tiny_set_has_the_parts_that_it_can(make_raw, tmp_path, count, parts):
    root, raw = make_raw(count)
    summary = prepare(raw, root, tmp_path / "out", here())
    found = json.loads((tmp_path / "out" / "splits.json").read_text())
    assert [len(names) for names in found.values()] == parts
    assert ("all records train" in summary.notes[-1]) == (parts[1] == 0)


def test_failures_are_named_counted_and_fatal_only_when_asked(make_raw, tmp_path):
    root, raw = make_raw(10, bad=(2, 7))
    raw.missing = {"r999": "no such file"}
    (root / "r004.dat").unlink()
    summary = prepare(raw, root, tmp_path / "out", here())
    assert summary.records == 7
    failures = table(tmp_path / "out" / "failures.csv")
    assert [row["record"] for row in failures] == ["r999", "r002", "r004", "r007"]
    assert all(row["reason"] for row in failures)
    assert failures[1]["path"] == "r002.hea"
    raw.missing = {}
    with pytest.raises(BadRecord, match="r002"):
        prepare(raw, root, tmp_path / "strict", here(on_bad_record="error"))
    assert not (tmp_path / "strict" / "prepare.json").exists()


def test_labels_that_do_not_fit_fail_their_record_alone(make_raw, tmp_path):
    root, raw = make_raw(6)
    raw.records[1] = replace(raw.records[1], labels=())
    raw.records[2] = replace(raw.records[2], labels=("sick", "well"))
    raw.records[3] = replace(raw.records[3], labels=("strange",))
    failed = prepare(raw, root, tmp_path / "out", here()).failed
    assert failed == {"r001": "has no label", "r002": "has several labels; one is expected",
                      "r003": "its label is not among the classes: strange"}


def test_several_labels_are_a_table(make_raw, tmp_path):
    root, raw = make_raw(4)
    raw.kind = "multilabel"
    raw.records[0] = replace(raw.records[0], labels=("sick", "well"))
    raw.records[1] = replace(raw.records[1], labels=())
    prepare(raw, root, tmp_path / "out", here())
    assert np.load(tmp_path / "out" / "labels.npy").tolist() == [[1, 1], [0, 0], [1, 0], [0, 1]]


def test_nothing_outside_the_raw_root_is_read(make_raw, tmp_path):
    root, raw = make_raw(3)
    other, _ = make_raw(3, name="other")
    raw.records[0] = replace(raw.records[0], path="../other/r000.hea")
    raw.records[1] = replace(raw.records[1], path=str(other / "r001.hea"))
    (root / "link").symlink_to(other)
    raw.records[2] = replace(raw.records[2], path="link/r002.hea")
    with pytest.raises(UserError, match="none of 3 records"):
        prepare(raw, root, tmp_path / "out", here(config=PrepareConfig(("I", "II"), "mV", 100.0)))
    assert all("outside" in row["reason"] for row in table(tmp_path / "out" / "failures.csv"))


def test_what_most_have_is_what_all_get(make_raw, tmp_path, write):
    root, raw = make_raw(6)
    write(root, "r001", np.arange(800).reshape(200, 4), 50.0, ("V1", "II", "I", "resp"))
    summary = prepare(raw, root, tmp_path / "out", here())
    data = PreparedDataset(data_path=tmp_path / "out")
    assert (data.spec.channels, data.spec.rate_hz, data.spec.unit) == (("I", "II"), 100, "mV")
    assert data.records.length.tolist() == [200, 400, 200, 200, 200, 200]
    assert "1 records resampled from 50 to 100 Hz (polyphase)" in summary.notes


def test_oddities_are_counted(make_raw, tmp_path, write):
    root, raw = make_raw(6)
    flat = np.full((200, 2), 7)
    flat[:, 0] = np.arange(200)
    gappy = np.arange(400).reshape(200, 2)
    gappy[3:6, 1] = -32768
    write(root, "r001", flat)
    write(root, "r002", gappy)
    write(root, "r003", np.arange(200)[:, None], leads=("I",))
    notes = prepare(raw, root, tmp_path / "out", here()).notes
    assert notes[:3] == ("1 records lack some of the leads: masked", "1 records have flat leads: kept",
                         "1 records lack 3 samples within their leads: masked")
    view = PreparedDataset(data_path=tmp_path / "out").read(3)[0]
    assert view.channel_mask.tolist() == [True, False]


def test_pieces_of_one_recording_are_records(make_raw, tmp_path, monkeypatch):
    root, raw = make_raw(2)
    raw.records = [replace(raw.records[0], name=f"beat{start:03d}", start=start, samples=40)
                   for start in (-10, 50, 180)]
    opened = []
    original = blocks.read_recording
    monkeypatch.setattr(blocks, "read_recording", lambda *more: (opened.append(more), original(*more))[1])
    blocks._whole.cache_clear()
    config = PrepareConfig(("I",), "mV", 200.0)
    prepare(raw, root, tmp_path / "out", here(config=config))
    assert len(opened) == 1, "the recording is read once for all its pieces"
    data = PreparedDataset(data_path=tmp_path / "out")
    assert data.records.length.tolist() == [80, 80, 80]
    assert data.read(0)[0].time_mask.tolist() == [False] * 20 + [True] * 60
    assert data.read(2)[0].time_mask.tolist() == [True] * 40 + [False] * 40


def test_names_become_file_names_that_differ(make_raw, tmp_path):
    root, raw = make_raw(5)
    for number, name in enumerate(("a/b", "a_b", "A:b", "..", "x" * 400)):
        raw.records[number] = replace(raw.records[number], name=name)
    prepare(raw, root, tmp_path / "out", here("npz"))
    assert len(list((tmp_path / "out" / "records").iterdir())) == 5
    assert len(PreparedDataset(data_path=tmp_path / "out")) == 5


def interrupted(raw, root, output, after: int, monkeypatch, **more) -> None:
    """A preparation that is asked to stop after so many records."""
    seen = iter(range(after))

    class Asked:
        def __enter__(self):
            return lambda: next(seen, None) is None

        def __exit__(self, *error):
            return None

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_stop_signals", Asked)
        with pytest.raises(StoppedBySignal, match="the same command goes on"):
            prepare(raw, root, output, here(**more))


@pytest.mark.parametrize("store", ["npz", "shards"])
@pytest.mark.parametrize("after", [0, 1, 5, 11])
def test_stopped_anywhere_it_goes_on_and_redoes_nothing(make_raw, tmp_path, monkeypatch, store, after):
    root, raw = make_raw(70, bad=(3,))
    prepare(raw, root, tmp_path / "whole", here(store))
    interrupted(raw, root, tmp_path / "out", after, monkeypatch, store=store)
    finished = {path.name: path.read_bytes() for path in (tmp_path / "out" / "journal").glob("*.jsonl")}
    lines = b"".join(finished.values()).count(b"\n")
    assert 1 <= lines <= after + 2
    done = []
    original = blocks._prepared
    monkeypatch.setattr(blocks, "_prepared", lambda job, record, *more: (done.append(record.name),
                                                                         original(job, record, *more))[1])
    prepare(raw, root, tmp_path / "out", here(store))
    assert done == [f"r{number:03d}" for number in range(lines, 70)]
    assert content(tmp_path / "out") == content(tmp_path / "whole")


@pytest.mark.parametrize("store", ["npz", "shards"])
def test_torn_files_of_a_killed_process_are_made_good(make_raw, tmp_path, monkeypatch, store):
    root, raw = make_raw(70)
    prepare(raw, root, tmp_path / "whole", here(store))
    interrupted(raw, root, tmp_path / "out", 9, monkeypatch, store=store)
    journal = max((tmp_path / "out" / "journal").glob("*.jsonl"))
    os.truncate(journal, journal.stat().st_size - 5)
    if store == "shards":
        with max((tmp_path / "out" / "shards").glob("*.bin")).open("ab") as shard:
            shard.write(b"half a record")
    else:
        (tmp_path / "out" / "records" / ".r010.npz.7.tmp").write_bytes(b"half a record")
    prepare(raw, root, tmp_path / "out", here(store))
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_what_is_finished_is_left_alone(make_raw, tmp_path, monkeypatch):
    root, raw = make_raw(6, bad=(1,))
    first = prepare(raw, root, tmp_path / "out", here())
    before = content(tmp_path / "out")
    monkeypatch.setattr(blocks, "_prepared", None)
    assert prepare(raw, root, tmp_path / "out", here()) == first
    assert content(tmp_path / "out") == before


@pytest.mark.parametrize(("change", "message"), [
    ({"config": PrepareConfig(resample_hz=50)}, r"--prepare_args: begun with .*resample_hz=0.0.*now .*resample_hz=50"),
    ({"store": "npz"}, "--store: begun with shards, now npz"),
    ({"limit": 3}, "--limit: begun with None, now 3"),
    ({"split": (1.0, 0.0, 0.0, 42)}, "--split_ratio and --seed"),
    ({"options": {"labels": "x.csv"}}, "--dataset_args: begun with none, now labels=x.csv"),
])
def test_another_configuration_in_the_same_folder_is_refused(make_raw, tmp_path, change, message):
    root, raw = make_raw(6)
    prepare(raw, root, tmp_path / "out", here())
    before = content(tmp_path / "out")
    with pytest.raises(UserError, match=message):
        prepare(raw, root, tmp_path / "out", replace(here(), **change))
    assert content(tmp_path / "out") == before


def test_other_records_in_the_same_folder_are_refused(make_raw, tmp_path):
    root, raw = make_raw(6)
    prepare(raw, root, tmp_path / "out", here())
    raw.records[2] = replace(raw.records[2], labels=("well",))
    with pytest.raises(UserError, match="the records found"):
        prepare(raw, root, tmp_path / "out", here())


def test_a_folder_with_something_else_is_refused(make_raw, tmp_path):
    root, raw = make_raw(3)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    with pytest.raises(UserError, match="not an empty folder"):
        prepare(raw, root, tmp_path / "mine", here())
    with pytest.raises(UserError, match="a file"):
        prepare(raw, root, tmp_path / "mine" / "notes.txt", here())
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_a_second_preparation_is_refused_and_told_who_works_there(make_raw, tmp_path):
    root, raw = make_raw(3)
    with engine.locked(tmp_path / "out" / "journal" / "lock"), \
            pytest.raises(UserError, match=f"another preparation works in this folder .process {os.getpid()} on"):
        prepare(raw, root, tmp_path / "out", here())
    assert prepare(raw, root, tmp_path / "out", here()).records == 3


def test_shards_of_a_batch_system_give_what_one_process_gives(make_raw, tmp_path):
    root, raw = make_raw(70, bad=(5,))
    prepare(raw, root, tmp_path / "whole", here())
    for part in (2, 3):
        assert prepare(raw, root, tmp_path / "out", here(shard=(part, 3))) is None
    with pytest.raises(UserError, match="blocks of records are not finished"):
        merge(tmp_path / "out")
    assert prepare(raw, root, tmp_path / "out", here(shard=(1, 3))).records == 69
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    (tmp_path / "out" / "prepare.json").unlink()
    assert merge(tmp_path / "out").records == 69
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    with pytest.raises(UserError, match="no preparation was begun"):
        merge(tmp_path / "nowhere")


def test_more_shards_than_records(make_raw, tmp_path):
    root, raw = make_raw(2)
    found = [prepare(raw, root, tmp_path / "out", here(shard=(part, 4))) for part in (1, 2, 3, 4)]
    assert found[0] is None
    assert found[3].records == 2


def test_limit_takes_the_first_names(make_raw, tmp_path):
    root, raw = make_raw(9)
    prepare(raw, root, tmp_path / "out", here(limit=4))
    assert [row["record"] for row in table(tmp_path / "out" / "records.csv")] == ["r000", "r001", "r002", "r003"]


def test_a_set_without_anything_readable_says_why(make_raw, tmp_path):
    root, raw = make_raw(3, bad=(0, 1, 2))
    with pytest.raises(UserError, match="no recording can be read; the first: r000"):
        prepare(raw, root, tmp_path / "out", here())
    raw.records = []
    with pytest.raises(UserError, match="there is none"):
        prepare(raw, root, tmp_path / "out2", here())


def test_a_full_disk_is_no_fault_of_the_record(make_raw, tmp_path, monkeypatch):
    from src.data.prepare.shard_store import ShardWriter

    root, raw = make_raw(3)

    def full(*more):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(ShardWriter, "write", full)
        with pytest.raises(OSError, match="No space left"):
            prepare(raw, root, tmp_path / "out", here())
    assert prepare(raw, root, tmp_path / "out", here()).records == 3


def test_the_number_of_processes_does_not_show(make_raw, tmp_path):
    root, raw = make_raw(30, bad=(4,))
    prepare(raw, root, tmp_path / "one", here())
    prepare(raw, root, tmp_path / "two", replace(here(), workers=2))
    assert content(tmp_path / "one") == content(tmp_path / "two")


SCRIPT = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from src.data.prepare import blocks
    from src.data.prepare.engine import Settings, prepare
    from src.data.sets.folder import Options, find
    original = blocks._prepared
    def slowly(*more):
        time.sleep(0.005)
        return original(*more)
    blocks._prepared = slowly
    if __name__ == "__main__":
        root, output, store, workers = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
        prepare(find(root, Options()), root, output, Settings(store=store, workers=workers))
""")


def kill_and_go_on(root: Path, output: Path, store: str, workers: int, kills: int, number: int) -> int:
    """How many kills met a preparation that was at work; it is finished afterwards."""
    script = output.parent / "work.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(root), str(output), store, str(workers)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    rng, met = np.random.default_rng(kills), 0
    for _ in range(kills):
        before = lines(output)
        wanted = before + int(rng.integers(1, number // (kills + 1)))
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        while process.poll() is None and lines(output) < wanted:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        met += process.wait() == -signal.SIGKILL
        assert lines(output) >= before, "nothing finished is lost"
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL)
    return met


def differing(first: dict[str, bytes], second: dict[str, bytes]) -> dict[str, tuple[bytes | None, bytes | None]]:
    return {name: (first.get(name), second.get(name)) for name in first.keys() | second.keys()
            if first.get(name) != second.get(name)}


def lines(output: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in (output / "journal").glob("*.jsonl"))


def write_folder(make_raw, count: int) -> Path:
    root, raw = make_raw(count)
    rows = "".join(f"{record.name},{record.labels[0]},{record.subject}\n" for record in raw.records)
    (root / "labels.csv").write_text("record,label,subject\n" + rows)
    return root


def whole(root: Path, output: Path, store: str) -> dict[str, bytes]:
    from src.data.sets.folder import Options, find

    prepare(find(root, Options()), root, output, here(store))
    return content(output)


def test_killed_twice_the_result_is_the_same(make_raw, tmp_path):
    root = write_folder(make_raw, 90)
    assert kill_and_go_on(root, tmp_path / "out", "shards", 0, 2, 90) == 2
    assert content(tmp_path / "out") == whole(root, tmp_path / "whole", "shards")


@pytest.mark.slow
@pytest.mark.parametrize("store", ["npz", "shards"])
def test_killed_eight_times_with_two_workers_the_result_is_the_same(make_raw, tmp_path, store):
    root = write_folder(make_raw, 500)
    assert kill_and_go_on(root, tmp_path / "out", store, 2, 8, 500) == 8
    assert differing(content(tmp_path / "out"), whole(root, tmp_path / "whole", store)) == {}


@pytest.mark.slow
def test_two_workers_of_ray_give_what_one_process_gives(make_raw, tmp_path):
    pytest.importorskip("ray")
    root, raw = make_raw(70, bad=(5,))
    prepare(raw, root, tmp_path / "whole", here())
    prepare(raw, root, tmp_path / "out", replace(here(), workers=2, engine="ray"))
    assert content(tmp_path / "out") == content(tmp_path / "whole")
