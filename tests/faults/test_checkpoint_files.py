"""Damaged, hostile and foreign files in the place of a checkpoint: refused by name, or loaded with the same bits."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import zipfile

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from src.errors import UserError
from src.trainer import checkpoint
from tests.helpers import TinyNet, difference, make_trainer, resumable, rows

STATE = {"model": {"weight": torch.arange(60.0).reshape(6, 10), "count": torch.tensor(3)}, "epoch": 2,
         "resume": {"best": None, "names": ["a", "b"]}}
MANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "last.pth"
    checkpoint.write(STATE, path)
    return path


def refused_or_the_same(path) -> bool:
    """True where the file was refused by its name; False where it gave the very state; anything else fails."""
    try:
        state = checkpoint.read(path)
    except UserError as error:
        if str(path) not in error.message:
            raise
        return True
    assert difference(state, {"format": checkpoint.FORMAT, **STATE}) == ""
    return False


# --------------------------------------------------------------------------------------------- damage
def test_a_checkpoint_cut_short_anywhere_is_refused(good, tmp_path):
    whole, path = good.read_bytes(), tmp_path / "cut.pth"
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert refused_or_the_same(path), f"{length} of {len(whole)} bytes were taken for a checkpoint"


@MANY
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@example(place=0.0, bit=0)
def test_a_flipped_bit_is_refused_or_changes_nothing(good, tmp_path, place, bit):
    content, path = bytearray(good.read_bytes()), tmp_path / "flipped.pth"
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    refused_or_the_same(path)


@pytest.mark.slow
def test_every_single_flipped_bit_is_refused_or_changes_nothing(good, tmp_path):
    whole, path = good.read_bytes(), tmp_path / "flipped.pth"
    refused = 0
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        refused += refused_or_the_same(path)
    assert refused > len(whole) // 4


def test_a_flipped_bit_in_the_weights_is_refused_though_torch_would_load_it(good, tmp_path):
    content, path = bytearray(good.read_bytes()), tmp_path / "flipped.pth"
    content[content.index(torch.arange(60.0).numpy().tobytes()) + 40] ^= 1
    path.write_bytes(content)
    torch.load(path, weights_only=True)  # no complaint: this is why checksums are verified
    with pytest.raises(UserError, match="checksum"):
        checkpoint.read(path)


@MANY
@given(content=st.binary(max_size=200))
@example(content=b"PK\x05\x06" + bytes(18))
@example(content=b"\x80\x02}.")
def test_any_other_bytes_are_refused(tmp_path, content):
    path = tmp_path / "noise.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"noise\.pth"):
        checkpoint.read(path)


def test_every_checkpoint_of_a_run_opens_with_torch_alone(tmp_path):
    make_trainer(tmp_path, ema=0.9, precision="fp16", save_freq=1, epochs=2).train()
    names = sorted(path.name for path in (tmp_path / "run").glob("*.pth"))
    assert names == ["best_model.pth", "checkpoint-1.pth", "checkpoint-2.pth", "last.previous.pth", "last.pth"]
    for name in names:
        state = torch.load(tmp_path / "run" / name, weights_only=True)
        assert set(state["model"]) == set(TinyNet().state_dict())
        assert zipfile.ZipFile(tmp_path / "run" / name).testzip() is None


# --------------------------------------------------------------------------------------------- other files
class Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)


def zipped_pickle(path):
    torch.save({"format": 1, "model": {}, "evil": Evil()}, path)


def bare_pickle(path):
    path.write_bytes(pickle.dumps({"format": 1, "model": Evil()}))


def old_torch_pickle(path):
    torch.save({"format": 1, "model": Evil()}, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize(("make", "says"), [(zipped_pickle, r"refused: it asks for (posix|nt)\.system"),
                                            (bare_pickle, "bare pickle"), (old_torch_pickle, "bare pickle")])
def test_a_pickle_with_code_is_refused_and_nothing_runs(tmp_path, monkeypatch, make, says):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "evil.pth")
    with pytest.raises(UserError, match=says) as refused:
        checkpoint.read(tmp_path / "evil.pth")
    assert "evil.pth" in refused.value.message
    assert refused.value.hint == "nothing in it was executed"
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(("content", "says"), [(b"", "an empty file"), (b"epoch,loss\n1,2\n", "a text file"),
                                               ("Größe\n".encode(), "a text file"), (b"\x00\x01\x02", "another kind"),
                                               (b"PK\x03\x04 and no end", "truncated or damaged archive")])
def test_a_file_of_another_kind_is_refused_with_what_it_is(tmp_path, content, says):
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    with pytest.raises(UserError, match=says):
        checkpoint.read(path)


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(UserError, match="a folder"):
        checkpoint.read(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        checkpoint.read(tmp_path / "nowhere.pth")


def test_an_archive_that_is_no_torch_file_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("a.txt", "hello")
    with pytest.raises(UserError, match=r"photos\.zip"):
        checkpoint.read(tmp_path / "photos.zip")


@pytest.mark.parametrize("content", [[1, 2], {"weight": torch.zeros(2)}, {"format": 1}, {"format": "x", "model": {}},
                                     {"format": 1, "model": [1]}, {"format": None, "model": {}}], ids=str)
def test_a_torch_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "foreign.pth")
    with pytest.raises(UserError, match="not a checkpoint"):
        checkpoint.read(tmp_path / "foreign.pth")


def test_a_newer_format_is_refused_with_both_numbers(tmp_path):
    torch.save({"format": 99, "model": {}}, tmp_path / "new.pth")
    with pytest.raises(UserError, match=f"format 99, this one reads {checkpoint.FORMAT}"):
        checkpoint.read(tmp_path / "new.pth")


# --------------------------------------------------------------------------------------------- falling back
def damage(path) -> None:
    path.unlink()  # the bytes may also be best_model.pth
    path.write_bytes(b"PK\x03\x04 cut short")


def test_an_unreadable_last_falls_back_loudly_and_the_good_one_is_kept(tmp_path, capsys):
    make_trainer(tmp_path / "whole").train()
    make_trainer(tmp_path / "cut", epochs=4).train()
    folder = tmp_path / "cut/run"
    damage(folder / "last.pth")
    again = make_trainer(tmp_path / "cut", resume=str(folder))
    again._open()
    said = capsys.readouterr().err
    assert "last.pth: a truncated or damaged archive" in said
    assert "falling back" in said
    assert f"resumed from {folder / 'last.previous.pth'}" in said
    assert again.current_epoch == 3
    again._close()
    checkpoint.read(folder / "last.previous.pth")
    make_trainer(tmp_path / "cut", resume=str(folder)).train()
    assert difference(resumable(tmp_path / "whole/run"), resumable(folder)) == ""
    assert rows(tmp_path / "whole/run") == rows(folder)


def test_a_damaged_last_never_takes_the_place_of_the_good_previous_one(tmp_path):
    make_trainer(tmp_path, epochs=3).train()
    folder = tmp_path / "run"
    damage(folder / "last.pth")
    again = make_trainer(tmp_path, resume=str(folder), epochs=3)
    again._open()
    again._save(False)  # the first save after falling back
    again._close()
    for name in ("last.pth", "last.previous.pth"):
        checkpoint.read(folder / name)


def test_nothing_readable_left_names_both_files_and_the_way_out(tmp_path):
    make_trainer(tmp_path, epochs=3).train()
    for name in ("last.pth", "last.previous.pth"):
        damage(tmp_path / "run" / name)
    with pytest.raises(UserError, match=r"(?s)last\.pth.*last\.previous\.pth.*--init_from .*best_model\.pth"):
        make_trainer(tmp_path, resume=str(tmp_path / "run"), epochs=3).train()


def test_a_folder_without_a_checkpoint_is_named(tmp_path):
    with pytest.raises(UserError, match=r"holds no last\.pth"):
        checkpoint.read_last(tmp_path)


# --------------------------------------------------------------------------------------------- full disk
@pytest.mark.parametrize("failing", ["save", "fsync", "replace"])
def test_a_write_that_fails_leaves_the_last_good_file_and_no_litter(tmp_path, monkeypatch, failing):
    path = tmp_path / "last.pth"
    checkpoint.write({"model": {"a": torch.ones(3)}}, path)

    def fail(*args, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*{"save": (torch, "save"), "fsync": (os, "fsync"), "replace": (os, "replace")}[failing], fail)
    with pytest.raises(OSError, match="No space"):
        checkpoint.write({"model": {"a": torch.zeros(3)}}, path, keep_previous=True)
    monkeypatch.undo()
    assert checkpoint.read(path)["model"]["a"].tolist() == [1, 1, 1]
    assert {found.name for found in tmp_path.iterdir()} <= {"last.pth", "last.previous.pth"}


def test_a_short_write_that_nobody_reported_is_noticed(tmp_path, monkeypatch):
    path, save = tmp_path / "last.pth", torch.save
    checkpoint.write({"model": {"a": torch.ones(3)}}, path)

    def short(state, file):
        save(state, file)
        file.truncate(file.tell() - 40)

    monkeypatch.setattr(torch, "save", short)
    with pytest.raises(OSError, match=r"only \d+ bytes of it arrived"):
        checkpoint.write({"model": {"a": torch.zeros(3)}}, path)
    assert checkpoint.read(path)["model"]["a"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"),
                                   RuntimeError("[enforce fail at inline_container.cc:783] . unexpected pos 64 vs 0")],
                         ids=lambda error: type(error).__name__)
def test_a_run_whose_checkpoint_cannot_be_written_ends_as_the_users_error(tmp_path, monkeypatch, error):
    trainer = make_trainer(tmp_path)
    save, saved = torch.save, []

    def failing(state, file):
        saved.append(1)
        if len(saved) > 2:
            raise error
        save(state, file)

    monkeypatch.setattr(torch, "save", failing)
    with pytest.raises(UserError, match=r"last\.pth: the checkpoint could not be written") as told:
        trainer.train()
    assert told.value.exit_code == 2
    assert "what was saved before is intact" in told.value.hint
    monkeypatch.undo()
    assert checkpoint.read(tmp_path / "run/last.pth")["epoch"] == 2
    again = make_trainer(tmp_path, resume=str(tmp_path / "run"))
    again.train()
    assert again.current_epoch == 4


def test_a_copy_is_made_where_the_file_system_has_no_hard_links(tmp_path, monkeypatch):
    def no_links(*args, **more):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    make_trainer(tmp_path, epochs=2, save_freq=1).train()
    folder = tmp_path / "run"
    for name in ("last.pth", "last.previous.pth", "best_model.pth", "checkpoint-1.pth", "checkpoint-2.pth"):
        checkpoint.read(folder / name)
    assert not list(folder.glob(".*"))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root on Linux can mount a small tmpfs: " + mounted.stderr.decode().strip())
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_fills_up_leaves_the_run_resumable(small_disk):
    filler = small_disk / "filler"
    trainer = make_trainer(small_disk)
    save = trainer._save

    def save_and_fill(is_best):
        save(is_best)
        if trainer.current_epoch == 2:
            fill(filler)

    trainer._save = save_and_fill
    with pytest.raises(UserError) as told:
        trainer.train()
    assert told.value.exit_code == 2
    assert checkpoint.read(small_disk / "run/last.pth")["epoch"] == 2
    filler.unlink()
    again = make_trainer(small_disk, resume=str(small_disk / "run"))
    again.train()
    assert again.current_epoch == 4


def fill(filler) -> None:
    """Until nothing more goes onto the disk."""
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))


# --------------------------------------------------------------------------------------------- what is kept
def test_only_the_oldest_numbered_checkpoints_are_removed(tmp_path):
    for name in ("checkpoint-2.pth", "checkpoint-10.pth", "checkpoint-9.pth", "checkpoint-best.pth",
                 "checkpoint-1.pth.bak", "last.pth", "my-checkpoint-1.pth", "checkpoint-.pth", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    checkpoint.prune(tmp_path, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint-.pth", "checkpoint-1.pth.bak", "checkpoint-10.pth", "checkpoint-9.pth", "checkpoint-best.pth",
        "last.pth", "my-checkpoint-1.pth", "notes.txt"]


def test_the_litter_of_a_save_that_was_killed_goes_with_the_next_save(tmp_path):
    litter, other = tmp_path / ".last.pth.123.tmp", tmp_path / ".notes.tmp"
    litter.write_bytes(bytes(1000))
    other.write_bytes(b"mine")
    checkpoint.write(STATE, tmp_path / "last.pth")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".notes.tmp", "last.pth"]
